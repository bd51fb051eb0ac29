"""Videos at scale 1: the size, the colours, the times and the sound stay; luma is cleaned."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")

import av

from edge_srcnn.batch.jobs import Job
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.sources.images import read_picture
from edge_srcnn.upscaler import open_model
from tests.edge_srcnn.cleaning import adding, cleaning_model
from tests.edge_srcnn.clips import decode, encode, planes
from tests.edge_srcnn.videos import check_same, soft


@pytest.fixture(scope="module")
def brighter():
    """Adds 7 grey levels."""
    with open_model(cleaning_model(adding(7))) as upscaler:
        yield upscaler


def cleaned(source, target, upscaler):
    (outcome,) = run_jobs([Job(source, target)], upscaler, Encoding(lossless=True), overwrite=False)
    assert outcome.error is None
    assert outcome.size == outcome.new_size
    return outcome


def samples(plane):
    """Those of a plane of more than 8 bits, to be read and written."""
    return np.frombuffer(plane, "<u2").reshape(-1, plane.line_size // 2)[: plane.height, : plane.width]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "down", "across"), [("yuv420p", 2, 2), ("yuv422p", 1, 2), ("yuv444p", 1, 1), ("yuvj420p", 2, 2)]
)
def test_a_video_keeps_all_but_its_luma(tmp_path, brighter, format, down, across):
    tags = (2 if "j" in format else 1, 6, 6, 6)
    pictures = soft(8, down=down, across=across)
    source = encode(tmp_path / "in.mp4", pictures, format=format, tags=tags, audio_s=0.32)
    cleaned(source, tmp_path / "out.mp4", brighter)
    check_same(source, tmp_path / "out.mp4", scale=1)
    for old, new in zip(decode(source), decode(tmp_path / "out.mp4"), strict=True):
        luma, *chroma = planes(new)
        assert np.abs(luma.astype(float) - (planes(old)[0].astype(int) + 7)).mean() <= 1
        for ours, theirs in zip(chroma, planes(old)[1:], strict=True):
            assert np.abs(ours.astype(int) - theirs).mean() <= 1  # flat, but for what H.264 loses


def test_ten_bits_stay_ten_bits(tmp_path, brighter):
    rows, columns = np.mgrid[:32, :48]
    luma = (300 + 4 * rows + 5 * columns).astype("<u2")  # of 10 bits
    chroma = np.full((16, 24), 512, "<u2")
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p10le"
        frame = av.VideoFrame(48, 32, "yuv420p10le")
        for plane, pixels in zip(frame.planes, (luma, chroma, chroma), strict=True):
            samples(plane)[:] = pixels
        output.mux([*stream.encode(frame), *stream.encode(None)])
    cleaned(tmp_path / "in.mkv", tmp_path / "out.mkv", brighter)
    (frame,) = decode(tmp_path / "out.mkv")
    assert frame.format.name == "yuv420p10le"
    assert np.abs(samples(frame.planes[0]) - (luma.astype(int) + 4 * 7)).mean() <= 2


def test_an_odd_size_loses_no_more_than_the_row_and_column_that_video_has_no_place_for(tmp_path, brighter):
    source = encode(tmp_path / "in.mkv", soft(2, 31, 45), codec="ffv1", options={})
    assert cleaned(source, tmp_path / "out.mp4", brighter).new_size == (45, 31)
    frame = decode(tmp_path / "out.mp4")[0]
    assert (frame.width, frame.height) == (44, 30)  # 4:2:0 has even sizes
    expected = planes(decode(source)[0])[0][:30, :44].astype(int) + 7
    assert np.abs(planes(frame)[0].astype(float) - expected).mean() <= 1


def test_the_pictures_of_an_animation_keep_their_size(tmp_path, brighter):
    grey = [Image.fromarray(np.full((20, 30, 3), 60 + 40 * n, np.uint8)) for n in range(3)]
    grey[0].save(tmp_path / "in.webp", save_all=True, append_images=grey[1:], duration=80, lossless=True)
    cleaned(tmp_path / "in.webp", tmp_path / "out.webp", brighter)
    with Image.open(tmp_path / "out.webp") as animation:
        assert (animation.size, animation.n_frames) == ((30, 20), 3)
    assert (read_picture(tmp_path / "out.webp").pixels == 67).all()
