"""The page, as a person uses it, in Debian's Chromium."""

import asyncio
import io
import re
import time
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.sinks import Result
from tests.edge_srcnn.web.chromium import PROGRAM, SIGNAL, TEXT, WINDOWS, Browser, Tab, use
from tests.edge_srcnn.web.serving import by_hand, camera, flat, pipeline

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")]

CENTRE = """(() => { const box = document.getElementById("divider").getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2]; })()"""
SPLIT = 'Number(document.getElementById("divider").getAttribute("aria-valuenow"))'
PERCENT = 'parseInt(document.getElementById("percent").textContent)'

BUTTONS = """[...document.querySelectorAll("button")].filter((each) => each.offsetParent).map((each) =>
    [each.id, each.innerText.trim(), each.title, each.offsetWidth, each.offsetHeight])"""
OUTSIDE = """[...document.querySelectorAll("nav *, header *")]
    .filter((element) => element.getBoundingClientRect().right > innerWidth)"""


async def pixels(tab: Tab) -> UInt8Array:
    with Image.open(io.BytesIO(await tab.screenshot())) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("window", WINDOWS)
def test_the_picture_lives_and_the_divider_moves(browser: Browser, window: str) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(f'{SIGNAL} === "live"')
        await tab.wait_for(TEXT.format("size-out") + ' === "640\u00d7480"')
        await tab.wait_for(TEXT.format("rate") + '.endsWith(" fps")')
        assert re.fullmatch(r"[\d.]+ m?s", await tab.evaluate(TEXT.format("latency")))
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
        await tab.wait_for(f'{SIGNAL} === "live"')
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
        assert await tab.evaluate('document.getElementById("compare").getAttribute("aria-pressed")') == "false"
        await tab.wait_for('document.getElementById("divider").hidden')
        assert abs((await pixels(tab))[400, 300, 1].astype(int) - 200) <= 1

    def bright_from_dark() -> Result:
        result = flat(200, (64, 48))
        result.original.luma[:] = 60
        return result

    with camera(make=bright_from_dark) as sink:
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
        await tab.evaluate('document.getElementById("fit").click()')
        assert await tab.evaluate("stage.scale === null && stage.isAt('fit')")
        whole = await tab.evaluate("stage.magnification")

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

    with camera("token=a%26b", lambda: flat(90, (66, 48))) as sink:
        use(browser, f"{sink.address}/?token=a%26b", steps, window)

    with Image.open(io.BytesIO(saved()[0])) as image:
        assert (image.format, image.size) == ("JPEG", (66, 48))
    for path in browser.downloads.iterdir():
        path.unlink()


def test_the_page_tells_which_model_enhances_and_no_rate_as_zero(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(TEXT.format("right-tag") + ' === "Enhanced by srcnn-915-x2"')
        rates = [await tab.evaluate(f"rate({fps})") for fps in (29.97, 14.23, 9.94, 0.25, 1 / 9, 1 / 600, 0)]
        assert rates == ["30 fps", "14 fps", "9.9 fps", "0.3 fps", "1 in 9 s", "1 in 10 min", "\u2013"]

    with pipeline(source="test:size=64x48,fps=10", engine="auto", model="srcnn-915-x2") as sink:
        use(browser, sink.address, steps)


@pytest.mark.parametrize(
    ("options", "heading"),
    [
        ("", "edge-srcnn"),
        ("name=%3Cb%3E%E5%BA%AD%20%26%20%7Bquery%7D", "<b>\u5ead & {query}"),
        (f"name={'W' * 64}", "W" * 64),
    ],
)
def test_the_camera_s_name_is_heading_and_title(browser: Browser, options: str, heading: str) -> None:
    async def steps(tab: Tab) -> None:
        assert await tab.evaluate("document.querySelector('h1').textContent") == heading
        assert (await tab.evaluate("document.title")).startswith(heading)
        for width, height in WINDOWS.values():
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            await tab.send("Emulation.setDeviceMetricsOverride", **size)
            assert await tab.evaluate(f"{OUTSIDE}.length") == 0
            assert await tab.evaluate("document.getElementById('stage').clientHeight / innerHeight") > 0.75

    with by_hand(options) as sink:
        use(browser, sink.address, steps)


def test_the_picture_s_own_time_is_shown(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for("stage.frame !== null")
        shown = await tab.evaluate('document.getElementById("time").dateTime')
        assert abs(datetime.fromisoformat(shown).timestamp() - taken_s) < 0.5
        assert re.fullmatch(r"\d\d:\d\d:\d\d", await tab.evaluate(TEXT.format("time")))

    with by_hand() as sink:
        taken_s = time.time()
        sink.write(flat())
        use(browser, sink.address, steps)


def test_a_page_without_a_network_says_so_and_compares_nothing(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(TEXT.format("right-tag") + ' === "Bicubic only"')
        await tab.wait_for(f'{SIGNAL} === "live"')
        assert await tab.evaluate('document.getElementById("compare").disabled')
        await tab.key("c")
        await tab.wait_for('document.getElementById("divider").hidden && document.getElementById("left-tag").hidden')
        await tab.wait_for(
            "fetch('state').then((answer) => answer.json()).then(({views}) => !views.pair && views.enhanced)"
        )

    with pipeline(source="test:size=64x48,fps=10", engine="bicubic") as sink:
        use(browser, sink.address, steps)


def test_fit_fill_and_100_percent_are_steps(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        async def press(name: str) -> float:
            await tab.evaluate(f'document.getElementById("{name}").click()')
            await tab.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
            return float(await tab.evaluate("stage.magnification"))

        async def pressed() -> list[str]:
            found = await tab.evaluate('[...document.querySelectorAll("[aria-pressed=true]")].map((each) => each.id)')
            return [name for name in found if name != "compare"]

        await tab.wait_for("stage.frame !== null")
        width, height = await tab.evaluate("[stage.size.width, stage.size.height]")
        fit, fill = min(width / 400, height / 100), max(width / 400, height / 100)
        for name, magnification in (("actual", 1), ("fill", fill), ("fit", fit)):
            assert await press(name) == pytest.approx(magnification, rel=1e-3)
            assert await pressed() == [name]
        # by half as much again, but for the named ones on the way: 3.2, 4.8, 6.88 and not 7.2; 3.2, 2.13, 1.42, 1
        for magnification in (fit * 1.5, fill, fill * 1.5):
            assert await press("larger") == pytest.approx(magnification, rel=1e-3)
        await press("fit")
        for magnification in (fit / 1.5, fit / 2.25, 1):
            assert await press("smaller") == pytest.approx(magnification, rel=1e-3)

    with by_hand() as sink:
        sink.write(flat(90, (400, 100)))
        use(browser, sink.address, steps)


def test_pixels_are_squares_only_when_they_are_really_large(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for("stage.frame !== null")
        await tab.evaluate("stage.setSplit(0)")
        for scale, smooth in ((0.5, True), (2, True), (3.9, True), (4, True), (4.5, False), (12, False)):
            await tab.evaluate(f"stage.zoomTo({scale}, undefined, undefined, 0)")
            await tab.wait_for(f"stage.actualScale === {scale} && !stage.drawn")
            row = await tab.evaluate(
                "[...stage.context.getImageData(600, 340, 80, 1).data].filter((_, at) => at % 4 === 1)"
            )
            between = [grey for grey in row if 45 < grey < 205]  # 40 and 210, an edge in the middle
            assert (len(between) > 0) == smooth, (scale, row)

    with by_hand() as sink:
        result = flat(40, (330, 200))
        result.frame.luma[:, 165:] = 210
        sink.write(result)
        use(browser, sink.address, steps, complaints=True)  # of reading a canvas


@pytest.mark.parametrize("window", ["phone", "across"])
def test_on_a_phone_the_picture_takes_the_height_and_fingers_find_the_buttons(browser: Browser, window: str) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for("stage.frame !== null")
        height = await tab.evaluate("Math.min(stage.rect.height, stage.size.height) / innerHeight")
        assert height > (0.8 if window == "phone" else 0.999)
        assert await tab.evaluate(f"{OUTSIDE}.length") == 0
        buttons = await tab.evaluate(BUTTONS)
        assert len(buttons) >= 5
        for name, words, title, width, tall in buttons:
            assert words and title, name
            assert min(width, tall) >= 44, name
        await tab.evaluate('document.getElementById("fit").click()')
        assert await tab.evaluate("stage.rect.width <= stage.size.width && stage.rect.height <= stage.size.height")

    with by_hand() as sink:
        sink.write(flat(90, (640, 480)))
        use(browser, sink.address, steps, window)
