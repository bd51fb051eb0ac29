"""Where chroma lies, by the tags that encoders wrote; FFmpeg's log is never listened to in this process."""

import pytest

pytest.importorskip("av")

import av.logging

from edge_srcnn.imaging.chroma_siting import tagged_siting
from tests.edge_srcnn.ffmpeg_videos import FFMPEG, make

pytestmark = [pytest.mark.slow, pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")]

PICTURES = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=0.3"]
PLACES = [(-0.5, 0.0), (0.0, 0.0), (-0.5, -0.5), (0.0, -0.5), (-0.5, 0.5), (0.0, 0.5)]
"""By code (ITU-T H.273, figure 1): left, centre, top left, top, bottom left, bottom."""


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch):
    def listen(*_):
        raise AssertionError("with other decoders beside it, that can stand still for ever")

    monkeypatch.setattr(av.logging, "set_level", listen)
    monkeypatch.setattr(av.logging, "Capture", listen)


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("encoder", "code"),
    [*(("libx264", code) for code in range(1, 6)), *(("libx265", code) for code in range(6))],  # 0: x264 writes none
)
def test_a_tag_is_read(tmp_path, encoder, code, full):
    params = f"chromaloc={code}" + (":log-level=error" if encoder == "libx265" else "")
    pixels = ["-pix_fmt", "yuvj420p" if full else "yuv420p"]
    path = make(
        tmp_path / "a.mp4", *PICTURES, *pixels, "-c:v", encoder, f"-{encoder.removeprefix('lib')}-params", params
    )
    assert tagged_siting(str(path)) == PLACES[code]


@pytest.mark.parametrize(
    "options",
    [
        ["-c:v", "libx264", "-pix_fmt", "yuvj420p"],
        ["-c:v", "mpeg4"],
        ["-c:v", "libvpx-vp9"],
        ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"],
    ],
    ids=" ".join,
)
def test_without_a_tag_there_is_none(tmp_path, options):
    assert tagged_siting(str(make(tmp_path / "a.mkv", *PICTURES, *options))) is None


def test_what_is_no_video_has_none(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    assert tagged_siting(str(tmp_path / "a.mp4")) is None
