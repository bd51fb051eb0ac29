"""The demonstration: its picture laid out as it says, its figures those of what it shows."""

import pytest

from edge_srcnn.imaging.luma import luma_full_range
from edge_srcnn.imaging.metrics import psnr, ssim
from edge_srcnn.measure.demonstration import GAP, LABEL_ROWS, demonstrate
from edge_srcnn.sources.testcard import draw_test_card
from edge_srcnn.upscaler import load_model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scale", "small", "large", "detail_rows"),
    [
        (2, (320, 240), (640, 480), 480),  # the detail, 128 x 96, is enlarged to the picture's width: 96 x 5
        (3, (213, 160), (639, 480), 479),  # 96 x 639 / 128 = 479.25
        (4, (160, 120), (640, 480), 480),
    ],
)
def test_three_pictures_stand_side_by_side_above_their_details(scale, small, large, detail_rows):
    with load_model(scale=scale, engine="bicubic") as upscaler:
        shown = demonstrate(upscaler)
    assert (shown.input_size, shown.output_size) == (small, large)
    rows = LABEL_ROWS + large[1] + GAP + detail_rows
    assert shown.picture.shape == (rows, 3 * large[0] + 2 * GAP, 3)
    hr = shown.picture[LABEL_ROWS : LABEL_ROWS + large[1], 2 * (large[0] + GAP) :]
    assert (hr == draw_test_card()[: large[1], : large[0]]).all()


@pytest.mark.slow
def test_its_figures_are_those_of_the_pictures_it_shows(upscalers):
    shown = demonstrate(upscalers(2))
    columns = [shown.picture[LABEL_ROWS : LABEL_ROWS + 480, left : left + 640] for left in (0, 648, 1296)]
    bicubic, sharp, hr = (luma_full_range(column) for column in columns)
    assert shown.scores == {
        "bicubic": {"psnr": psnr(bicubic, hr), "ssim": ssim(bicubic, hr)},
        "edge-srcnn": {"psnr": psnr(sharp, hr), "ssim": ssim(sharp, hr)},
    }
    for measure, score in shown.scores["edge-srcnn"].items():
        assert score > shown.scores["bicubic"][measure]
    assert shown.milliseconds > 0


def test_without_a_network_both_figures_are_equal():
    with load_model(engine="bicubic") as upscaler:
        shown = demonstrate(upscaler)
    assert shown.scores["edge-srcnn"] == shown.scores["bicubic"]
