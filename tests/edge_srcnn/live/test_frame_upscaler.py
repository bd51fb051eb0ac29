"""A region of interest in camera pixels."""

from dataclasses import replace

import numpy as np
import pytest

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.live.frame_upscaler import RegionControl, RegionUpscaler

WIDTH, HEIGHT = 80, 60


def frame_of(luma: np.ndarray) -> Frame:
    return Frame(luma, None, Colour(), 7, 0.25, 0.0)


FRAME = frame_of(np.zeros((HEIGHT, WIDTH), np.uint8))


class Machine:
    """An upscaler that keeps the regions that it is asked for."""

    scale, engine, model = 2, "none", None

    def __init__(self) -> None:
        self.regions: list[Tile | None] = []

    def upscale_frame(self, frame: Frame, region: Tile | None = None) -> Frame:
        self.regions.append(region)
        return replace(frame, luma=upscale_bicubic(frame.luma, 2))


def test_a_region_is_given_in_pixels_of_the_result():
    machine = Machine()
    region = RegionUpscaler(machine, (10, 20, 30, 35))
    region.upscale_frame(FRAME)
    assert machine.regions == [Tile(40, 20, 70, 60)]
    assert region.scale == 2
    assert region.share == pytest.approx(30 * 35 / (80 * 60))


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((0, 0, 80, 60), Tile(0, 0, 120, 160)),
        ((0, 0, 800, 600), Tile(0, 0, 120, 160)),
        ((70, 50, 30, 30), Tile(100, 140, 20, 20)),
        ((79, 59, 5, 5), Tile(118, 158, 2, 2)),
        ((0, 59, 80, 1), Tile(118, 0, 2, 160)),
    ],
)
def test_a_region_is_cut_off_where_the_picture_ends(asked, given):
    machine = Machine()
    region = RegionUpscaler(machine, asked)
    region.upscale_frame(FRAME)
    assert machine.regions == [given]
    assert region.share == pytest.approx(given.height * given.width / (160 * 120))


@pytest.mark.parametrize("region", [(80, 0, 10, 10), (0, 60, 10, 10), (500, 500, 1, 1)])
def test_a_region_outside_of_the_picture_is_refused_with_its_size(region):
    machine = Machine()
    with pytest.raises(UsageError, match=r"outside of the picture, which is 80x60"):
        RegionUpscaler(machine, region).upscale_frame(FRAME)
    assert machine.regions == []


def test_a_region_that_reaches_left_of_the_picture_is_cut_off():
    # a command line gives none, a program may
    machine = Machine()
    RegionUpscaler(machine, (-10, -10, 30, 30)).upscale_frame(FRAME)
    assert machine.regions == [Tile(0, 0, 40, 40)]


def test_with_a_network_the_region_is_sharp_and_the_rest_bicubic(upscalers, texture):
    luma = texture(30, 40)
    upscaler = upscalers(2)
    full, flat = upscaler.upscale(luma), upscale_bicubic(luma, 2)
    enhanced = RegionUpscaler(upscaler, (8, 4, 20, 10)).upscale_frame(frame_of(luma))
    expected = flat.copy()
    expected[8:28, 16:56] = full[8:28, 16:56]
    assert (enhanced.luma == expected).all()
    assert (enhanced.luma != flat).any()
    assert (enhanced.index, enhanced.time_s) == (7, 0.25)


def test_a_region_changes_between_two_frames_and_one_outside_of_a_changed_picture_is_passed_over():
    machine, control = Machine(), RegionControl((10, 20, 30, 35))
    region = RegionUpscaler(machine, control)
    for asked, given, share in (
        ((10, 20, 30, 35), Tile(40, 20, 70, 60), 30 * 35 / 4800),
        (None, None, 1.0),
        ((0, 0, 8, 6), Tile(0, 0, 12, 16), 48 / 4800),
        ((200, 0, 8, 6), None, 1.0),
    ):
        control.asked = asked
        region.upscale_frame(FRAME)
        assert (machine.regions[-1], region.share) == (given, pytest.approx(share))
