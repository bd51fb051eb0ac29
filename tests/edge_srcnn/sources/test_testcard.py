"""The test card is the same on every call; the source moves it, counts, keeps its rate, and ends when it is told to."""

import threading
from fractions import Fraction
from itertools import islice, pairwise
from time import monotonic, sleep

import numpy as np
import pytest

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.frame import Colour
from edge_srcnn.sources import open_source
from edge_srcnn.sources.testcard import HEIGHT, INK, PAPER, WIDTH, draw_test_card


def test_it_is_an_rgb_picture_of_its_size_and_the_same_each_time():
    card = draw_test_card()
    assert (card.shape, card.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert (card == draw_test_card()).all()


def test_it_divides_by_two_and_four():
    assert (HEIGHT % 4, WIDTH % 4) == (0, 0)


def test_it_holds_the_whole_range_ink_on_paper_and_colours():
    card = draw_test_card()
    assert (card.min(), card.max()) == (0, 255)
    grey = (card == card[..., :1]).all(axis=2)
    assert set(np.unique(card[grey])) >= {INK, PAPER}
    assert 0.02 < 1 - grey.mean() < 0.5


def test_the_gradient_rises_from_black_to_white():
    ramp = draw_test_card()[200, 16:-16, 0].astype(int)
    assert (ramp[0], ramp[-1]) == (0, 255)
    assert set(np.diff(ramp)) == {0, 1}


def test_the_finest_lines_alternate_from_pixel_to_pixel():
    lines = draw_test_card()[216 + 10, 280 : 280 + 40, 0]
    assert (lines[::2] == INK).all()
    assert (lines[1::2] == PAPER).all()


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (1, 1), (2, 1), (1, 9), (320, 10)])
def test_frames_of_any_size_are_420_and_full_range(size):
    for frame in open_source(f"test:size={size[0]}x{size[1]},fps=max,frames=40"):
        assert frame.size == size
        assert [plane.shape for plane in frame.chroma] == [(-(-size[1] // 2), -(-size[0] // 2))] * 2
        assert {plane.dtype for plane in (frame.luma, *frame.chroma)} == {np.dtype(np.uint8)}
        assert frame.colour == Colour()


def test_by_itself_it_is_a_camera_of_15_frames_a_second():
    source = open_source("test:")
    assert (source.live, source.rate, source.frames) == (True, 15, None)
    assert next(iter(source)).size == (640, 480)
    source.close()


def test_at_full_speed_it_is_a_file():
    source = open_source("test:size=64x48,fps=max,frames=200")
    assert (source.live, source.frames) == (False, 200)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(200))
    assert [frame.time_s for frame in frames] == [pytest.approx(index / source.rate) for index in range(200)]


def test_it_moves_and_is_the_same_each_time():
    first, again = (list(open_source("test:size=64x48,fps=max,frames=5")) for _ in range(2))
    assert all((one.luma == other.luma).all() for one, other in zip(first, again, strict=True))
    for one, next_one in pairwise(first):
        assert (one.luma != next_one.luma).mean() > 0.05
    with_ball = [np.stack([*frame.chroma]) for frame in first]
    assert len({planes.tobytes() for planes in with_ball}) == 5


def test_a_frame_stays_as_it_was_handed_on():
    frames, copies = [], []
    for frame in open_source("test:size=64x48,fps=max,frames=20"):
        frames.append(frame)
        copies.append((frame.luma.copy(), frame.chroma[0].copy(), frame.chroma[1].copy()))
    for frame, copy in zip(frames, copies, strict=True):
        assert all((a == b).all() for a, b in zip((frame.luma, *frame.chroma), copy, strict=True))


def test_it_keeps_its_rate():
    began = monotonic()
    frames = list(open_source("test:size=64x48,fps=40,frames=13"))
    assert monotonic() - began >= 12 / 40
    assert frames[-1].index == 12
    for frame in frames:
        assert frame.time_s == pytest.approx(frame.index / 40)
        assert frame.captured_s - began >= frame.index / 40


def test_a_rate_may_be_a_fraction():
    source = open_source("test:size=64x48,fps=30000/1001,frames=2")
    assert source.rate == Fraction(30000, 1001)
    assert [frame.time_s for frame in source] == [0, pytest.approx(1001 / 30000)]


@pytest.mark.slow
def test_what_nobody_took_in_time_is_left_out_and_counted():
    began = monotonic()
    source = open_source("test:size=64x48,fps=100")
    indices, delays = [], []
    for frame in islice(source, 6):
        delays.append(monotonic() - began - frame.index / 100)
        indices.append(frame.index)
        sleep(0.1)
    source.close()
    steps = np.diff(indices)
    assert (steps >= 9).all()  # 0.1 s are 10 frames
    assert min(delays) >= -0.001  # none before its time


def test_it_ends_after_so_many_frames_even_when_some_were_left_out():
    indices = []
    for frame in open_source("test:size=64x48,fps=200,frames=30"):
        indices.append(frame.index)
        sleep(0.03)
    assert indices == sorted(set(indices))
    assert indices[0] == 0
    assert indices[-1] <= 29


def test_it_can_be_closed_from_another_thread_while_it_waits():
    source = open_source("test:size=64x48,fps=0.01")
    frames = iter(source)
    next(frames)  # the next one is due in 100 s
    threading.Timer(0.2, source.wake).start()
    began = monotonic()
    assert list(frames) == []
    assert monotonic() - began < 10
    source.close()


@pytest.mark.parametrize("live", ["fps=max", "fps=100"])
def test_a_source_that_is_closed_gives_nothing(live):
    source = open_source(f"test:size=64x48,{live}")
    source.close()
    assert list(source) == []


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("test:size=0x5", "640x480"),
        ("test:fps=0", "frames a second"),
        ("test:fps=fast", "frames a second"),
        ("test:frames=0", "whole number"),
        ("test:speed=5", "size, fps, frames"),
    ],
)
def test_options_that_make_no_sense_are_refused(uri, said):
    with pytest.raises(UsageError, match=said):
        open_source(uri)
