"""The two cameras of ``vivid.sh``, from their other side: faults of the one, pictures of the other."""

import contextlib
import fcntl
import os
import struct
import threading
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import simplejpeg

DEVICE = "/dev/video0"
WEBCAM = "/dev/video1"


def control(name: str, value: int) -> None:
    """Set one of vivid's controls: VIDIOC_QUERYCTRL finds it by the beginning of its name, VIDIOC_S_CTRL sets it."""
    device = os.open(DEVICE, os.O_RDWR)
    number = 0
    try:
        while True:
            question = bytearray(68)
            struct.pack_into("I", question, 0, number | 0x80000000)  # V4L2_CTRL_FLAG_NEXT_CTRL
            fcntl.ioctl(device, 0xC0445624, question)
            number = struct.unpack_from("I", question)[0]
            if question[8:40].startswith(name.encode()):
                fcntl.ioctl(device, 0xC008561C, struct.pack("Ii", number, value))
                return
    finally:
        os.close(device)


@contextlib.contextmanager
def dropped() -> Iterator[None]:
    """The driver drops every frame."""
    control("Percentage of Dropped Buffers", 100)
    try:
        yield
    finally:
        control("Percentage of Dropped Buffers", 0)


@contextlib.contextmanager
def webcam(pictures: list[bytes]) -> Iterator[None]:
    """Let the other device send these JPEG pictures, again and again, 30 a second."""
    device = os.open(WEBCAM, os.O_RDWR)
    asked = bytearray(208)  # struct v4l2_format, V4L2_BUF_TYPE_VIDEO_OUTPUT
    struct.pack_into("I4x5I", asked, 0, 2, 640, 480, int.from_bytes(b"MJPG", "little"), 1, 0)
    fcntl.ioctl(device, 0xC0D05605, asked)  # VIDIOC_S_FMT
    os.write(device, pictures[0])  # it is a camera from now on
    ended = threading.Event()

    def send() -> None:
        for picture in cycle(pictures):
            if ended.wait(1 / 30):
                return
            os.write(device, picture)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()
        os.close(device)


def jpeg(luma: int) -> bytes:
    """A picture of one colour: 4:2:2, as webcams send it."""
    planes = (np.full((480, width), level, np.uint8) for width, level in ((640, luma), (320, 90), (320, 170)))
    return simplejpeg.encode_jpeg_yuv_planes(*planes, quality=90)
