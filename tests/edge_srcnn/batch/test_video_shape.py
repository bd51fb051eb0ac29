"""A larger video is upright without a flag, and its pixels have the shape of the old ones."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

import av

from edge_srcnn.imaging.bicubic import upscale_bicubic
from tests.edge_srcnn.clips import decode, encode, planes
from tests.edge_srcnn.videos import soft


def rotated(path: Path) -> Path:
    """Shown turned by 90 degrees clockwise (ISO/IEC 14496-12, 8.3.2: x' = a x + c y, y' = b x + d y)."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") - 4
    end = start + int.from_bytes(data[start : start + 4], "big")
    matrix = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    data[end - 44 : end - 8] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("format", ["yuv420p", "yuv422p", "yuv444p"])
def test_a_video_of_a_phone_held_upright_is_upright_without_a_flag(tmp_path, upscale, format):
    down, across = {"yuv420p": (2, 2), "yuv422p": (1, 2), "yuv444p": (1, 1)}[format]
    source = rotated(encode(tmp_path / "in.mp4", soft(4, down=down, across=across), format=format, audio_s=0.16))
    assert decode(source)[0].rotation == -90
    outcome = upscale(source, tmp_path / "out.mp4")
    assert (outcome.error, outcome.size, outcome.new_size) == (None, (48, 64), (96, 128))
    for old, new in zip(decode(source), decode(tmp_path / "out.mp4"), strict=True):
        assert new.rotation == 0
        assert (new.width, new.height) == (96, 128)
        expected = upscale_bicubic(np.ascontiguousarray(np.rot90(planes(old)[0], -1)), 2)
        assert np.abs(planes(new)[0].astype(float) - expected).mean() <= 1


def test_the_shape_of_pixels_is_kept(tmp_path, upscale):
    source = encode(tmp_path / "in.mp4", soft(3), aspect=Fraction(16, 15))
    assert upscale(source, tmp_path / "out.mp4").error is None
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)


def test_the_shape_of_pixels_is_turned_with_the_picture(tmp_path, upscale):
    source = rotated(encode(tmp_path / "in.mp4", soft(3), aspect=Fraction(16, 15)))
    assert upscale(source, tmp_path / "out.mp4").error is None
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(15, 16)
