"""A larger video has the colours of the old one: by its tags, by flat colours, by RGB and by grey."""

import numpy as np
import pytest

pytest.importorskip("av")

import av

from edge_srcnn.imaging.bicubic import upscale_bicubic
from tests.edge_srcnn.clips import decode, encode, flat, planes, tags_of
from tests.edge_srcnn.videos import soft


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (2, 1, 1, 13), (1, 5, 5, 5), (1, 9, 9, 16), (0, 2, 2, 2), (1, 6, 1, 2)])
def test_the_four_colour_tags_are_kept(tmp_path, upscale, tags):
    source = encode(tmp_path / "in.mp4", soft(3), tags=tags)
    assert tags_of(decode(source)[0]) == tags
    assert upscale(source, tmp_path / "out.mp4").error is None
    assert tags_of(decode(tmp_path / "out.mp4")[0]) == tags


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "down", "across", "codec"),
    [
        ("yuv420p", 2, 2, "libx264"),
        ("yuvj420p", 2, 2, "libx264"),
        ("yuv422p", 1, 2, "libx264"),
        ("yuv444p", 1, 1, "libx264"),
        ("yuvj422p", 1, 2, "mjpeg"),
    ],
)
@pytest.mark.parametrize("colour", [(81, 90, 240), (145, 54, 34), (235, 128, 128), (16, 128, 128), (60, 200, 100)])
def test_a_flat_colour_stays_within_a_level(tmp_path, upscale, format, down, across, codec, colour):
    full = "j" in format
    options = {"preset": "ultrafast", "qp": "0"} if codec == "libx264" else {"qmin": "1", "qmax": "1"}
    source = encode(
        tmp_path / "in.mkv",
        [flat(colour, 48, 64, down, across)] * 3,
        format=format,
        codec=codec,
        tags=(2 if full else 1, 6, 6, 6),
        options=options,
    )
    assert upscale(source, tmp_path / "out.mp4").error is None
    for old, new in zip(decode(source), decode(tmp_path / "out.mp4"), strict=True):
        for before, after in zip(planes(old), planes(new), strict=True):
            assert after.shape == (before.shape[0] * 2, before.shape[1] * 2)
            assert np.abs(after.astype(int) - int(before[0, 0])).max() <= 1


@pytest.mark.parametrize(
    ("name", "codec", "suffix"), [("bgr0", "ffv1", "mkv"), ("bgr24", "libx264rgb", "mkv"), ("rgb24", "qtrle", "mov")]
)
def test_a_video_of_rgb_keeps_its_colours(tmp_path, upscale, name, codec, suffix):
    rgb = (200, 60, 30)
    with av.open(str(tmp_path / f"in.{suffix}"), "w") as output:
        stream = output.add_stream(codec, rate=25, options={"qp": "0"} if "264" in codec else {})
        stream.width, stream.height, stream.pix_fmt = 64, 48, name
        for pts in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), rgb, np.uint8), "rgb24").reformat(format=name)
            frame.pts = pts
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert upscale(tmp_path / f"in.{suffix}", tmp_path / "out.mp4").error is None
    for frame in decode(tmp_path / "out.mp4"):
        # by its tags; by itself a player takes BT.601 for small pictures
        shown = frame.to_ndarray(format="rgb24")
        assert np.abs(shown.astype(int) - rgb).max() <= 4


def test_grey_stays_grey(tmp_path, upscale):
    source = encode(tmp_path / "in.mkv", (p[:1] for p in soft(3)), format="gray", codec="ffv1", options={})
    assert upscale(source, tmp_path / "out.mp4").error is None
    for old, new in zip(decode(source), decode(tmp_path / "out.mp4"), strict=True):
        luma, *chroma = planes(new)
        assert np.abs(luma.astype(float) - upscale_bicubic(planes(old)[0], 2)).mean() <= 1
        assert all(np.abs(plane.astype(int) - 128).max() <= 1 for plane in chroma)
