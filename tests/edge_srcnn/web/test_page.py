"""The page, as a person uses it, in Debian's Chromium."""

import asyncio
import io
import re
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.live.temporal_stage import TemporalState
from edge_srcnn.sinks import Result
from tests.edge_srcnn.cleaning import adding, cleaning_model, write_model
from tests.edge_srcnn.web.chromium import PROGRAM, SIGNAL, TEXT, WINDOWS, Browser, Tab, use
from tests.edge_srcnn.web.serving import by_hand, camera, flat, pipeline

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")]

CENTRE = """(() => { const box = document.getElementById("divider").getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2]; })()"""
SPLIT = 'Number(document.getElementById("divider").getAttribute("aria-valuenow"))'
PERCENT = 'parseInt(document.getElementById("percent").textContent)'

BUTTONS = """[...document.querySelectorAll("button, .choice")].filter((each) => each.offsetParent).map((each) =>
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
        await tab.evaluate("setCompared('')")
        await tab.wait_for('document.getElementById("divider").hidden')
        assert abs((await pixels(tab))[400, 300, 1].astype(int) - 200) <= 1

    def bright_from_dark() -> Result:
        result = flat(200, (64, 48))
        result.original.luma[:] = 60
        return result

    with camera(make=bright_from_dark) as sink:
        use(browser, sink.address, steps)


@pytest.mark.parametrize("window", WINDOWS)
def test_it_is_compared_with_bicubic_with_the_camera_as_it_is_or_with_nothing(browser: Browser, window: str) -> None:
    async def steps(tab: Tab) -> None:
        async def shown() -> tuple[str, int, int]:
            """What is compared with, and the greys of both sides; phones have two pixels for one."""
            across = await tab.evaluate("stage.rect.x + stage.rect.width / 2")
            top = await tab.evaluate("stage.element.getBoundingClientRect().top + stage.rect.y + stage.rect.height / 2")
            left = await tab.evaluate("stage.element.getBoundingClientRect().left")
            ratio, grey = await tab.evaluate("devicePixelRatio"), (await pixels(tab))[..., 1]
            y, x = round((top + 60) * ratio), (left + across) * ratio
            tag = await tab.evaluate("$('left-tag').hidden ? '' : $('left-tag').textContent")
            return tag, int(grey[y, round(x - 80)]), int(grey[y, round(x + 80)])

        expected = {"bicubic": ("Bicubic", 60, 200), "camera": ("Camera as it is", 120, 200), "": ("", 200, 200)}
        await tab.wait_for(f'{SIGNAL} === "live"')
        for way in ("by keys", "by choice"):
            for choice, (tag, *greys) in expected.items():
                if way == "by choice":
                    await tab.evaluate(f"setCompared('{choice}')")
                await tab.wait_for(f"(stage.frame.view ?? '') === '{choice}' && !stage.drawn")
                found, *seen = await shown()
                assert found == tag
                assert np.abs(np.subtract(seen, greys)).max() <= 2, (choice, seen)
                if way == "by keys":
                    await tab.key("c")

    def three() -> Result:
        """Enhanced 200, bicubic 60; the camera's own frame 120, and half as large."""
        result = flat(200, (64, 48))
        own = replace(result.original, luma=np.full((24, 32), 120, np.uint8))
        result.original.luma[:] = 60
        return replace(result, camera=own)

    with camera(make=three) as sink:
        use(browser, sink.address, steps, window)


def test_the_choice_is_made_by_touch_and_by_keyboard_alone(browser: Browser) -> None:
    """The list itself is the browser's: it opens where fingers find it, and arrows walk through it."""

    async def steps(tab: Tab) -> None:
        await tab.wait_for("stage.frame !== null")
        box = "document.getElementById('compare').getBoundingClientRect()"
        found = await tab.evaluate(
            f"document.elementFromPoint({box}.x + {box}.width / 2, {box}.y + {box}.height / 2).id"
        )
        assert found == "compare"
        await tab.evaluate("document.getElementById('compare').focus()")
        for value in ("camera", "", ""):
            await tab.key("ArrowDown")
            await tab.wait_for(f"compared() === '{value}'")
        split = await tab.evaluate("stage.split")
        await tab.key("ArrowUp")
        await tab.wait_for("compared() === 'camera'")
        assert await tab.evaluate("stage.split") == split  # the arrows are the list's
        await tab.wait_for(TEXT.format("compared") + ' === ": camera"')

    with camera() as sink:
        use(browser, sink.address, steps)


@pytest.mark.parametrize(
    ("temporal", "still", "noise", "share", "title"),
    [
        (TemporalState("normal", None, 4.13, 0.9), 0.824, "4.1", "82 %", "255 grey levels"),
        (TemporalState("strong", None, None), 0.0, "\u2013", "0 %", "averaged over time"),
        (TemporalState("normal", "everything moves all the time", 5.0), 0.0, "not reduced", "0 %", "everything moves"),
        (TemporalState(), 0.5, None, "50 %", None),
        (TemporalState(), None, None, None, None),
    ],
)
def test_noise_and_stillness_stand_beside_the_rate(
    browser: Browser, temporal: TemporalState, still: float | None, noise: str, share: str, title: str
) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(f'{SIGNAL} === "live" && server.state !== null')
        for name, text in (("noise", noise), ("still", share)):
            assert await tab.evaluate(f"$('{name}-box').hidden") == (text is None)
            if text is not None:
                assert await tab.evaluate(TEXT.format(name)) == text
                assert await tab.evaluate(f"$('{name}-box').title")
        if title is not None:
            assert title in await tab.evaluate("$('noise-box').title")
        await tab.evaluate("$('heat').hidden = false; write('temperature', '88 \u00b0C')")
        for width, height in WINDOWS.values():
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            await tab.send("Emulation.setDeviceMetricsOverride", **size)
            assert await tab.evaluate(f"{OUTSIDE}.length") == 0
            assert await tab.evaluate("$('size-out').getBoundingClientRect().bottom <= innerHeight")

    with by_hand(temporal=temporal, still_share=still, size_in=(1920, 1080), size_out=(3840, 2160)) as sink:
        sink.write(flat())
        use(browser, sink.address, steps)


@pytest.mark.parametrize(
    ("strength", "share", "text"),
    [(1.0, 1.0, ""), (0.75, 1.0, ", strength 0.75"), (0, 1.0, ", strength 0"), (1.5, 0.25, ": 25 %, strength 1.5")],
)
def test_a_strength_other_than_what_was_trained_stands_beside_the_model(
    browser: Browser, strength: float, share: float, text: str
) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(f'{SIGNAL} === "live" && server.state !== null')
        await tab.wait_for(TEXT.format("by") + f' === " by fast-m-x2{text}"')

    with by_hand(strength=strength, enhanced_share=share) as sink:
        sink.write(flat())
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
        assert await tab.evaluate('document.getElementById("compare").options[0].disabled')
        await tab.wait_for('document.getElementById("divider").hidden && document.getElementById("left-tag").hidden')
        await tab.wait_for(
            "fetch('state').then((answer) => answer.json()).then(({views}) => !views.pair && views.enhanced)"
        )

    with pipeline(source="test:size=64x48,fps=10", engine="bicubic") as sink:
        use(browser, sink.address, steps)


def test_at_scale_1_the_camera_s_picture_is_left_of_the_divider(browser: Browser, tmp_path: Path) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(f'{SIGNAL} === "live"')
        await tab.wait_for(TEXT.format("left-tag") + ' === "Camera as it is"')
        assert await tab.evaluate(TEXT.format("right-tag")) == "Enhanced by fast-c4d2-x1-camera"
        assert await tab.evaluate(TEXT.format("size-in")) == ""
        assert await tab.evaluate(TEXT.format("size-out")) == "160\u00d7120"
        assert await tab.evaluate(TEXT.format("compared")) == ": camera"
        options = '[...document.getElementById("compare").options].map((each) => [each.value, each.disabled])'
        assert await tab.evaluate(options) == [["bicubic", True], ["camera", False], ["", False]]
        assert await tab.evaluate("stage.frame.other.width === stage.frame.enhanced.width")
        await tab.key("c")
        await tab.wait_for('document.getElementById("divider").hidden')
        await tab.key("c")
        await tab.wait_for('!document.getElementById("divider").hidden')

    model = write_model(tmp_path / "clean.tflite", cleaning_model(adding(40)))
    with pipeline(source="test:size=160x120,fps=10", engine="auto", model=str(model)) as sink:
        use(browser, sink.address, steps)


def test_at_scale_1_without_a_network_the_page_says_so(browser: Browser) -> None:
    async def steps(tab: Tab) -> None:
        await tab.wait_for(TEXT.format("right-tag") + ' === "No network"')
        await tab.wait_for('document.getElementById("divider").hidden')

    with pipeline(source="test:size=64x48,fps=10", scale=1) as sink:
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
