"""Ask the kernel about a V4L2 device: whether it is a camera, and how its pixels are to be read.

Numbers are those of ``linux/videodev2.h``.
"""

import fcntl
import os
import struct
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from edge_srcnn.errors import NoInput, Unavailable
from edge_srcnn.imaging.frame import BT601, BT709, BT2020, Colour

_QUERYCAP = 0x80685600  # VIDIOC_QUERYCAP, struct v4l2_capability, 104 bytes
_ENUM_FMT = 0xC0405602  # VIDIOC_ENUM_FMT, struct v4l2_fmtdesc, 64 bytes
_G_FMT = 0xC0D05604  # VIDIOC_G_FMT, struct v4l2_format, 208 bytes
_VIDEO_CAPTURE = 0x00000001  # V4L2_CAP_VIDEO_CAPTURE
_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_HAS_DEVICE_CAPS = 0x80000000
_COLORSPACE_REC709, _COLORSPACE_JPEG, _COLORSPACE_BT2020 = 3, 7, 10
_MATRIX_OF_ENCODING = {1: BT601, 2: BT709, 3: BT601, 4: BT709, 6: BT2020, 7: BT2020}
_FULL_RANGE_OF_QUANTIZATION = {1: True, 2: False}
_PI_CAMERA_DRIVERS = frozenset({"unicam", "rp1-cfe", "bcm2835-isp", "pispbe"})


def check_camera(path: str) -> None:
    """Prove that a path is a camera that may be opened.

    Parameters
    ----------
    path
        Such as ``/dev/video0``.

    Raises
    ------
    NoInput
        There is no such device, or it is no camera; the message lists those that there are.
    Unavailable
        It must not be opened.
    """
    if not Path(path).exists():
        raise NoInput(f"{path}: there is no such camera; {_cameras()}")
    if not Path(path).is_char_device():
        raise NoInput(f"{path}: is no camera; {_cameras()}")
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        raise Unavailable(
            f"{path}: may not be opened; cameras belong to the group video: "
            "sudo usermod -aG video $USER, then log in again (a service: SupplementaryGroups=video)"
        )
    found = _capability(path)
    if found is None or not found.captures:
        raise NoInput(f"{path}: is no camera; {_cameras()}")
    if found.driver in _PI_CAMERA_DRIVERS:
        raise NoInput(f"{path}: belongs to a camera module of the Raspberry Pi; its source is picamera2:0")


def formats(path: str) -> list[str]:
    """List the names (FOURCC) of the pixel formats that the device offers, in its order."""
    names: list[str] = []
    while (answer := _ask(path, _ENUM_FMT, struct.pack("2I", len(names), _CAPTURE), 64)) is not None:
        names.append(answer[44:48].decode("latin-1"))
    return names


def pixel_format(path: str) -> tuple[int, Colour] | None:
    """Read bytes from row to row (0: not said) and colours that the device is set to; None where it does not say."""
    answer = _ask(path, _G_FMT, struct.pack("I", _CAPTURE), 208)
    if answer is None:
        return None
    _, _, _, _, stride, _, space, _, _, encoding, quantization, _ = struct.unpack_from("12I", answer, 8)
    full_range = _FULL_RANGE_OF_QUANTIZATION.get(quantization, space == _COLORSPACE_JPEG)
    default = {_COLORSPACE_REC709: BT709, _COLORSPACE_BT2020: BT2020}.get(space, BT601)
    return stride, Colour(full_range, _MATRIX_OF_ENCODING.get(encoding, default))


@dataclass(frozen=True)
class _Capability:
    driver: str
    card: str
    captures: bool


def _capability(path: str) -> _Capability | None:
    answer = _ask(path, _QUERYCAP, b"", 104)
    if answer is None:
        return None
    driver, card = (field.split(b"\0")[0].decode(errors="replace") for field in (answer[:16], answer[16:48]))
    of_card, of_device = struct.unpack_from("2I", answer, 84)
    flags = of_device if of_card & _HAS_DEVICE_CAPS else of_card
    return _Capability(driver, card, bool(flags & _VIDEO_CAPTURE))


def _ask(path: str, request: int, question: bytes, size: int) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return fcntl.ioctl(descriptor, request, question.ljust(size, b"\0"))
        finally:
            os.close(descriptor)
    except OSError:
        return None


def _cameras() -> str:
    """List the video devices of this machine that capture, with what they call themselves."""
    paths = sorted(glob("/dev/video*"), key=lambda path: (len(path), path))
    if not paths:
        return "this machine has no /dev/video*; is the camera plugged in? dmesg tells whether the kernel saw it"
    found = [(path, _capability(path)) for path in paths]
    cameras = [f"{path} ({device.card})" for path, device in found if device is not None and device.captures]
    if cameras:
        return f"there are: {', '.join(cameras)}"
    return f"none of these is a camera that may be opened: {', '.join(paths)}"
