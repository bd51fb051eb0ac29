"""Talk to the kernel about V4L2 devices, cameras and virtual cameras.

Numbers and structures are those of ``linux/videodev2.h`` on a 64-bit machine.
"""

import fcntl
import os
import struct
from dataclasses import dataclass
from glob import glob

CAPTURE, OUTPUT = 1, 2
"""Types of buffers: V4L2_BUF_TYPE_VIDEO_CAPTURE and V4L2_BUF_TYPE_VIDEO_OUTPUT."""

G_FMT, S_FMT = 0xC0D05604, 0xC0D05605  # VIDIOC_G_FMT and VIDIOC_S_FMT, struct v4l2_format, 208 bytes
_QUERYCAP = 0x80685600  # VIDIOC_QUERYCAP, struct v4l2_capability, 104 bytes
_VIDEO_CAPTURE, _VIDEO_OUTPUT, _READWRITE = 0x00000001, 0x00000002, 0x01000000  # V4L2_CAP_...
_HAS_DEVICE_CAPS = 0x80000000
_FORMAT_BYTES, _FORMAT_AT = 208, 8
_FIELD_NONE = 1
_PRIV_MAGIC = 0xFEEDCAFE  # what stands behind it counts
_PIX_FORMAT = struct.Struct("2I4s9I")


@dataclass(frozen=True)
class Capability:
    """Say what a device is: its driver, what it calls itself, and whether it captures, shows, and can be written to."""

    driver: str
    card: str
    captures: bool
    outputs: bool = False
    writes: bool = False


@dataclass(frozen=True)
class PixelFormat:
    """Describe the pixels of a device: struct v4l2_pix_format.

    Attributes
    ----------
    width, height
        In pixels.
    fourcc
        Such as ``YUYV``.
    stride, size_bytes
        Bytes from row to row, and of a frame; 0: the driver chooses.
    space, encoding, quantization
        V4L2_COLORSPACE_..., V4L2_YCBCR_ENC_... and V4L2_QUANTIZATION_...; 0: not said.
    """

    width: int
    height: int
    fourcc: str
    stride: int = 0
    size_bytes: int = 0
    space: int = 0
    encoding: int = 0
    quantization: int = 0

    def pack(self, kind: int) -> bytes:
        """Write a struct v4l2_format for CAPTURE or OUTPUT."""
        code = self.fourcc.encode("latin-1")
        extras = self.stride, self.size_bytes, self.space, _PRIV_MAGIC, 0, self.encoding, self.quantization, 0
        found = bytearray(_FORMAT_BYTES)
        struct.pack_into("I", found, 0, kind)
        _PIX_FORMAT.pack_into(found, _FORMAT_AT, self.width, self.height, code, _FIELD_NONE, *extras)
        return bytes(found)

    @classmethod
    def unpack(cls, answer: bytes) -> "PixelFormat":
        """Read a struct v4l2_format."""
        width, height, code, _, stride, size, space, _, _, encoding, quantization, _ = _PIX_FORMAT.unpack_from(
            answer, _FORMAT_AT
        )
        return cls(width, height, code.decode("latin-1"), stride, size, space, encoding, quantization)


def capability(path: str) -> Capability | None:
    """Ask a device what it is; None where it does not say."""
    answer = ask(path, _QUERYCAP, b"", 104)
    if answer is None:
        return None
    driver, card = (field.split(b"\0")[0].decode(errors="replace") for field in (answer[:16], answer[16:48]))
    of_card, of_device = struct.unpack_from("2I", answer, 84)
    flags = of_device if of_card & _HAS_DEVICE_CAPS else of_card
    return Capability(driver, card, *(bool(flags & each) for each in (_VIDEO_CAPTURE, _VIDEO_OUTPUT, _READWRITE)))


def ask(path: str, request: int, question: bytes, size: int) -> bytes | None:
    """Open a device, make one ioctl with a structure of ``size`` bytes, and close it; None where that fails."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return fcntl.ioctl(descriptor, request, question.ljust(size, b"\0"))
        finally:
            os.close(descriptor)
    except OSError:
        return None


def video_devices() -> list[str]:
    """List the video devices of this machine in the order of their numbers."""
    return sorted(glob("/dev/video*"), key=lambda path: (len(path), path))
