"""Files that are no video, and damaged ones: none of them is taken for a whole one."""

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.errors import BadData, NoInput, SourceLost
from edge_srcnn.sources import open_source
from tests.edge_srcnn.clips import encode
from tests.edge_srcnn.sources.frames import collect, moving, same_planes


def test_a_missing_file():
    with pytest.raises(NoInput, match=r"none\.mp4: there is no such file"):
        open_source("none.mp4")


@pytest.mark.parametrize("content", [b"This is no video.\n" * 100, b"", b"\0" * 5000])
def test_a_file_that_is_no_video(tmp_path, content):
    (tmp_path / "text.mp4").write_bytes(content)
    with pytest.raises(BadData, match=r"text\.mp4") as raised:
        open_source(str(tmp_path / "text.mp4"))
    assert "\n" not in str(raised.value)


def test_sound_without_pictures(tmp_path):
    import av

    with av.open(str(tmp_path / "sound.m4a"), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(BadData, match="holds no video"):
        open_source(f"video:{tmp_path / 'sound.m4a'}")


def test_a_codec_that_nobody_knows(tmp_path):
    path = encode(tmp_path / "clip.mp4", moving(3))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(BadData, match=r"clip\.mp4"):
        list(open_source(str(path)))


def cut(path, share=0.6):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [("clip.mp4", {"movflags": "faststart"}), ("clip.mkv", {}), ("clip.avi", {})],
    ids=["mp4", "mkv", "avi"],
)
def test_a_file_that_was_cut_off_is_not_taken_for_a_whole_one(tmp_path, name, options):
    pictures = moving(100)
    path = cut(
        encode(tmp_path / name, pictures, container=options, options={"preset": "ultrafast", "qp": "0", "bf": "0"})
    )
    frames, error = collect(open_source(str(path)))
    # six tenths of the bytes are about six tenths of the frames; those that are there are given
    assert 50 <= len(frames) <= 65
    assert all(same_planes(frame, planes) for frame, planes in zip(frames[:-1], pictures, strict=False))
    assert isinstance(error, (SourceLost, BadData)), error
    assert name in str(error)
    assert "\n" not in str(error)


def test_a_file_without_its_index_cannot_be_opened(tmp_path):
    path = cut(encode(tmp_path / "clip.mp4", moving(50)))  # the index is at the end
    with pytest.raises(BadData, match=r"clip\.mp4"):
        open_source(str(path))


def test_a_file_that_is_damaged_in_the_middle_is_not_taken_for_a_whole_one(tmp_path):
    path = encode(tmp_path / "clip.mp4", moving(60))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60_000] = np.random.default_rng(1).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    frames, error = collect(open_source(str(path)))
    assert len(frames) >= 20
    assert isinstance(error, (SourceLost, BadData)), (len(frames), error)
