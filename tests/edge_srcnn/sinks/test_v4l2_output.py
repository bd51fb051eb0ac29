"""The virtual camera without one: layouts of pixels, options, and what is said where there is no device.

What a device does is proven on real ones of a real kernel: tests/rigs/vivid.sh
"""

import errno
import fcntl
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from edge_srcnn.errors import CannotWrite, Unavailable, UsageError
from edge_srcnn.imaging.frame import BT709, Colour, Frame
from edge_srcnn.sinks import Result, Stream, open_sink, v4l2_output
from edge_srcnn.sinks.v4l2_output import Packer, V4l2Output
from edge_srcnn.system.v4l2 import OUTPUT, Capability, PixelFormat
from edge_srcnn.uri import parse_uri

LIMITED = Colour(full_range=False)
OUT = Capability("v4l2 loopback", "Virtual", captures=False, outputs=True, writes=True)


def frame(luma: np.ndarray, chroma: tuple[np.ndarray, np.ndarray] | None, colour: Colour = LIMITED) -> Frame:
    return Frame(luma, chroma, colour, 0, 0.0, 0.0)


def planes(height: int, width: int, down: int, across: int) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    shape = -(-height // down), -(-width // across)
    luma, cb, cr = (rng.integers(16, 236, each).astype(np.uint8) for each in ((height, width), shape, shape))
    return luma, (cb, cr)


# --- layouts of pixels, by the definitions of the V4L2 documentation ---


@pytest.mark.parametrize("padding", [0, 32])
def test_yuyv_is_two_pixels_of_luma_with_one_of_each_chroma_between(padding: int) -> None:
    luma, (cb, cr) = planes(4, 8, 1, 2)
    stride = 16 + padding
    data = Packer(PixelFormat(8, 4, "YUYV", stride, 4 * stride)).pack(frame(luma, (cb, cr)))
    for y in range(4):
        row = data[y * stride :][:16]
        assert row[::2].tolist() == luma[y].tolist()
        assert row[1::4].tolist() == cb[y].tolist()
        assert row[3::4].tolist() == cr[y].tolist()


@pytest.mark.parametrize("padding", [0, 32])
def test_yu12_is_three_planes_and_nv12_has_chroma_in_pairs(padding: int) -> None:
    luma, (cb, cr) = planes(4, 8, 2, 2)
    stride = 8 + padding
    size = stride * 6
    planar = Packer(PixelFormat(8, 4, "YU12", stride, size)).pack(frame(luma, (cb, cr)))
    rows = planar[: 4 * stride].reshape(4, stride)
    assert np.array_equal(rows[:, :8], luma)
    half = stride // 2
    assert np.array_equal(planar[4 * stride :][: 2 * half].reshape(2, half)[:, :4], cb)
    assert np.array_equal(planar[5 * stride :][: 2 * half].reshape(2, half)[:, :4], cr)
    pairs = Packer(PixelFormat(8, 4, "NV12", stride, size)).pack(frame(luma, (cb, cr)))
    rows = pairs.reshape(6, stride)
    assert np.array_equal(rows[:4, :8], luma)
    assert np.array_equal(rows[4:, :8:2], cb)
    assert np.array_equal(rows[4:, 1:8:2], cr)


@pytest.mark.parametrize("layout", ["YUYV", "YU12", "NV12"])
@pytest.mark.parametrize(("down", "across"), [(1, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize(("height", "width"), [(6, 10), (7, 11)])
def test_every_subsampling_goes_into_every_layout(layout: str, down: int, across: int, height: int, width: int) -> None:
    luma, chroma = planes(height, width, down, across)
    flat = tuple(np.full_like(plane, level) for plane, level in zip(chroma, (90, 170), strict=True))
    packer = Packer(PixelFormat(width // 2 * 2, height // 2 * 2, layout))
    data = packer.pack(frame(luma, flat))
    even = luma[: height // 2 * 2, : width // 2 * 2]
    pixels = even.size
    assert len(data) == (2 * pixels if layout == "YUYV" else 3 * pixels // 2)
    found = data.reshape(-1, 2)[:, 0] if layout == "YUYV" else data[:pixels]
    assert np.array_equal(found, even.reshape(-1))
    rest = np.sort(data.reshape(-1, 2)[:, 1] if layout == "YUYV" else data[pixels:])
    assert rest.tolist() == [90] * (len(rest) // 2) + [170] * (len(rest) // 2)


@pytest.mark.parametrize("layout", ["YUYV", "YU12", "NV12"])
def test_grey_has_no_colour(layout: str) -> None:
    luma = planes(4, 6, 1, 1)[0]
    data = Packer(PixelFormat(6, 4, layout)).pack(frame(luma, None))
    rest = data[1::2] if layout == "YUYV" else data[24:]
    assert (rest == 128).all()


@pytest.mark.parametrize(
    ("colour", "pixel", "wanted"),
    [
        # of ITU-R BT.601: Y = 16 + 219 y, Cb = 128 + 224 u, with y and u of 0..1
        (Colour(full_range=False), (180, 44, 142), (180, 44, 142)),
        (Colour(full_range=None), (16, 128, 128), (16, 128, 128)),
        (Colour(full_range=True), (0, 128, 128), (16, 128, 128)),
        (Colour(full_range=True), (255, 255, 0), (235, 240, 16)),
        (Colour(full_range=True), (100, 90, 170), (102, 95, 165)),
        # pure red of BT.709, limited: 63, 102, 240 becomes that of BT.601: 81, 90, 240
        (Colour(full_range=False, matrix=BT709), (63, 102, 240), (81, 90, 240)),
    ],
)
def test_range_and_matrix_become_those_that_programs_assume(
    colour: Colour, pixel: tuple[int, int, int], wanted: tuple[int, int, int]
) -> None:
    luma, cb, cr = (np.full((2, 2), level, np.uint8) for level in pixel)
    data = Packer(PixelFormat(2, 2, "YUYV")).pack(frame(luma, (cb, cr), colour)).astype(int)
    assert np.abs(data[:4] - [wanted[0], wanted[1], wanted[0], wanted[2]]).max() <= 1


# --- options, and where there is no device ---


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("v4l2:/dev/video99?format=rgb", "give one of yuyv, yu12, nv12"),
        ("v4l2:/dev/video99?size=640x480", "no option is called 'size'; there are: format"),
        ("v4l2:", "give the device, such as v4l2:/dev/video10"),
    ],
)
def test_a_name_that_makes_no_sense_is_a_mistake(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        open_sink(name)


@pytest.mark.parametrize("name", ["v4l2:/dev/video99", "v4l2:99", "/dev/video99"])
def test_a_device_that_is_missing_is_told_with_what_makes_one(name: str) -> None:
    with pytest.raises(
        Unavailable, match=r"/dev/video99: there is no such device.*make one: .*sudo modprobe v4l2loopback video_nr=99 "
    ):
        open_sink(name)


@pytest.mark.parametrize("path", ["/dev/null", "file"])
def test_what_is_no_video_device_is_told(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"is no video device.*make one: sudo apt install v4l2loopback-dkms"):
        open_sink(f"v4l2:{tmp_path / path}")


@pytest.mark.parametrize(
    ("device", "told"),
    [
        (Capability("uvcvideo", "HD Webcam", captures=True), r"is a camera \(HD Webcam\), not an output.*make one"),
        (Capability("v4l2 loopback", "Virtual", captures=True), "another program writes to it; fuser -v /dev/null"),
    ],
)
def test_a_camera_or_a_busy_device_is_told(monkeypatch: pytest.MonkeyPatch, device: Capability, told: str) -> None:
    monkeypatch.setattr(v4l2_output, "capability", lambda path: device)
    with pytest.raises(Unavailable, match=told):
        v4l2_output.open(parse_uri("v4l2:/dev/null"))


# --- a driver that answers as one pleases ---


class Driver:
    """What a kernel answers to a sink: the formats that it takes, and what becomes of ``write``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self.asked: list[PixelFormat] = []
        self.takes = {"YUYV", "YU12", "NV12"}
        self.keeps: tuple[int, int] | None = None
        self.errors: list[int] = []
        self.written: list[bytes] = []
        self._write = os.write
        path.touch()
        self.path = str(path)
        monkeypatch.setattr(v4l2_output, "check_output", lambda path: None)
        monkeypatch.setattr(v4l2_output, "capability", lambda path: OUT)
        monkeypatch.setattr(fcntl, "ioctl", self._ioctl)
        monkeypatch.setattr(os, "write", self._take)

    def _ioctl(self, device: int, request: int, question: bytes) -> bytes:
        if request != v4l2_output.S_FMT:
            raise OSError(errno.ENOTTY, "not known")
        asked = PixelFormat.unpack(question)
        self.asked.append(asked)
        width, height = self.keeps or (asked.width, asked.height)
        return PixelFormat(width, height, asked.fourcc if asked.fourcc in self.takes else "RGB3").pack(OUTPUT)

    def _take(self, device: int, data: memoryview) -> int:
        if self.errors and (number := self.errors.pop(0)):
            raise OSError(number, os.strerror(number))
        self.written.append(bytes(data))
        return len(data)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Driver:
    return Driver(monkeypatch, tmp_path / "video10")


def result(height: int, width: int) -> Result:
    luma, chroma = planes(height, width, 2, 2)
    made = frame(luma, chroma)
    return Result(made, made, 2)


def sink(driver: Driver, **options: str) -> V4l2Output:
    made = V4l2Output(f"v4l2:{driver.path}", driver.path, **options)
    made.begin(Stream(Fraction(30), None, None, dict))
    return made


def test_it_is_live_and_asks_for_limited_range_of_bt601(driver: Driver) -> None:
    made = sink(driver)
    assert made.live
    made.write(result(4, 8))
    made.close()
    (asked,) = driver.asked
    assert (asked.width, asked.height, asked.fourcc) == (8, 4, "YUYV")
    assert (asked.space, asked.encoding, asked.quantization) == (1, 1, 2)
    assert [len(data) for data in driver.written] == [64]


@pytest.mark.parametrize(("takes", "length"), [({"YU12"}, 48), ({"NV12"}, 48), ({"YUYV", "NV12"}, 64)])
def test_the_first_format_that_the_driver_takes_is_written(driver: Driver, takes: set[str], length: int) -> None:
    driver.takes = takes
    sink(driver).write(result(4, 8))
    assert len(driver.written[0]) == length


def test_a_format_that_is_asked_for_is_the_only_one(driver: Driver) -> None:
    driver.takes = {"YUYV"}
    with pytest.raises(CannotWrite, match=r"the device keeps 8x4 RGB3, and takes no 8x4 NV12; end the programs"):
        sink(driver, format="nv12").write(result(4, 8))
    assert [each.fourcc for each in driver.asked] == ["NV12"]


def test_another_size_opens_the_device_anew(driver: Driver) -> None:
    made = sink(driver)
    for size in ((4, 8), (4, 8), (6, 10)):
        made.write(result(*size))
    assert [(each.width, each.height) for each in driver.asked] == [(8, 4), (10, 6)]
    assert [len(data) for data in driver.written] == [64, 64, 120]


def test_a_size_that_a_reader_holds_is_told(driver: Driver) -> None:
    driver.keeps = (640, 480)
    with pytest.raises(CannotWrite, match=r"the device keeps 640x480 YUYV, and takes no 8x4"):
        sink(driver).write(result(4, 8))


@pytest.mark.parametrize(
    ("number", "kind", "told"),
    [
        (errno.ENODEV, CannotWrite, "the device is gone; was its module unloaded?"),
        (errno.EIO, CannotWrite, "the device is gone"),
        (errno.EBUSY, Unavailable, "another program writes to it"),
        (errno.EINVAL, CannotWrite, "cannot be written"),
    ],
)
def test_a_driver_that_refuses_is_told_and_can_be_opened_again(
    driver: Driver, number: int, kind: type[Exception], told: str
) -> None:
    made = sink(driver)
    driver.errors = [0, number]
    made.write(result(4, 8))
    with pytest.raises(kind, match=told):
        made.write(result(4, 8))
    made.write(result(4, 8))
    assert len(driver.asked) == 2
    made.close()
    made.close()


def test_a_frame_that_is_not_taken_in_time_is_missed(driver: Driver) -> None:
    made = sink(driver)
    driver.errors = [errno.EAGAIN, 0, errno.EAGAIN, errno.EAGAIN]
    made.write(result(4, 8))
    assert (made.missed, len(driver.written)) == (0, 1)
    made.write(result(4, 8))
    assert (made.missed, len(driver.written)) == (1, 1)


def test_a_picture_of_one_pixel_is_too_small(driver: Driver) -> None:
    with pytest.raises(CannotWrite, match="1x1 are too small for a camera"):
        sink(driver).write(result(1, 1))
