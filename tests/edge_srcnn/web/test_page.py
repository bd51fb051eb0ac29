"""The page, as a person uses it, in Debian's Chromium."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.imaging.luma import UInt8Array
from tests.edge_srcnn.web.chromium import PROGRAM, Browser, Tab
from tests.edge_srcnn.web.serving import by_hand, flat, pipeline

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")]

WINDOWS = {"desktop": (1280, 800), "phone": (390, 844)}
CENTRE = """(() => { const box = document.getElementById("divider").getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2]; })()"""
SPLIT = 'Number(document.getElementById("divider").getAttribute("aria-valuenow"))'
PERCENT = 'parseInt(document.getElementById("percent").textContent)'
SIGNAL = "document.body.dataset.signal"
TEXT = "document.getElementById({!r}).textContent"

OUTSIDE = """[...document.querySelectorAll("nav *, header *")]
    .filter((element) => element.getBoundingClientRect().right > innerWidth)"""

Use = Callable[[Tab], Awaitable[None]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One process for all tests."""
    with Browser() as running:
        yield running


def use(browser: Browser, url: str, steps: Use, window: str = "desktop", *, complaints: bool = False) -> None:
    """Open the page, use it, and see that it complained of nothing."""

    async def run() -> None:
        async with browser.tab() as tab:
            await tab.open(url, *WINDOWS[window], phone=window == "phone")
            await steps(tab)
            assert complaints or tab.complaints == []

    asyncio.run(run())


async def pixels(tab: Tab) -> UInt8Array:
    with Image.open(io.BytesIO(await tab.screenshot())) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("window", WINDOWS)
def test_the_picture_lives_and_the_divider_moves(browser: Browser, window: str) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(f'{SIGNAL} === "live"')
        await tab.wait_for(TEXT.format("size-out") + ' === "640\u00d7480"')
        await tab.wait_for(TEXT.format("rate") + '.endsWith(" fps")')
        assert (await tab.evaluate(TEXT.format("latency"))).endswith(" ms")
        first = await pixels(tab)
        await asyncio.sleep(0.3)
        second = await pixels(tab)
        assert (first != second).any(axis=2).mean() > 0.02  # the card pans
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await tab.evaluate(f"{OUTSIDE}.length") == 0

        x, y = await tab.evaluate(CENTRE)
        assert await tab.evaluate(SPLIT) == 50
        if window == "phone":
            await tab.touch([(x, y)], [(x - 40, y)], [(x - 120, y)])
        else:
            await tab.drag((x, y), (x - 120, y))
        await tab.wait_for(f"{SPLIT} < 45")
        assert abs((await tab.evaluate(CENTRE))[0] - (x - 120)) < 2

    with pipeline(source="test:size=320x240,fps=10", engine="auto") as sink:
        use(browser, sink.address, steps, window)


def test_left_of_the_divider_is_bicubic_and_right_is_enhanced(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for("stage.frame !== null")
        await tab.wait_for(f"{SPLIT} === 50")
        grey = (await pixels(tab))[..., 1].astype(int)
        assert abs(grey[400, 300] - 60) <= 1
        assert abs(grey[400, 900] - 200) <= 1
        await tab.evaluate('document.getElementById("divider").focus()')
        await tab.key("End")
        await tab.wait_for(f"{SPLIT} === 100")
        assert abs((await pixels(tab))[400, 900, 1].astype(int) - 60) <= 1
        for key, share in (("Home", 0), ("PageUp", 10), ("ArrowRight", 12), ("ArrowLeft", 10)):
            await tab.key(key)
            await tab.wait_for(f"{SPLIT} === {share}")
        await tab.key("c")
        await tab.wait_for('document.getElementById("divider").hidden === false')
        assert await tab.evaluate('document.getElementById("compare").getAttribute("aria-pressed")') == "false"
        sink.write(result)
        await tab.wait_for('document.getElementById("divider").hidden')
        assert abs((await pixels(tab))[400, 300, 1].astype(int) - 200) <= 1

    with by_hand() as sink:
        result = flat(200, (64, 48))
        result.original.luma[:] = 60
        sink.write(result)
        use(browser, sink.address, steps)


def test_wheel_buttons_and_fingers_magnify_and_the_hand_moves(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for("stage.frame !== null")
        whole = await tab.evaluate("stage.magnification")
        await tab.evaluate('document.getElementById("larger").click()')
        assert await tab.evaluate("stage.magnification") == pytest.approx(whole * 1.5)
        await tab.wait_for(f"{PERCENT} === Math.round(stage.magnification * 100)")
        await tab.evaluate('document.getElementById("smaller").click()')
        assert await tab.evaluate("stage.scale === null")

        await tab.mouse("mouseWheel", 200, 300, deltaX=0, deltaY=-200)
        await tab.wait_for("stage.scale !== null")
        before = await tab.evaluate("stage.rect.x")
        await tab.drag((100, 300), (130, 300))
        assert await tab.evaluate("stage.rect.x") == pytest.approx(before + 30, abs=0.5)
        await tab.evaluate('document.getElementById("zoom").click()')
        assert await tab.evaluate("stage.scale === null")

        await tab.touch([(150, 300), (250, 300)], [(100, 300), (300, 300)])
        assert await tab.evaluate("stage.magnification") == pytest.approx(whole * 2, rel=0.01)
        assert await tab.evaluate("stage.visible.width <= stage.size.width && stage.rect.x <= 0")

    with by_hand() as sink:
        sink.write(flat(90, (320, 240)))
        use(browser, sink.address, steps, "phone")


@pytest.mark.parametrize("window", WINDOWS)
def test_the_snapshot_button_saves_a_jpeg(browser: Browser, window: str) -> None:
    def saved() -> list[bytes]:
        return [path.read_bytes() for path in browser.downloads.glob("edge-srcnn-*.jpg")]

    async def steps(tab: Tab) -> None:
        await tab.wait_for(f'{SIGNAL} === "live"')
        await tab.evaluate('document.getElementById("snapshot").click()')
        async with asyncio.timeout(10):
            while not saved():
                await asyncio.sleep(0.05)

    with by_hand("token=a%26b") as sink:
        sink.write(flat(90, (66, 48)))
        use(browser, f"{sink.address}/?token=a%26b", steps, window)

    with Image.open(io.BytesIO(saved()[0])) as image:
        assert (image.format, image.size) == ("JPEG", (66, 48))
    for path in browser.downloads.iterdir():
        path.unlink()


def test_the_page_says_when_the_signal_is_lost_and_when_it_is_back(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(TEXT.format("notice-title") + ' === "Waiting for the first picture"')
        sink.write(flat())
        await tab.wait_for(f'{SIGNAL} === "live" && document.getElementById("notice").hidden')
        await tab.wait_for(f'{SIGNAL} === "lost"')
        assert await tab.evaluate(TEXT.format("signal")) == "No signal"
        assert not await tab.evaluate('document.getElementById("notice").hidden')
        for _ in range(20):
            sink.write(flat())
            await asyncio.sleep(0.1)
        assert await tab.evaluate(SIGNAL) == "live"
        assert tab.complaints == []
        sink.close()
        await tab.wait_for(TEXT.format("notice-text") + ' === "The server does not answer."')

    monkeypatch.setattr("edge_srcnn.web.broadcast.FRESH_S", 1.2)
    with by_hand() as sink:
        use(browser, sink.address, steps, complaints=True)


def test_a_page_that_nobody_sees_asks_for_no_pictures(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for("stage.frame !== null")
        await tab.evaluate(
            'Object.defineProperty(document, "hidden", { get: () => true, configurable: true });'
            'document.dispatchEvent(new Event("visibilitychange"))'
        )
        await tab.wait_for("fetch('state').then((answer) => answer.json()).then((state) => state.clients === 0)")

    with by_hand() as sink:
        sink.write(flat())
        use(browser, sink.address, steps)


def test_the_page_tells_which_model_enhances_and_no_rate_as_zero(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(TEXT.format("right-tag") + ' === "Enhanced by srcnn-915-x2"')
        rates = [await tab.evaluate(f"rate({fps})") for fps in (29.97, 14.23, 9.94, 0.25, 1 / 9, 1 / 600, 0)]
        assert rates == ["30 fps", "14 fps", "9.9 fps", "0.3 fps", "1 in 9 s", "1 in 10 min", "\u2013"]

    with pipeline(source="test:size=64x48,fps=10", engine="auto", model="srcnn-915-x2") as sink:
        use(browser, sink.address, steps)
