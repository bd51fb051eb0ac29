"""Ask the kernel about a V4L2 device: whether it is a camera, and how its pixels are to be read."""

import os
import struct
from pathlib import Path

from edge_srcnn.errors import NoInput, Unavailable
from edge_srcnn.imaging.frame import BT601, BT709, BT2020, Colour
from edge_srcnn.system.v4l2 import CAPTURE, G_FMT, PixelFormat, ask, capability, video_devices

_ENUM_FMT = 0xC0405602  # VIDIOC_ENUM_FMT, struct v4l2_fmtdesc, 64 bytes
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
    found = capability(path)
    if found is None or not found.captures:
        raise NoInput(f"{path}: is no camera; {_cameras()}")
    if found.driver in _PI_CAMERA_DRIVERS:
        raise NoInput(f"{path}: belongs to a camera module of the Raspberry Pi; its source is picamera2:0")


def formats(path: str) -> list[str]:
    """List the names (FOURCC) of the pixel formats that the device offers, in its order."""
    names: list[str] = []
    while (answer := ask(path, _ENUM_FMT, struct.pack("2I", len(names), CAPTURE), 64)) is not None:
        names.append(answer[44:48].decode("latin-1"))
    return names


def pixel_format(path: str) -> tuple[int, Colour] | None:
    """Read bytes from row to row (0: not said) and colours that the device is set to; None where it does not say."""
    answer = ask(path, G_FMT, struct.pack("I", CAPTURE), 208)
    if answer is None:
        return None
    found = PixelFormat.unpack(answer)
    full_range = _FULL_RANGE_OF_QUANTIZATION.get(found.quantization, found.space == _COLORSPACE_JPEG)
    default = {_COLORSPACE_REC709: BT709, _COLORSPACE_BT2020: BT2020}.get(found.space, BT601)
    return found.stride, Colour(full_range, _MATRIX_OF_ENCODING.get(found.encoding, default))


def _cameras() -> str:
    """List the video devices of this machine that capture, with what they call themselves."""
    paths = video_devices()
    if not paths:
        return "this machine has no /dev/video*; is the camera plugged in? dmesg tells whether the kernel saw it"
    found = [(path, capability(path)) for path in paths]
    cameras = [f"{path} ({device.card})" for path, device in found if device is not None and device.captures]
    if cameras:
        return f"there are: {', '.join(cameras)}"
    return f"none of these is a camera that may be opened: {', '.join(paths)}"
