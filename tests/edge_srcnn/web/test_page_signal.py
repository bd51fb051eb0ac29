"""Only a picture that is young enough is called live, whatever network, server and clocks do; in Debian's Chromium."""

import asyncio
import os
import time
from fractions import Fraction
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from tests.edge_srcnn.web.chromium import PROGRAM, SIGNAL, TEXT, WINDOWS, Browser, Tab, use
from tests.edge_srcnn.web.relay import Relay
from tests.edge_srcnn.web.serving import by_hand, camera, flat, noisy

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")]

STREAM, STATE = "/stream.mjpg", "/state"
LIVE, LOST = f'{SIGNAL} === "live"', f'{SIGNAL} === "lost"'
TITLE = TEXT.format("notice-title")
GREY = 'getComputedStyle(document.getElementById("picture")).filter.startsWith("grayscale(1)")'
TOLD = """(() => { const told = (id) => document.getElementById(id).textContent;
    return { word: told("signal"), rate: told("rate"), latency: told("latency"), age: parseInt(told("age")),
             hidden: document.getElementById("notice").hidden }; })()"""
AXE_SIGNALS = {"frozen": "lost", "waiting": "waiting"}
WATCH = """(() => { window.seen = new Set(); setInterval(() => seen.add(document.body.dataset.signal), 20); })()"""
SEEN = "[...window.seen]"


async def is_grey(tab: Tab) -> None:
    """See that nothing on the page says that the picture is live."""
    await tab.wait_for(LOST)
    told = await tab.evaluate(TOLD)
    assert "Live" not in told["word"]
    assert (told["rate"], told["latency"], told["hidden"]) == ("\u2013", "\u2013", False)
    assert told["age"] >= 3
    await tab.wait_for(GREY)


@pytest.mark.parametrize("forget", [False, True], ids=["the same connections", "new ones"])
def test_a_network_that_falls_silent_is_seen_and_so_is_its_end(browser: Browser, forget: bool) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(LIVE)
        began = time.monotonic()
        relay.silence()
        await is_grey(tab)
        assert time.monotonic() - began >= 2.5
        await tab.wait_for(TITLE + ' === "No connection"')
        age = (await tab.evaluate(TOLD))["age"]
        await tab.wait_for(f"parseInt({TEXT.format('age')}) > {age}")  # it goes on
        relay.answer(forget=forget)
        await tab.wait_for(LIVE)
        await tab.wait_for(f"!({GREY})")

    with camera() as sink, Relay(sink.address) as relay:
        use(browser, relay.address, steps, complaints=True)
        assert 2 <= relay.opened.count(STREAM) <= 5  # opened again, and not without rest


def test_a_stream_that_falls_silent_is_seen_though_the_state_comes(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(LIVE)
        relay.silence(STREAM)
        await is_grey(tab)
        await tab.wait_for(TITLE + ' === "Frozen"')
        relay.answer()
        await tab.wait_for(LIVE)

    with camera() as sink, Relay(sink.address) as relay:
        use(browser, relay.address, steps, complaints=True)


def test_a_state_that_does_not_come_takes_the_figures_and_not_the_picture(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(LIVE)
        relay.silence(STATE)
        await tab.wait_for("server.error !== null")
        await tab.evaluate(WATCH)
        asked = relay.opened.count(STATE)
        while relay.opened.count(STATE) < asked + 1:  # it is asked again and again
            await asyncio.sleep(0.1)
        assert await tab.evaluate(SEEN) == ["live"]
        assert (await tab.evaluate(TOLD))["rate"] == "\u2013"
        relay.answer()
        await tab.wait_for("server.error === null")

    with camera() as sink, Relay(sink.address) as relay:
        use(browser, relay.address, steps, complaints=True)


def test_tries_to_open_the_stream_become_rarer_up_to_ten_seconds(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(LIVE)
        waits = await tab.evaluate(
            """(async () => {
                const waits = [];
                const later = window.setTimeout;
                const kept = [LOOK_EVERY_MS, LOOK_LIMIT_MS];
                window.setTimeout = (call, ms) => later(call, kept.includes(ms) ? ms : (waits.push(ms), 0));
                const rest = new PictureStream(() => "nothing-here", () => 5000, () => {});
                rest.open("enhanced");
                while (waits.length < 7) await new Promise((resolve) => later(resolve, 10));
                rest.close();
                window.setTimeout = later;
                return waits;
            })()"""
        )
        assert waits[:7] == [500, 1500, 4500, 10_000, 10_000, 10_000, 10_000]

    with camera() as sink:
        use(browser, sink.address, steps, complaints=True)


def test_a_camera_with_a_picture_every_ten_seconds_stays_live_but_not_without_its_server(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(LIVE)
        await tab.evaluate(WATCH)
        await asyncio.sleep(6)  # longer than a usual picture may be old
        assert await tab.evaluate(SEEN) == ["live"]
        relay.silence()
        await tab.wait_for(LOST, timeout_s=8)  # and not after three pictures, which are 30 s

    with by_hand(rate=Fraction(1, 10)) as sink, Relay(sink.address) as relay:
        sink.write(flat())
        use(browser, relay.address, steps, complaints=True)


def test_the_browser_s_clock_may_be_wrong(browser: Browser) -> None:
    async def run() -> None:
        async with browser.tab() as tab:
            await tab.send("Page.enable")
            script = "const real = Date.now; let wrongMs = -86400e3; Date.now = () => real() + wrongMs;"
            await tab.send("Page.addScriptToEvaluateOnNewDocument", source=script)
            await tab.open(sink.address, *WINDOWS["desktop"])
            await tab.wait_for(LIVE)
            await tab.evaluate(WATCH)
            await tab.evaluate("wrongMs = 3600e3")
            await asyncio.sleep(1)
            assert await tab.evaluate(SEEN) == ["live"]

    with camera() as sink:
        asyncio.run(run())


def test_a_picture_that_comes_old_is_not_live(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for("stage.frame !== null")
        for _ in range(3):
            sink.write(flat(captured_s=time.monotonic() - 60))
            await is_grey(tab)
            assert 58 <= (await tab.evaluate(TOLD))["age"] <= 75
        # of the second part, the network made 4 s more than of the first
        taken = await tab.evaluate(
            """(() => { const ages = new Ages();
                const part = (sent, age, began) =>
                    ({ began, headers: new Map([["x-age", String(age)], ["x-timestamp", String(sent - age)]]) });
                return [part(1e9, 0.1, 5000), part(1e9 + 1, 0.2, 10000), part(1e9 + 2, 0, 6500)].map((each) =>
                    ages.takenAt(each)); })()"""
        )
        assert taken == pytest.approx([4900, 5800, 6500], abs=1)

    with by_hand() as sink:
        sink.write(flat(captured_s=time.monotonic() - 60))
        use(browser, sink.address, steps)


def test_pictures_that_a_slow_network_brings_late_are_shown_with_their_age(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(LIVE)
        relay.slow_down(24_000)  # so that a pair of pictures takes 4 s or more
        await tab.wait_for(TITLE + ' === "Delayed"')
        for _ in range(2):
            number = await tab.evaluate("stage.frame.timestamp")
            await tab.wait_for(f"stage.frame.timestamp > {number}")
            assert (await tab.evaluate(TOLD))["age"] >= 3
        assert relay.opened.count(STREAM) == 1  # what comes slowly is not broken off

    with camera(make=lambda: noisy(256, 0)) as sink, Relay(sink.address) as relay:
        use(browser, relay.address, steps, complaints=True)


def test_a_page_that_nobody_sees_asks_for_nothing_and_goes_on_when_it_is_seen(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(LIVE)
        await tab.hide(True)
        state = "fetch('state').then((answer) => answer.json())"
        await tab.wait_for(f"{state}.then((state) => state.clients === 0)")
        asked = len(relay.opened)
        await asyncio.sleep(2)
        assert len(relay.opened) == asked
        await tab.hide(False)
        await tab.wait_for(f"{LIVE} && {state}.then((state) => state.clients === 1)")

    with camera() as sink, Relay(sink.address) as relay:
        use(browser, relay.address, steps)


def test_the_page_says_when_the_signal_is_lost_and_when_it_is_back(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(TITLE + ' === "Waiting for the first picture"')
        while not await tab.evaluate(LIVE):
            sink.write(flat())
            await asyncio.sleep(0.1)
        assert await tab.evaluate('document.getElementById("notice").hidden')
        await tab.wait_for(TEXT.format("signal") + ' === "No signal"')
        assert await tab.evaluate(LOST)
        assert await tab.evaluate(TEXT.format("rate")) == "\u2013"
        assert not await tab.evaluate('document.getElementById("notice").hidden')
        while not await tab.evaluate(LIVE):
            sink.write(flat())
            await asyncio.sleep(0.1)
        assert tab.complaints == []
        sink.close()
        await tab.wait_for(TEXT.format("notice-text") + ' === "The server does not answer."')

    monkeypatch.setattr("edge_srcnn.web.broadcast.FRESH_S", 1.2)
    with by_hand() as sink:
        use(browser, sink.address, steps, complaints=True)


@pytest.mark.parametrize("state", ["live", "frozen", "waiting", "bicubic only"])
def test_axe_finds_no_serious_fault(browser: Browser, state: str) -> None:
    axe = os.environ.get("EDGE_SRCNN_AXE")
    if not axe:
        pytest.skip("EDGE_SRCNN_AXE names no axe.min.js")

    async def steps(tab: Tab) -> None:
        await tab.evaluate(Path(axe).read_text(encoding="utf-8") + ";0")
        for width, height in WINDOWS.values():
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            await tab.send("Emulation.setDeviceMetricsOverride", **size)
            if state != "waiting":
                sink.write(flat(captured_s=time.monotonic() - (60 if state == "frozen" else 0)))
            await tab.wait_for(f'{SIGNAL} === "{AXE_SIGNALS.get(state, "live")}" && server.state !== null')
            await tab.evaluate("Promise.all(document.getAnimations().map((each) => each.finished)).then(() => 0)")
            found = await tab.evaluate(
                "axe.run().then(({ violations }) => violations.map(({ impact, id, nodes }) =>"
                " [impact, id, nodes.map((node) => node.html)]))"
            )
            assert [each for each in found if each[0] in ("serious", "critical")] == []

    with by_hand(model=None if state == "bicubic only" else "fast-m-x2") as sink:
        use(browser, sink.address, steps)
