"""The drawer of settings, by mouse, keyboard and touch, on the page of a real service."""

import asyncio
import os
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.service.changes import Changes
from tests.edge_srcnn.service.parts import wait_until
from tests.edge_srcnn.web.chromium import PROGRAM, SIGNAL, WINDOWS, Browser, Tab, use
from tests.edge_srcnn.web.controlling import served
from tests.edge_srcnn.web.serving import by_hand, flat

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")]

SMALL = 320, 568
OUTSIDE = """[...document.querySelectorAll("nav *, header *, #drawer *")]
    .filter((each) => each.offsetParent && each.getBoundingClientRect().right > innerWidth + 0.5)
    .map((each) => each.id || each.outerHTML)"""
FOCUS = "document.activeElement.id"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served(source="test:size=160x120,fps=10") as running:
        running.changes = Changes(tmp_path_factory.mktemp("kept") / "c.changes.toml")
        yield running


async def opened(tab: Tab) -> None:
    await tab.wait_for(f'{SIGNAL} === "live" && !$("settings").hidden')
    await tab.evaluate("$('settings').click()")
    await tab.wait_for("drawer.fields.size > 5 && !$('drawer').hidden")


async def set_to(tab: Tab, name: str, value: str, event: str = "change") -> None:
    field = f"$('set-{name}')"
    await tab.evaluate(f"{field}.focus(); {field}.value = {value}; {field}.dispatchEvent(new Event('{event}'))")


@pytest.mark.parametrize("window", [*WINDOWS, "small"])
def test_everything_can_be_reached_and_covers_nothing(browser: Browser, service, window: str) -> None:
    async def steps(tab: Tab) -> None:
        if window == "small":
            size = dict(zip(("width", "height"), SMALL, strict=True))
            await tab.send("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=2, mobile=True)
        await opened(tab)
        assert await tab.evaluate(OUTSIDE) == []
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        boxes = await tab.evaluate(
            """[$("stage"), $("drawer"), document.querySelector("nav"), document.querySelector("header")]
            .map((each) => each.getBoundingClientRect()).map((box) => [box.left, box.top, box.right, box.bottom])"""
        )
        for number, (left, top, right, bottom) in enumerate(boxes):
            assert right > left and bottom > top
            for x, y, to_x, to_y in boxes[number + 1 :]:
                assert min(right, to_x) <= max(left, x) + 0.5 or min(bottom, to_y) <= max(top, y) + 0.5
        assert boxes[0][3] - boxes[0][1] > 100  # of the picture

    use(browser, service.address, steps, "phone" if window == "small" else window)


def test_what_is_changed_on_the_page_is_changed_in_the_service(browser: Browser, service) -> None:
    async def steps(tab: Tab) -> None:
        await opened(tab)
        values = service.control.values
        for name, value, expected, event in (
            ("strength", "0.5", 0.5, "input"),
            ("model", "drawer.fields.get('model').setting.choices.indexOf('fast-m-x2')", "fast-m-x2", "change"),
            ("rotate", "1", 90, "change"),
            ("crop", "'0,0,100,80'", "0,0,100,80", "change"),
            ("crop", "''", None, "change"),
            ("fps", "8", 8.0, "change"),
            ("name", "' Garden '", "Garden", "change"),
        ):
            await set_to(tab, name, value, event)
            await tab.wait_for("!drawer.sending")
            assert values()[name] == expected
        await tab.evaluate("$('set-hflip').click()")
        await tab.wait_for("drawer.values.hflip === true")
        await tab.evaluate(
            "[...document.querySelectorAll('.number button')].find((each) => each.textContent === 'auto').click()"
        )
        await tab.wait_for("drawer.values.strength === 'auto'")
        assert (values()["hflip"], values()["strength"]) == (True, "auto")
        await tab.wait_for("$('name').textContent === 'Garden' && document.title.startsWith('Garden')")
        await tab.wait_for("$('size-out').textContent === '240\u00d7320'")
        service.control.change({"rotate": 0, "hflip": False, "name": None, "fps": None})
        await tab.wait_for("$('set-rotate').value === '0' && !$('set-hflip').checked && $('set-name').value === ''")

    use(browser, service.address, steps)


def test_a_refusal_stands_beside_the_setting_and_goes_when_it_is_mended(browser: Browser, service) -> None:
    async def steps(tab: Tab) -> None:
        await opened(tab)
        await set_to(tab, "crop", "'0,0,9999,1'")
        await tab.wait_for(
            "$('set-crop-note').textContent.includes('does not lie within the picture, which is 160x120')"
        )
        assert await tab.evaluate("$('set-crop').value") == "0,0,9999,1"
        assert await tab.evaluate("$('set-crop').getAttribute('aria-invalid')") == "true"
        await set_to(tab, "crop", "'0,0,99,1x'")
        await tab.wait_for("$('set-crop-note').textContent.startsWith('cannot be 0,0,99,1x; give left,top')")
        assert service.control.values()["crop"] is None
        await set_to(tab, "crop", "''")
        await tab.wait_for("$('set-crop-note').textContent === ''")
        assert await tab.evaluate(
            "$('set-recording').disabled && $('set-recording-note').textContent.startsWith('no sink')"
        )

    use(browser, service.address, steps, complaints=True)  # the browser tells refusals to the console


def test_the_keyboard_alone_opens_changes_and_closes(browser: Browser, service) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(f'{SIGNAL} === "live" && !$("settings").hidden')
        await tab.key(",")
        await tab.wait_for(f"!$('drawer').hidden && {FOCUS} === 'close'")
        split = await tab.evaluate("stage.split")
        await tab.evaluate("$('set-strength').focus()")
        before = await tab.evaluate("Number($('set-strength').value)")
        await tab.key("ArrowRight")
        await tab.wait_for(f"Math.abs(drawer.values.strength - {before} - 0.05) < 1e-6")
        await tab.evaluate("$('set-name').focus()")
        for letter in "csf02":  # which are keys of the picture
            await tab.key(letter)
        assert await tab.evaluate("[stage.split, $('compare').value, document.fullscreenElement]") == [
            split,
            "bicubic",
            None,
        ]
        await tab.key("Escape")
        await tab.wait_for(f"$('drawer').hidden && {FOCUS} === 'settings'")
        assert await tab.evaluate("$('settings').getAttribute('aria-expanded')") == "false"

    use(browser, service.address, steps)


def test_touch_opens_it_and_switches(browser: Browser, service) -> None:
    async def steps(tab: Tab) -> None:
        async def tap(name: str) -> None:
            box = f"$('{name}').getBoundingClientRect()"
            await tab.evaluate(f"$('{name}').scrollIntoView({{ block: 'center' }})")
            await tab.touch([tuple(await tab.evaluate(f"[{box}.x + {box}.width / 2, {box}.y + {box}.height / 2]"))])

        await tab.wait_for(f'{SIGNAL} === "live" && !$("settings").hidden')
        await tap("settings")
        await tab.wait_for("drawer.fields.size > 5")
        await tap("set-vflip")
        await tab.wait_for("drawer.values.vflip === true")
        await tap("set-vflip")
        await tab.wait_for("drawer.values.vflip === false")
        await tap("close")
        await tab.wait_for("$('drawer').hidden")

    use(browser, service.address, steps, "phone")


def test_what_is_kept_is_kept_and_a_picture_is_saved_on_the_camera(
    browser: Browser, service, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def steps(tab: Tab) -> None:
        await opened(tab)
        await tab.evaluate("$('keep').click()")
        await set_to(tab, "strength", "0.75", "input")
        await tab.wait_for("$('told').textContent === 'Kept for the next start.'")
        await tab.evaluate("$('shoot').click()")
        await tab.wait_for("$('told').textContent.startsWith('Saved as /')")

    use(browser, service.address, steps)
    wait_until(lambda: len(list((tmp_path / "snapshots").iterdir())) == 1)
    assert "strength = " in service.changes.file.read_text()


def test_what_takes_time_and_why_is_told(browser: Browser, service) -> None:
    async def steps(tab: Tab) -> None:
        service.control.change({"model": "auto"})
        await opened(tab)
        await tab.wait_for("document.querySelectorAll('#ladder li').length >= 3")
        shown = await tab.evaluate("$('reasons').textContent")
        assert "A frame takes" in shown
        ladder = service.supervisor.state().ladder
        await tab.wait_for(
            f"document.querySelector('#ladder [aria-current] span').textContent === '{ladder.models[ladder.index]}'"
        )

    use(browser, service.address, steps)


def test_where_nothing_can_be_changed_there_is_no_button(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for("server.state !== null")
        assert await tab.evaluate("$('settings').hidden")
        await tab.key(",")
        assert await tab.evaluate("$('drawer').hidden")

    with by_hand() as sink:
        sink.write(flat())
        use(browser, sink.address, steps)


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("window", [*WINDOWS, "small"])
def test_axe_finds_nothing_in_the_drawer(browser: Browser, service, window: str, scheme: str) -> None:
    axe = os.environ.get("EDGE_SRCNN_AXE")
    if not axe:
        pytest.skip("EDGE_SRCNN_AXE names no axe.min.js")

    async def run() -> None:
        async with browser.tab() as tab:
            size = SMALL if window == "small" else WINDOWS[window]
            await tab.open(service.address, *size, scheme=scheme, phone=window != "desktop")
            await opened(tab)
            await set_to(tab, "crop", "'0,0,9999,1'")
            await tab.wait_for("$('set-crop-note').textContent !== ''")
            await tab.evaluate(Path(axe).read_text(encoding="utf-8"))
            found = await tab.evaluate(
                "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map((n) => n.html)]))"
            )
            assert found == []

    asyncio.run(run())
