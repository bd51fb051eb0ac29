"""A region of interest in camera pixels, and a rate that is kept by enhancing less."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from edge_srcnn import pacing
from edge_srcnn.errors import UsageError
from edge_srcnn.frame import Colour, Frame
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.pacing import LEAST_SHARE, PacedUpscaler, RegionUpscaler

WIDTH, HEIGHT = 80, 60


def frame_of(luma: np.ndarray) -> Frame:
    return Frame(luma, None, Colour(), 7, 0.25, 0.0)


FRAME = frame_of(np.zeros((HEIGHT, WIDTH), np.uint8))


class Machine:
    """An upscaler whose time is known: so much for a frame that is enhanced whole, in proportion for a part."""

    scale, engine, model = 2, "none", None

    def __init__(self, clock: list[float], whole_s: float, *, always_s: float = 0.0) -> None:
        self.clock, self.whole_s, self.always_s = clock, whole_s, always_s
        self.regions: list[Tile | None] = []

    def upscale_frame(self, frame: Frame, region: Tile | None = None) -> Frame:
        self.regions.append(region)
        area = 4 * WIDTH * HEIGHT
        part = area if region is None else region.width * region.height
        self.clock[0] += self.always_s + self.whole_s * part / area
        return replace(frame, luma=upscale_bicubic(frame.luma, 2))


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(pacing, "perf_counter", lambda: now[0])
    return now


def test_a_machine_that_is_fast_enough_enhances_everything(clock):
    machine = Machine(clock, 0.008)
    paced = PacedUpscaler(machine, Fraction(100))  # 10 ms a frame, 9 of them for this
    for _ in range(50):
        paced.upscale_frame(FRAME)
    assert paced.share == 1.0
    assert machine.regions == [None] * 50


def test_a_machine_that_is_too_slow_enhances_as_much_as_there_is_time_for(clock):
    machine = Machine(clock, 0.04)
    paced = PacedUpscaler(machine, Fraction(90))  # nine tenths of 1 / 90 s are 10 ms: a quarter of 40
    for _ in range(50):
        paced.upscale_frame(FRAME)
    assert paced.share == pytest.approx(0.25, rel=0.02)
    last = machine.regions[-1]
    assert last.width * last.height / (4 * WIDTH * HEIGHT) == pytest.approx(0.25, rel=0.05)
    began = clock[0]
    for _ in range(90):
        paced.upscale_frame(FRAME)
    assert clock[0] - began <= 1  # the rate is kept


def test_what_is_enhanced_is_the_middle(clock):
    machine = Machine(clock, 0.04)
    paced = PacedUpscaler(machine, Fraction(90))
    for _ in range(20):
        paced.upscale_frame(FRAME)
    for region in machine.regions[1:]:
        assert abs((HEIGHT * 2 - region.height) / 2 - region.top) < 1
        assert abs((WIDTH * 2 - region.width) / 2 - region.left) < 1
        # of the picture's own shape, up to rounding
        assert region.width / region.height == pytest.approx(WIDTH / HEIGHT, rel=0.03)


def test_the_share_rises_again_slowly_and_up_to_everything(clock):
    machine = Machine(clock, 0.04)
    paced = PacedUpscaler(machine, Fraction(90))
    for _ in range(10):
        paced.upscale_frame(FRAME)
    machine.whole_s = 0.004
    shares = []
    for _ in range(200):
        paced.upscale_frame(FRAME)
        shares.append(paced.share)
    assert shares[-1] == 1.0
    assert machine.regions[-1] is None
    rising = [after / before for before, after in pairwise(shares)]
    assert all(0.999 <= step <= 1.051 for step in rising)


def test_the_share_never_falls_below_the_least(clock):
    machine = Machine(clock, 10.0)
    paced = PacedUpscaler(machine, Fraction(100))
    for _ in range(50):
        paced.upscale_frame(FRAME)
        assert LEAST_SHARE <= paced.share <= 1
    assert paced.share == LEAST_SHARE
    assert min(machine.regions[-1].width, machine.regions[-1].height) >= 1


def test_one_slow_frame_does_not_take_everything_away(clock):
    machine = Machine(clock, 0.005)
    paced = PacedUpscaler(machine, Fraction(100))
    for _ in range(20):
        paced.upscale_frame(FRAME)
    machine.whole_s = 0.02
    paced.upscale_frame(FRAME)
    machine.whole_s = 0.005
    # smoothed: 5 + 0.2 * (20 - 5) = 8 ms of 9
    assert paced.share == 1.0


def test_a_picture_of_one_pixel_can_be_paced(clock):
    machine = Machine(clock, 10.0)
    paced = PacedUpscaler(machine, Fraction(100))
    tiny = frame_of(np.full((1, 1), 9, np.uint8))
    for _ in range(5):
        assert paced.upscale_frame(tiny).luma.shape == (2, 2)
    assert all(region is None or min(region.width, region.height) >= 1 for region in machine.regions)


def test_a_change_of_the_share_is_told_once(clock, caplog):
    machine = Machine(clock, 0.04)
    paced = PacedUpscaler(machine, Fraction(90))
    for _ in range(100):
        paced.upscale_frame(FRAME)
    assert len(caplog.records) == 1
    assert "25 % of the picture is enhanced" in caplog.text


def test_a_region_is_given_in_pixels_of_the_result(clock):
    machine = Machine(clock, 0.0)
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
def test_a_region_is_cut_off_where_the_picture_ends(clock, asked, given):
    machine = Machine(clock, 0.0)
    region = RegionUpscaler(machine, asked)
    region.upscale_frame(FRAME)
    assert machine.regions == [given]
    assert region.share == pytest.approx(given.height * given.width / (160 * 120))


@pytest.mark.parametrize("region", [(80, 0, 10, 10), (0, 60, 10, 10), (500, 500, 1, 1)])
def test_a_region_outside_of_the_picture_is_refused_with_its_size(clock, region):
    machine = Machine(clock, 0.0)
    with pytest.raises(UsageError, match=r"outside of the picture, which is 80x60"):
        RegionUpscaler(machine, region).upscale_frame(FRAME)
    assert machine.regions == []


def test_a_region_that_reaches_left_of_the_picture_is_cut_off_or_refused(clock):
    # a command line gives none, a program may
    machine = Machine(clock, 0.0)
    try:
        RegionUpscaler(machine, (-10, -10, 30, 30)).upscale_frame(FRAME)
    except UsageError:
        return
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
