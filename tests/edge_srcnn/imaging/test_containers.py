"""Containers: what is missing at their end, and how their pictures are turned."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.imaging.containers import Orientation, first_picture, missing_bytes, open_file, orientation_of, text_of
from tests.edge_srcnn.display_matrix import ORIENTATIONS as MATRICES
from tests.edge_srcnn.display_matrix import put_display_matrix

FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")
PLANE = np.arange(6, dtype=np.uint8).reshape(2, 3)

ORIENTATIONS = {
    "as it is": ((1, 0, 0, 1), PLANE),
    "mirrored": ((-1, 0, 0, 1), np.fliplr(PLANE)),
    "upside down": ((-1, 0, 0, -1), np.rot90(PLANE, 2)),
    "flipped": ((1, 0, 0, -1), np.flipud(PLANE)),
    "clockwise": ((0, 1, -1, 0), np.rot90(PLANE, -1)),
    "counter-clockwise": ((0, -1, 1, 0), np.rot90(PLANE, 1)),
    "transposed": ((0, 1, 1, 0), PLANE.T),
    "transverse": ((0, -1, -1, 0), np.rot90(PLANE.T, 2)),
}
"""a, b, c, d of ISO/IEC 14496-12, 8.3.2, and what is seen: x' = a x + c y, y' = b x + d y."""


class Turned:
    def __init__(self, a: int, b: int, c: int, d: int) -> None:
        matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1], np.int32) * 65536
        self.side_data = {6: matrix.tobytes()}

    def get(self, kind: object) -> object:
        return self.side_data[6]


@pytest.mark.parametrize(("matrix", "seen"), ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_a_display_matrix_is_followed(matrix, seen):
    frame = type("Frame", (), {"side_data": Turned(*matrix)})()
    assert orientation_of(frame).upright(PLANE).tolist() == seen.tolist()


@pytest.mark.slow
@needs_ffmpeg
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_files_are_turned_as_ffmpeg_turns_them(tmp_path, matrix):
    """Expected: what FFmpeg's own rotation makes of the same file."""
    turned, shown = tmp_path / "turned.mp4", tmp_path / "shown.mkv"
    make = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=0.4"]
    subprocess.run([*make, "-c:v", "libx264", "-qp", "0", "-pix_fmt", "gray", turned], check=True)
    put_display_matrix(turned, *matrix)
    subprocess.run([FFMPEG, "-v", "error", "-i", turned, "-c:v", "ffv1", "-pix_fmt", "gray", shown], check=True)
    with open_file(turned) as container, open_file(shown) as reference:
        frame = next(container.decode(video=0))
        ours = orientation_of(frame).upright(frame.to_ndarray(format="gray"))
        assert np.array_equal(ours, next(reference.decode(video=0)).to_ndarray(format="gray"))
    first = first_picture(str(turned))
    assert first is not None
    assert first.orientation.transpose == (ours.shape[0] > ours.shape[1])


def clip(path: Path, *options: str) -> Path:
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=2"]
    subprocess.run([FFMPEG, "-v", "error", *source, *options, path], check=True)
    return path


@pytest.mark.slow
@needs_ffmpeg
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mp4", ["-movflags", "faststart"]),
        (".mov", ["-movflags", "faststart"]),
        (".mp4", ["-movflags", "frag_keyframe+empty_moov"]),
        (".mkv", []),
        (".webm", ["-c:v", "libvpx"]),
        (".avi", ["-c:v", "mjpeg"]),
    ],
)
def test_what_is_missing_of_a_file_is_counted_to_the_byte(tmp_path, suffix, options):
    path = clip(tmp_path / f"a{suffix}", *options)
    data = path.read_bytes()
    assert missing_bytes(path) == 0
    for part in (0.9, 0.6):
        kept = int(len(data) * part)
        path.write_bytes(data[:kept])
        missing = missing_bytes(path)
        if "frag_keyframe+empty_moov" in options:  # it ends with its fragment
            assert 0 <= missing <= len(data) - kept
        else:
            assert missing == len(data) - kept


@pytest.mark.slow
@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".ts", ".mpg", ".flv"])
def test_formats_that_say_nothing_of_their_length_miss_nothing(tmp_path, suffix):
    path = clip(
        tmp_path / f"a{suffix}", *(["-c:v", "mpeg2video", "-r", "25"] if suffix != ".flv" else ["-c:v", "flv1"])
    )
    path.write_bytes(path.read_bytes()[:-1000])
    assert missing_bytes(path) == 0


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", b"\x1aE\xdf\xa3", b"\0\0\0\x18ftyp", b"\0" * 64, b"\x1aE\xdf\xa3" + b"\xff" * 40]
)
def test_of_heads_alone_nothing_is_known_or_all_is_missing(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    assert missing_bytes(tmp_path / "a") >= 0


@pytest.mark.parametrize(
    ("stored", "text"),
    [(b"Caf\xe9", "Caf\N{LATIN SMALL LETTER E WITH ACUTE}"), ("Zoë".encode(), "Zoë"), (b"plain", "plain"), (b"", "")],
)
def test_text_is_utf_8_or_else_latin_1(stored, text):
    assert text_of(stored.decode("utf-8", "surrogateescape")) == text


@pytest.mark.parametrize("siting", [(-0.5, 0.0), (0.0, 0.0), (-0.5, -0.5)])
def test_chroma_is_turned_with_its_plane(siting):
    """Where chroma lies from the middle of 2x2 pixels, drawn as a point, and the picture turned."""
    for orientation in (Orientation(), Orientation(True), Orientation(False, True), Orientation(True, False, True)):
        points = np.zeros((5, 5), np.uint8)
        points[2 + int(2 * siting[1]), 2 + int(2 * siting[0])] = 1
        (down,), (across,) = np.nonzero(orientation.upright(points))
        assert orientation.siting(siting) == ((across - 2) / 2, (down - 2) / 2)
