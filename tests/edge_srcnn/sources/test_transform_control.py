"""A transform that changes while its source is open, also where the source mirrors its pictures by itself."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.geometry import Orientation
from edge_srcnn.sources import Source, kind_of
from edge_srcnn.sources.transform import Opening, Transform, TransformControl, TransformedSource
from edge_srcnn.uri import parse_uri

PICTURE = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8)


class Mirroring(Source):
    """Gives one picture again and again, mirrored as a sensor does, 10 times a second."""

    live, rate, timeout_s = True, Fraction(10), 1.0

    def __init__(self, *, hflip, vflip):
        self._luma, self._index = PICTURE[:: -1 if vflip else 1, :: -1 if hflip else 1].copy(), -1

    def read(self):
        self._index += 1
        return Frame(self._luma, None, Colour(), self._index, self._index / 10, 0.0)

    def wake(self):
        return


def expected(rotate, hflip, vflip, crop):
    plane = PICTURE if crop is None else PICTURE[crop[1] : crop[1] + crop[3], crop[0] : crop[0] + crop[2]]
    plane = plane[:: -1 if vflip else 1, :: -1 if hflip else 1]
    return np.rot90(plane, -rotate // 90)


@pytest.mark.parametrize("own", list(product([False, True], repeat=2)), ids=str)
def test_what_the_source_mirrors_by_itself_is_undone_where_something_else_is_asked_for(own):
    control = TransformControl()
    source = TransformedSource(Mirroring(hflip=own[0], vflip=own[1]), control, "camera", Orientation(False, *own))
    for rotate, hflip, vflip, crop in product((0, 90, 180, 270), (False, True), (False, True), (None, (1, 2, 5, 3))):
        control.asked = Transform(crop, Orientation.of(rotate, hflip=hflip, vflip=vflip))
        frame = source.read()
        assert np.array_equal(frame.luma, expected(rotate, hflip, vflip, crop))
        assert control.asked.size_of((8, 6)) == frame.size
        assert control.size == (8, 6)


def test_a_rate_begins_and_ends_and_frames_that_were_left_out_are_not_counted():
    control = TransformControl()
    source = TransformedSource(Mirroring(hflip=False, vflip=False), control, "camera")
    times = [source.read().time_s for _ in range(3)]
    control.asked = Transform(fps=Fraction(5))
    times += [source.read().time_s for _ in range(3)]
    assert (source.rate, source.timeout_s) == (5, pytest.approx(1.2))
    control.asked = Transform()
    frames = [source.read() for _ in range(3)]
    assert np.diff([*times[:3]]) == pytest.approx(0.1)
    assert np.diff(times[3:]) == pytest.approx(0.2)
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx(0.1)
    assert [frame.index for frame in frames] == [6, 7, 8]
    assert source.rate == 10


@pytest.mark.parametrize(
    ("name", "instead", "size"),
    [
        ("test:?size=64x48", {}, (64, 48)),
        ("test:?size=64x48&rotate=90", {}, (48, 64)),
        ("test:?size=64x48&rotate=90", {"rotate": 0}, (64, 48)),
        ("test:?size=64x48&rotate=90", {"crop": (0, 0, 10, 20)}, (20, 10)),
        ("test:?size=64x48&crop=0,0,10,20", {"rotate": None, "hflip": True}, (10, 20)),
    ],
)
def test_what_is_told_comes_before_the_source_s_name(name, instead, size):
    opening = kind_of(parse_uri(name)).opening(parse_uri(name))
    assert isinstance(opening, Opening)
    assert opening.transform(instead).size_of((64, 48)) == size


def test_a_crop_that_leaves_the_picture_is_told():
    with pytest.raises(ValueError, match="does not lie within the picture, which is 64x48"):
        Transform(crop=(60, 0, 5, 5)).size_of((64, 48))
