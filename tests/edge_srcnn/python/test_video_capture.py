"""``edge_srcnn.VideoCapture`` beside the real ``cv2.VideoCapture`` on the same files."""

import gc
import logging
import pathlib

import cv2
import numpy as np
import pytest

pytest.importorskip("av")

import edge_srcnn
from edge_srcnn.errors import NoInput, SourceLost, UsageError
from tests.edge_srcnn.clips import encode, flat

FILES = {
    "h264.mp4": {"rate": 10},
    "h264.mkv": {"rate": 30},
    "mjpeg.avi": {"codec": "mjpeg", "format": "yuvj420p", "options": {}, "rate": 25},
    "gray.mkv": {"codec": "ffv1", "format": "gray", "options": {}, "rate": 25},
}
COUNT = 12
SAME = ("FPS", "FRAME_COUNT", "POS_FRAMES", "POS_MSEC", "FORMAT", "CONVERT_RGB")
UNKNOWN = ("BRIGHTNESS", "EXPOSURE", "BUFFERSIZE", "MODE")

pytestmark = pytest.mark.usefixtures("no_thread_stays")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for name, given in FILES.items():
        levels = (np.arange(COUNT) * 15 + 40).tolist()
        grey = given.get("format") == "gray"
        pictures = [flat((level,) if grey else (level, 100, 150), 48, 64) for level in levels]
        encode(folder / name, pictures, **given)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("no video\n" * 99)
    return folder


@pytest.fixture
def both(clips):
    """The real one, and ours."""
    opened = []

    def open_both(name, *given):
        path = str(clips / name)
        opened.append((cv2.VideoCapture(path, *given), edge_srcnn.VideoCapture(path, *given, engine="bicubic")))
        return opened[-1]

    yield open_both
    for pair in opened:
        for each in pair:
            each.release()


def told(capture, scale=1):
    """What ``get`` tells, sizes as the camera has them."""
    sizes = [capture.get(cv2.CAP_PROP_FRAME_WIDTH) / scale, capture.get(cv2.CAP_PROP_FRAME_HEIGHT) / scale]
    same = {name: capture.get(getattr(cv2, f"CAP_PROP_{name}")) for name in SAME}
    same["POS_MSEC"] = pytest.approx(same["POS_MSEC"], abs=1)  # which they count in whole ones
    same["FPS"] = pytest.approx(same["FPS"])
    return {**same, **{name: capture.get(getattr(cv2, f"CAP_PROP_{name}")) for name in UNKNOWN}, "sizes": sizes}


def shape(pixels, scale=1):
    return None if pixels is None else (pixels.shape[0] // scale, pixels.shape[1] // scale, pixels.dtype, pixels.ndim)


def steps(capture, scale):
    """Use it in every way, and note what it gives."""
    yield "opened", capture.isOpened(), told(capture, scale)
    yield "retrieve before the first", [shape(each, scale) for each in capture.retrieve()[1:]]
    for number in range(3):
        good, pixels = capture.read()
        yield f"read {number}", good, shape(pixels, scale), told(capture, scale)
    yield "grab", capture.grab(), told(capture, scale)
    for _ in range(2):
        good, pixels = capture.retrieve()
        yield "retrieve", good, shape(pixels, scale), told(capture, scale)
    for property, value in ((1, 5), (1, 2), (0, 150), (2, 0), (1, -1), (1, 7)):
        yield "set", property, value, capture.set(property, value), capture.get(1)
        yield "read", capture.read()[0], capture.get(1), pytest.approx(capture.get(0), abs=1)
    for property, value in ((3, 100), (4, 100), (5, 5), (10, 1), (99999, 1), (1, float("nan"))):
        yield "set", property, capture.set(property, value) if value == value else False
    count = 0
    while capture.read()[0]:
        count += 1
    yield "rest", count, told(capture, scale)
    yield "after the end", capture.read(), capture.grab(), capture.retrieve()
    yield "past the end", capture.set(1, 1000), capture.read()[0], capture.get(1)
    yield "back to the first", capture.set(1, 0), capture.get(1), capture.read()[0]
    yield "release", capture.release(), capture.isOpened(), capture.read(), capture.grab(), capture.retrieve()
    yield "afterwards", told(capture), capture.set(1, 0), capture.release()


@pytest.mark.parametrize("name", FILES)
def test_it_does_what_opencv_does(both, name):
    theirs, ours = both(name)
    for expected, given in zip(steps(theirs, 1), steps(ours, 2), strict=True):
        assert given == expected


@pytest.mark.parametrize("name", ["missing.mp4", "empty.mp4", "text.mp4", "", "missing/"])
def test_what_cannot_be_opened_is_not_open_as_with_opencv(both, name, caplog, clips, monkeypatch):
    monkeypatch.chdir(clips)
    for capture in (cv2.VideoCapture(name), edge_srcnn.VideoCapture(name)):
        assert not capture.isOpened()
        assert capture.read() == (False, None)
        assert not capture.grab()
        assert capture.retrieve() == (False, None)
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == edge_srcnn.VideoCapture().get(cv2.CAP_PROP_FRAME_WIDTH)
        assert not capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        assert capture.open(str(clips / "h264.mp4"))
        assert capture.read()[0]
        assert not capture.open(name)
        assert not capture.isOpened()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_a_number_is_a_video_device(caplog):
    assert not edge_srcnn.VideoCapture(97).isOpened()
    assert "/dev/video97: there is no such camera" in caplog.text
    assert not edge_srcnn.VideoCapture(np.int64(98)).isOpened()
    assert "/dev/video98" in caplog.text


def test_pictures_are_those_of_opencv_upscaled(both):
    theirs, ours = both("h264.mp4")
    for _ in range(COUNT):
        small, large = theirs.read()[1], ours.read()[1]
        assert large.shape == (96, 128, 3)
        assert np.abs(large[::2, ::2].astype(int) - small).max() <= 3  # flat colours: two libraries' rounding


def test_an_array_of_the_right_size_is_written_into(clips):
    capture = edge_srcnn.VideoCapture(clips / "h264.mp4", engine="bicubic")
    right, wrong = np.zeros((96, 128, 3), np.uint8), np.zeros((48, 64, 3), np.uint8)
    assert capture.read(right)[1] is right
    assert right.any()
    assert capture.read(wrong)[1] is not wrong
    assert not wrong.any()
    capture.release()


def test_frames_that_are_only_grabbed_cost_no_network(clips, monkeypatch):
    capture = edge_srcnn.VideoCapture(clips / "h264.mp4", model="fast-s-x2")
    computed = []
    upscaler = capture._reader._upscaler
    monkeypatch.setattr(upscaler, "upscale_frame", lambda frame: computed.append(frame.index))
    while capture.grab():
        pass
    assert computed == []
    capture.release()


def test_its_frames_are_enhanced_by_the_model_that_is_named(clips):
    path = str(clips / "h264.mp4")
    for model, scale in (("fast-s-x2", 2), ("fast-s-x3", 3)):
        frame = next(edge_srcnn.stream(path, model=model))
        capture = edge_srcnn.VideoCapture(path, model=model)
        assert np.array_equal(capture.read()[1], frame.bgr())
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 64 * scale
        capture.release()


def test_exceptions_are_raised_where_they_are_asked_for(clips):
    capture = edge_srcnn.VideoCapture()
    assert not capture.getExceptionMode()
    capture.setExceptionMode(True)
    with pytest.raises(UsageError, match="no source is open"):
        capture.read()
    with pytest.raises(NoInput, match="there is no such file"):
        capture.open("missing.mp4")
    capture.open(clips / "h264.mp4")
    with pytest.raises(SourceLost, match="no more frames"):
        while True:
            capture.read()
    capture.release()


def test_its_name_is_told_while_it_is_open(clips):
    capture = edge_srcnn.VideoCapture(clips / "h264.mp4", engine="bicubic")
    assert capture.getBackendName() == "EDGE_SRCNN"
    capture.release()
    with pytest.raises(UsageError, match="no source is open"):
        capture.getBackendName()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": 7}, "scale=7: give a whole number"),
        ({"sinks": "null:"}, "no option is called 'sinks'"),
        ({"modell": "fast-s-x2"}, "no option is called 'modell'"),
    ],
)
def test_options_that_make_no_sense_are_raised(options, said):
    with pytest.raises(UsageError, match=said):
        edge_srcnn.VideoCapture(**options)


def test_a_camera_is_asked_for_size_and_rate_before_its_first_frame():
    capture = edge_srcnn.VideoCapture("test:", engine="bicubic")
    assert capture.set(cv2.CAP_PROP_FRAME_WIDTH, 320)
    assert capture.set(cv2.CAP_PROP_FRAME_HEIGHT, 240)
    assert capture.set(cv2.CAP_PROP_FPS, 60)
    assert capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    assert not capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))  # the test card has no formats
    assert not capture.set(cv2.CAP_PROP_FPS, 0)
    assert capture.get(cv2.CAP_PROP_FPS) == 60
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 640
    assert capture.read()[1].shape == (480, 640, 3)
    assert capture.set(cv2.CAP_PROP_FRAME_WIDTH, 160)  # and after it
    assert capture.read()[1].shape == (480, 320, 3)
    assert not capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
    capture.release()


def test_parameters_are_set_when_it_is_opened(caplog):
    pair = [cv2.CAP_PROP_FRAME_WIDTH, 64, cv2.CAP_PROP_FRAME_HEIGHT, 48]
    capture = edge_srcnn.VideoCapture("test:?fps=30", cv2.CAP_ANY, pair, engine="bicubic")
    assert capture.read()[1].shape == (96, 128, 3)
    assert not capture.open("test:", cv2.CAP_ANY, [cv2.CAP_PROP_ISO_SPEED, 100])
    assert not capture.isOpened()
    assert "cannot be set" in caplog.text


@pytest.mark.slow
def test_a_network_camera_that_breaks_off_gives_false(camera, caplog):
    pytest.importorskip("requests")
    capture = edge_srcnn.VideoCapture(f"{camera}/stalls/20#timeout=0.5", engine="bicubic")
    assert capture.isOpened()
    assert not capture.set(cv2.CAP_PROP_FRAME_WIDTH, 320)  # it cannot be asked for a size
    assert capture.set(cv2.CAP_PROP_FPS, 5)  # but for fewer frames
    while capture.read()[0]:
        pass
    assert "no frame came" in caplog.text
    assert capture.isOpened()
    capture.release()


def test_one_that_is_forgotten_closes_itself(clips):
    capture = edge_srcnn.VideoCapture(pathlib.Path(clips / "h264.mp4"), engine="bicubic")
    assert capture.read()[0]
    del capture
    gc.collect()
