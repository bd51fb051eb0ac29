"""The wall as a person uses it: a file in Debian's Chromium, and real servers."""

import asyncio
import os
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.web.wall.check import Seen
from edge_srcnn.web.wall.page import Look
from tests.edge_srcnn.web.chromium import PROGRAM, Browser, Tab
from tests.edge_srcnn.web.relay import Relay
from tests.edge_srcnn.web.serving import by_hand, flat, get, wait_until
from tests.edge_srcnn.web.test_tls import make_certificate
from tests.edge_srcnn.web.wall.walls import (
    LEVELS,
    SIGNALS,
    WINDOWS,
    camera,
    free_port,
    one_server_before,
    served_by_https,
    watch,
    write_wall,
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")]

TOKEN = "0123456789abcdef"
STATUS = "tiles[{}].find('.status').textContent"
LONG_S = 40.0  # the longest pause between two tries is 10 s


def clients(sink) -> int:
    return int(get(sink, "/state").json["clients"])


def test_a_camera_that_dies_is_told_and_comes_back_while_the_others_move(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack:
        dying = stack.enter_context(ExitStack())
        dying.enter_context(camera(port=port, name="Gate"))
        others = [stack.enter_context(camera(name=name)) for name in ("Garden", "Roof")]
        address = write_wall(tmp_path / "wall.html", f"http://127.0.0.1:{port}", *(each.address for each in others))

        async def steps(tab: Tab) -> None:
            async def moving(numbers: tuple[int, ...]) -> None:
                before = await tab.evaluate(LEVELS)
                await tab.wait_for(f"((now) => {list(numbers)}.every((at) => now[at] !== {before}[at]))({LEVELS})")

            await tab.wait_for(f"{SIGNALS} === 'live,live,live'")
            await moving((0, 1, 2))
            await tab.wait_for("tiles.map((tile) => tile.name).join() === 'Gate,Garden,Roof'")  # by their own word
            assert await tab.evaluate("$('summary').textContent") == "3 of 3 live"
            dying.close()
            await tab.wait_for(f"{SIGNALS} === 'lost,live,live'")
            assert re.fullmatch(r"No answer since \d\d:\d\d:\d\d", await tab.evaluate(STATUS.format(0)))
            assert await tab.evaluate("$('told').textContent") == "Gate: " + await tab.evaluate(STATUS.format(0))
            assert await tab.evaluate("$('summary').textContent") == "2 of 3 live"
            still = (await tab.evaluate(LEVELS))[0]
            await moving((1, 2))
            assert (await tab.evaluate(LEVELS))[0] == still  # the last picture stays, greyed by the style
            stack.enter_context(camera(port=port, name="Gate"))
            await tab.wait_for(f"{SIGNALS} === 'live,live,live'", LONG_S)
            await tab.wait_for("$('told').textContent === 'Gate: live again'")
            await moving((0, 1, 2))

        watch(browser, address, steps)


def test_a_network_that_falls_silent_is_noticed(browser: Browser, tmp_path: Path) -> None:
    with camera() as sink:
        relay = Relay(sink.address)

        async def steps(tab: Tab) -> None:
            await tab.wait_for(f"{SIGNALS} === 'live'")
            relay.silence()
            await tab.wait_for(f"{SIGNALS} === 'lost'")
            relay.answer(forget=True)
            await tab.wait_for(f"{SIGNALS} === 'live'", LONG_S)

        with relay:
            watch(browser, write_wall(tmp_path / "wall.html", relay.address), steps)


def test_a_camera_behind_the_server_that_gives_nothing_is_told(browser: Browser, tmp_path: Path) -> None:
    with by_hand("cors=null") as sink:
        sink.write(flat())

        async def steps(tab: Tab) -> None:
            await tab.wait_for("tiles[0].signal === 'lost'")
            assert (await tab.evaluate(STATUS.format(0))).startswith("No signal since ")

        watch(browser, write_wall(tmp_path / "wall.html", sink.address), steps)


def test_tiles_that_cannot_be_seen_do_not_load(browser: Browser, tmp_path: Path) -> None:
    with ExitStack() as stack:
        sinks = [stack.enter_context(camera()) for _ in range(2)]
        away = [f"http://127.0.0.1:{free_port()}" for _ in range(22)]  # which fill the phone between them
        address = write_wall(tmp_path / "wall.html", sinks[0].address, *dict.fromkeys(away), sinks[1].address)

        async def steps(tab: Tab) -> None:
            async def looked_at(*numbers: int) -> None:
                for _ in range(200):
                    if [clients(sink) for sink in sinks] == list(numbers):
                        return
                    await asyncio.sleep(0.05)
                raise AssertionError([clients(sink) for sink in sinks])

            await tab.wait_for("tiles[0].signal === 'live'")
            await looked_at(1, 0)
            assert " not in view" in await tab.evaluate("$('summary').textContent")
            await tab.evaluate("main.scrollTo(0, main.scrollHeight)")
            await tab.wait_for("tiles.at(-1).signal === 'live'")
            await looked_at(0, 1)
            await tab.hide(True)
            await looked_at(0, 0)
            await tab.hide(False)
            await looked_at(0, 1)
            await tab.evaluate("enlarge(tiles[0])")
            await looked_at(1, 0)

        watch(browser, address, steps, "phone")


async def reload_until_kept(tab: Tab) -> None:
    """Reloads; a Chromium with much to do may begin a page before it has read what the tab keeps."""
    for _ in range(5):
        await asyncio.sleep(1)
        await tab.evaluate("window.isOld = true")
        await tab.send("Page.reload")
        await tab.wait_for("typeof tiles !== 'undefined' && !window.isOld")
        if await tab.evaluate("sessionStorage.length"):
            return
    raise AssertionError("nothing is kept in five reloads")


def test_a_token_is_asked_for_on_the_tile(browser: Browser, tmp_path: Path) -> None:
    with camera(f"cors=null&token={TOKEN}") as sink:

        async def steps(tab: Tab) -> None:
            async def show(token: str) -> None:
                await tab.evaluate(f"tiles[0].find('input').value = '{token}'; tiles[0].find('form button').click()")

            await tab.wait_for(f"{STATUS.format(0)} === 'Asks for a token'")
            assert await tab.evaluate("tiles[0].find('form').offsetWidth > 0")
            await show("another")
            await tab.wait_for(f"{STATUS.format(0)} === 'Refuses this token'")
            await show(TOKEN)
            await tab.wait_for(f"{SIGNALS} === 'live'")
            assert await tab.evaluate("tiles[0].find('form').hidden")
            assert await tab.evaluate("Object.values(sessionStorage).join()") == TOKEN
            await reload_until_kept(tab)
            await tab.wait_for(f"{SIGNALS} === 'live'")  # it is kept in this tab
            assert TOKEN not in await tab.evaluate("document.documentElement.outerHTML")

        watch(browser, write_wall(tmp_path / "wall.html", sink.address), steps)


def test_without_the_right_to_read_pictures_are_shown_all_the_same(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(camera("frame=http://tv.local", port=port))
        closed = stack.enter_context(camera(""))
        seen = Seen(None, "live", "add cors=null")
        address = write_wall(tmp_path / "w.html", f"http://127.0.0.1:{port}", closed.address, seen=seen)

        async def steps(tab: Tab) -> None:
            await tab.wait_for("tiles[0].signal === 'live' && tiles[0].find('.plain').naturalWidth === 64", LONG_S)
            assert await tab.evaluate("tiles[0].plain")
            assert await tab.evaluate("tiles[1].signal") == "lost"
            assert "add cors=null" in await tab.evaluate("tiles[1].find('.notice').textContent")
            stack.close()
            await tab.wait_for("tiles[0].signal === 'lost'", LONG_S)
            with camera("frame=http://tv.local", port=port):
                await tab.wait_for("tiles[0].signal === 'live' && !tiles[0].find('.plain').hidden", LONG_S)

        watch(browser, address, steps)


@pytest.mark.parametrize("options", ["cors=null", "frame=http://tv.local"])
def test_single_pictures_take_the_place_of_streams(browser: Browser, tmp_path: Path, options: str) -> None:
    with camera(options) as sink:

        async def steps(tab: Tab) -> None:
            await tab.wait_for(f"{SIGNALS} === 'live'", LONG_S)
            assert await tab.evaluate("tiles[0].following.endsWith('pictures camera')")
            drawn = "tiles[0].takenAt"
            first = await tab.evaluate(drawn)
            await tab.wait_for(f"{drawn} > {first} + 600")
            assert clients(sink) == 0

        look = Look(view="camera", every_s=0.3)
        watch(browser, write_wall(tmp_path / "w.html", sink.address, look=look), steps)


def test_many_cameras_on_one_server_leave_connections_free(browser: Browser, tmp_path: Path) -> None:
    with camera() as sink, one_server_before(sink) as server:
        words = [f"{server}/cam{number}" for number in range(8)]

        async def steps(tab: Tab) -> None:
            await tab.wait_for(f"{SIGNALS} === '{','.join(['live'] * 8)}'", LONG_S)
            kinds = await tab.evaluate("tiles.map((tile) => tile.following)")
            assert kinds == ["stream enhanced"] * 4 + ["pictures enhanced"] * 4
            await tab.evaluate("enlarge(tiles[7])")
            await tab.wait_for("tiles[7].following === 'stream enhanced' && tiles[7].signal === 'live'")

        watch(browser, write_wall(tmp_path / "wall.html", *words), steps)
        wait_until(lambda: clients(sink) == 0)


def test_certificates_of_their_own_and_mixed_content_are_explained(browser: Browser, tmp_path: Path) -> None:
    with camera(f"cors=null&{make_certificate(tmp_path, 'pi')}", scheme="https") as sink:
        own = write_wall(tmp_path / "own.html", sink.address)
        write_wall(tmp_path / "mixed.html", "http://camera.invalid:8080", sink.address)

        async def steps(tab: Tab) -> None:
            notice = "tiles[0].find('.notice').textContent"
            await tab.wait_for(f"{notice}.startsWith('Has it a certificate of its own?')")
            await tab.send("Security.enable")
            await tab.send("Security.setIgnoreCertificateErrors", ignore=True)  # as one who accepts them
            await tab.wait_for(f"{SIGNALS} === 'live'", LONG_S)
            with served_by_https(tmp_path) as address:
                await tab.open(f"{address}/mixed.html", 1280, 800)
                await tab.wait_for(f"{notice}.startsWith('This page came by HTTPS')")

        watch(browser, own, steps)


def test_a_camera_is_large_at_once_when_the_address_names_it(browser: Browser, tmp_path: Path) -> None:
    address = write_wall(tmp_path / "w.html", "A=http://a.invalid", "Front door=http://b.invalid")

    async def steps(tab: Tab) -> None:
        assert await tab.evaluate("large === tiles[1]")

    watch(browser, f"{address}#Front%20door", steps)


def test_keys_move_enlarge_and_go_back(browser: Browser, tmp_path: Path) -> None:
    words = [f"{name}=http://127.0.0.1:{free_port()}" for name in "ABCDEFG"]
    focused = "tiles.findIndex((tile) => tile.button === document.activeElement)"

    async def steps(tab: Tab) -> None:
        columns = await tab.evaluate("arrange()")
        assert 2 <= columns < 7
        for key, at in (
            *(("ArrowDown", 0), ("ArrowRight", 1), ("ArrowDown", 1 + columns), ("ArrowUp", 1), ("ArrowUp", 1)),
            *(("ArrowLeft", 0), ("ArrowLeft", 0), ("End", 6), ("ArrowRight", 6), ("Home", 0), ("ArrowRight", 1)),
        ):
            await tab.key(key)
            assert await tab.evaluate(focused) == at, key
        await tab.send("Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", text="\r")
        await tab.wait_for("large === tiles[1]")
        assert await tab.evaluate("tiles.filter((tile) => tile.element.offsetWidth > 0).length") == 1
        for key, at in (("ArrowLeft", 0), ("ArrowLeft", 6), ("ArrowRight", 0)):
            await tab.key(key)
            assert await tab.evaluate("tiles.indexOf(large)") == at, key
        await tab.key("Escape")
        assert await tab.evaluate(f"large === null && {focused} === 0")
        await tab.evaluate("tiles[2].button.click()")
        assert await tab.evaluate("large === tiles[2]")
        await tab.evaluate("$('back').click()")
        assert await tab.evaluate(f"large === null && {focused} === 2")
        await tab.evaluate("document.documentElement.requestFullscreen = () => Promise.resolve(window.asked = true)")
        await tab.key("f")
        assert await tab.evaluate("window.asked")

    watch(browser, write_wall(tmp_path / "wall.html", *words), steps)


@pytest.mark.parametrize("number", [1, 2, 5, 10, 33])
@pytest.mark.parametrize("window", WINDOWS)
def test_any_number_of_tiles_fits(browser: Browser, tmp_path: Path, number: int, window: str) -> None:
    words = [f"http://camera{each}.invalid:{8080 + each}" for each in range(number)]

    async def steps(tab: Tab) -> None:
        await tab.wait_for("tiles.at(-1).element.offsetWidth > 0")
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await tab.evaluate("main.scrollWidth <= main.clientWidth")
        assert await tab.evaluate("tiles[0].element.offsetWidth") >= 160
        if window == "desktop" and number <= 10:
            assert await tab.evaluate("main.scrollHeight <= main.clientHeight")
        assert await tab.evaluate("getComputedStyle(document.body).backgroundColor !== 'rgba(0, 0, 0, 0)'")

    watch(browser, write_wall(tmp_path / "wall.html", *words), steps, window)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_no_serious_fault(browser: Browser, tmp_path: Path, scheme: str) -> None:
    axe = os.environ.get("EDGE_SRCNN_AXE")
    if not axe:
        pytest.skip("EDGE_SRCNN_AXE names no axe.min.js")
    with camera(name="Garden") as live, camera(f"cors=null&token={TOKEN}", name="Gate") as closed:
        address = write_wall(
            tmp_path / "w.html", live.address, closed.address, f"http://127.0.0.1:{free_port()}", look=Look("House")
        )

        async def steps(tab: Tab) -> None:
            await tab.wait_for(f"{SIGNALS} === 'live,token,lost'")
            await tab.wait_for("tiles[0].find('.figures').textContent !== ''")
            await tab.evaluate(Path(axe).read_text(encoding="utf-8") + ";0")
            for chosen in ("null", "tiles[0]", "tiles[1]"):
                await tab.evaluate(f"enlarge({chosen})")
                found = await tab.evaluate(
                    "axe.run().then(({ violations }) => violations.map(({ impact, id, nodes }) =>"
                    " [impact, id, nodes.map((node) => node.html)]))"
                )
                assert [each for each in found if each[0] in ("moderate", "serious", "critical")] == []

        watch(browser, address, steps, scheme=scheme)
