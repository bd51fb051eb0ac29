"""The export report: what a browser would see in it, read back by an HTML parser."""

import base64
import io
import math
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
from PIL import Image

from edge_srcnn.imaging.luma import UInt8Array
from export.evaluation.crops import Crop
from export.evaluation.evaluate import Score
from export.evaluation.report import Report, render_report
from export.int8.trace import LayerNoise

VOID = {"meta", "link", "img", "input"}
HOSTILE = "</td><script>alert('\"$title&amp;')</script>"


class Page(HTMLParser):
    """A parsed page: its elements with their attributes, its text without styles and scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def plane(seed: int) -> UInt8Array:
    return np.random.default_rng(seed).integers(0, 255, (5, 7), dtype=np.uint8)


def score(set_: str, method: str, psnr: float, ssim: float) -> Score:
    return Score(set_, 2, "matlab", method, psnr, ssim, gmsd=0.1, flat_noise=0.5)


def rows(set_: str, bicubic: float, float32: float, int8: float) -> tuple[Score, ...]:
    values = {"bicubic-matlab": bicubic - 0.5, "bicubic": bicubic, "float32": float32, "int8": int8}
    return tuple(score(set_, method, psnr, psnr / 100) for method, psnr in values.items())


@pytest.fixture
def report() -> Report:
    return Report(
        title="srcnn-915-x2",
        facts=(("Scale", "2"), ("SHA-256", "ab" * 32)),
        history=((500, 31.0, 2e-3), (1000, 33.25, 1e-3), (1500, 33.0, 9e-4)),
        base_psnr=30.5,
        quality=(*rows("Set5", 33.75, 36.25, 36.1875), *rows("Set14", 30.5, 32.25, 32.25)),
        layers=(LayerNoise("conv1", 45.0), LayerNoise("conv2", 30.0)),
        crops=(Crop("bird", plane(0), plane(1), plane(2)), Crop("baby", plane(3), plane(4), plane(5))),
    )


def test_every_element_is_closed_and_every_id_is_its_own(report: Report) -> None:
    html = render_report(report)
    page = Page(html)
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#(\w+)\)", html)) <= set(ids)


def test_the_page_has_a_language_a_title_and_one_main_heading(report: Report) -> None:
    page = Page(render_report(report))
    assert page.all("html") == [{"lang": "en"}]
    assert page.text.startswith("srcnn-915-x2: export report srcnn-915-x2 ")
    assert len(page.all("h1")) == 1


def test_text_from_outside_is_escaped_wherever_it_goes(report: Report) -> None:
    hostile = Report(
        title=HOSTILE,
        facts=((HOSTILE, HOSTILE),),
        history=report.history,
        base_psnr=30.5,
        quality=(*rows(HOSTILE, 31.0, 33.0, 32.0), score(HOSTILE, HOSTILE, 30.0, 0.9)),
        layers=(LayerNoise(HOSTILE, 30.0),),
        crops=(replace(report.crops[0], name=HOSTILE),),
    )
    page = Page(render_report(hostile))
    assert len(page.all("script")) == 1, "the template's own"
    # title twice, verdict, tiles of gain, loss and layer, fact twice, set, method, layer, crop
    assert page.text.count(HOSTILE) == 12
    assert f"{HOSTILE}, ground truth" in [image["alt"] for image in page.all("img")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bundled", "state", "verdict"),
    [
        (37.0, "fair", "0.81 dB below the bundled fast-m-x2 on Set5. Better than bicubic on every set, and int8 costs"),
        (36.2, "good", "0.01 dB below the bundled fast-m-x2 on Set5. Good: better than bicubic on every set, and int8"),
        (36.0, "good", "0.19 dB above the bundled fast-m-x2 on Set5. Good: better than bicubic on every set, and int8"),
        (None, "good", "Good: better than bicubic on every set, and int8 costs next to nothing."),
    ],
)
def test_the_headline_begins_with_the_bundled_model(
    report: Report, bundled: float | None, state: str, verdict: str
) -> None:
    quality = rows("Set5", 33.75, 36.25, 36.1875)
    quality += (score("Set5", "fast-m-x2", bundled, 0.9),) if bundled else ()
    html = render_report(replace(report, quality=quality, bundled="fast-m-x2" if bundled else None))
    assert f'<header class="{state}">' in html
    assert f'<p class="verdict">{verdict}' in html


def test_a_short_training_is_not_called_good(report: Report) -> None:
    html = render_report(replace(report, short="Short training: 300 steps."))
    assert '<header class="fair">' in html
    assert '<p class="verdict">Short training: 300 steps. Better than bicubic on every set' in html


def test_every_row_of_the_table_appears_with_its_gain_and_its_loss(report: Report) -> None:
    text = Page(render_report(report)).text
    assert (
        "Set5"
        " bicubic-matlab 33.25 0.3325 \N{MINUS SIGN}0.50"
        " bicubic 33.75 0.3375"
        " float32 36.25 0.3625 +2.50"
        " int8 36.19 0.3619 +2.44 \N{MINUS SIGN}0.06"
        " Set14"
        " bicubic-matlab 30.00 0.3000 \N{MINUS SIGN}0.50"
        " bicubic 30.50 0.3050"
        " float32 32.25 0.3225 +1.75"
        " int8 32.25 0.3225 +1.75 +0.00"
    ) in text


def test_a_loss_of_next_to_nothing_has_no_sign(report: Report) -> None:
    rows = (score("Set5", "float32", 36.254, 0.95), score("Set5", "int8", 36.251, 0.95))
    assert "int8 36.25 0.9500 \N{EN DASH} 0.00 " in Page(render_report(replace(report, quality=rows))).text


def test_rows_of_one_set_stand_together_however_they_come(report: Report) -> None:
    mixed = (*report.quality[:2], *report.quality[4:], *report.quality[2:4])
    assert Page(render_report(replace(report, quality=mixed))).text == Page(render_report(report)).text


def test_a_gain_without_bicubic_is_a_dash(report: Report) -> None:
    alone = (score("Set5", "int8", 36.0, 0.95),)
    page = Page(render_report(replace(report, quality=alone)))
    assert "int8 36.00 0.9500 \N{EN DASH} \N{EN DASH} " in page.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quality", "state", "words"),
    [
        ((*rows("A", 30, 32, 31.95), *rows("B", 33, 35, 35)), "good", "better than bicubic on every set"),
        ((*rows("A", 30, 32, 31.5), *rows("B", 33, 35, 35)), "fair", "int8 costs 0.50 dB on A"),
        ((*rows("A", 30, 32, 31.95), *rows("B", 33, 33, 33)), "bad", "on B it is no better than bicubic"),
        (rows("A", 30, 32, math.nan), "unknown", "Not evaluated"),
        ((), "unknown", "Not evaluated"),
    ],
)
def test_the_verdict_follows_the_worst_set(report: Report, quality: tuple[Score, ...], state: str, words: str) -> None:
    page = Page(render_report(replace(report, quality=quality)))
    assert page.all("header") == [{"class": state}]
    assert words in page.text


def test_layers_are_bars_of_the_length_of_their_ratio(report: Report) -> None:
    odd = (LayerNoise("same", math.inf), LayerNoise("dead", -3.0), LayerNoise("empty", math.nan))
    page = Page(render_report(replace(report, layers=(*report.layers, *odd))))
    widths = [bar["style"] for bar in page.all("i")]
    assert widths == ["width:75.0%", "width:50.0%", "width:100.0%", "width:0.0%", "width:0.0%"]
    assert "conv1 45.0 dB conv2 30.0 dB same \N{INFINITY} dB dead \N{MINUS SIGN}3.0 dB" in page.text
    assert "weakest layer signal to noise of dead" in page.text


def test_images_decode_to_the_very_pixels_and_are_shown_doubled(report: Report) -> None:
    images = [image for image in Page(render_report(report)).all("img") if "src" in image]
    for image, seed in zip(images, range(6), strict=True):
        png = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"), validate=True)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), plane(seed))
        assert (image["width"], image["height"]) == ("14", "10")


def test_crops_are_evaluated_against_the_ground_truth(report: Report) -> None:
    hr = plane(0)
    crop = Crop("one level off", base=hr + np.uint8(1), sharpened=hr, hr=hr)
    text = Page(render_report(replace(report, crops=(crop,)))).text
    # PSNR of an error of 1 everywhere: 20 log10(255) = 48.13 dB
    assert "one level off bicubic 48.13 dB sharpened \N{INFINITY} dB ground truth" in text


def test_at_scale_1_the_page_speaks_of_the_input_and_not_of_bicubic(report: Report) -> None:
    quality = tuple(replace(row, method="input") for row in report.quality if row.method == "bicubic")
    html = render_report(replace(report, scale=1, quality=(*quality, *report.quality[2:4], *report.quality[6:])))
    text = Page(html).text
    assert "Good: better than the input on every set, and int8 costs next to nothing." in text
    assert "input 33.75 0.3375 float32 36.25 0.3625 +2.50" in text
    assert "Dashed: input, 30.50." in text
    assert "“input” is the picture as it comes; int8 is what runs on the device." in text
    assert {image["alt"] for image in Page(html).all("img")} >= {"before: input", "after: cleaned", "bird, cleaned"}
    assert "bicubic" not in html


def test_both_curves_are_drawn_with_bicubic_as_a_dashed_line(report: Report) -> None:
    html = render_report(report)
    page = Page(html)
    assert len(page.all("svg")) == 2
    assert "Best: 33.25 at step 1,000. Dashed: bicubic, 30.50." in page.text
    assert len(re.findall(r"stroke-dasharray[^\"]*var\(--muted\)", html)) == 1


def test_without_a_training_a_note_stands_in_for_the_curve(report: Report) -> None:
    for history in ((), ((500, math.nan, math.nan),)):
        page = Page(render_report(replace(report, history=history, base_psnr=math.nan)))
        assert page.all("svg") == []
        assert "No curve: nothing was trained" in page.text
        assert "nan" not in page.text


def test_what_is_nan_is_left_out_of_the_curves(report: Report) -> None:
    history = ((500, 31.0, math.nan), (1000, math.nan, math.nan), (1500, 33.0, math.nan))
    html = render_report(replace(report, history=history, base_psnr=math.nan))
    page = Page(html)
    assert len(page.all("svg")) == 1
    assert "Dashed" not in page.text
    assert "stroke-dasharray" not in html


@pytest.mark.slow
@pytest.mark.parametrize("losses", [(1e-3,), (1e-1, 1e-6), (0.0, 1e-3), (1.1e-3, 1.2e-3)])
def test_losses_of_any_range_have_an_axis_with_numbers(report: Report, losses: tuple[float, ...]) -> None:
    history = tuple((500 * i, 30.0 + i, loss) for i, loss in enumerate(losses))
    curve = render_report(replace(report, history=history)).split("<svg")[2]
    assert len(re.findall(r">(0\.0\d*|1e-\d+|[25]e-\d+)</text>", curve)) >= 2


def test_an_empty_report_says_what_is_missing() -> None:
    text = Page(render_report(Report("empty", (), (), math.nan, (), (), ()))).text
    assert "No benchmark set was measured." in text
    assert "No pictures were compared." in text
    assert "No layer was measured." in text


def test_the_page_loads_nothing_from_anywhere(report: Report) -> None:
    html = render_report(report)
    for tag, attributes in Page(html).elements:
        for name in {"src", "href", "xlink:href", "srcset", "data", "action", "poster"} & attributes.keys():
            assert attributes[name].startswith(("data:", "#")), tag
    assert re.findall(r"url\((?!#)", html) == []
    assert "@import" not in html
    assert re.search(r"https?://", re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)) is None
    assert "default-src 'none'" in html, "the browser is told so, too"


def test_the_same_report_is_the_same_text_whatever_the_user_set_in_matplotlib(report: Report) -> None:
    first = render_report(report)
    with matplotlib.rc_context({"lines.linewidth": 9.0, "font.size": 30.0, "svg.hashsalt": None}):
        assert render_report(report) == first


@pytest.mark.slow
def test_a_report_needs_neither_tensorflow_nor_keras_nor_pyplot() -> None:
    found = "{'tensorflow', 'keras', 'matplotlib.pyplot'} & set(sys.modules)"
    program = (
        "import math, sys; from export.evaluation.report import Report, render_report;"
        " render_report(Report('x', (), ((1, 30.0, 0.1),), math.nan, (), (), ()));"
        f" sys.exit(str({found}) if {found} else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
