"""``v4l2:/dev/video10``: be a camera for other programs, by a virtual V4L2 device such as v4l2loopback's."""

import errno
import fcntl
import logging
import os
import re
import select
import stat
import struct
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np

from edge_srcnn.errors import CannotWrite, Unavailable, UsageError, reason
from edge_srcnn.imaging.colour import resample_chroma, video_planes
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.sinks import Result, Sink, Stream
from edge_srcnn.sinks.v4l2_buffers import MappedBuffers
from edge_srcnn.system.v4l2 import OUTPUT, S_FMT, PixelFormat, capability, video_devices
from edge_srcnn.uri import Uri, one_of, read_options

FORMATS = {"yuyv": "YUYV", "yu12": "YU12", "nv12": "NV12"}
"""Names of the pixel formats that are written, the one first that most programs read."""

LOOPBACK = "v4l2 loopback"
_DEVICE = re.compile(r"/dev/video(\d+)")

log = logging.getLogger(__name__)

_SMPTE170M, _ENCODING_601, _LIMITED = 1, 1, 2  # V4L2_COLORSPACE_, V4L2_YCBCR_ENC_, V4L2_QUANTIZATION_
_S_PARM = 0xC0CC5616  # VIDIOC_S_PARM, struct v4l2_streamparm, 204 bytes
_GONE = (errno.ENODEV, errno.ENXIO, errno.EIO, errno.ENOENT)
_PATIENCE_S = 1.0


def options(uri: Uri) -> dict[str, Any]:
    """Read format (yuyv, yu12, nv12; else the first that the device takes)."""
    return read_options(uri, format=one_of(*FORMATS))


def open(uri: Uri, **given: Any) -> "V4l2Output":
    """Check the device; ``Unavailable`` says how to make one where there is none, or it is none to write to."""
    path = f"/dev/video{uri.target}" if uri.target.isdecimal() else uri.target
    if not path:
        raise UsageError(f"{uri.text}: give the device, such as v4l2:/dev/video10")
    check_output(path)
    return V4l2Output(uri.text, path, **given)


def check_output(path: str) -> None:
    """Prove that a path is a device that frames may be written to; ``Unavailable`` says what to do."""
    try:
        is_device = stat.S_ISCHR(os.stat(path).st_mode)
    except OSError as error:
        if error.errno not in _GONE:
            raise Unavailable(f"{path}: {reason(error)}") from error
        raise Unavailable(f"{path}: there is no such device{_outputs()}; make one: {_how_to_make(path)}") from error
    found = capability(path) if is_device else None
    if is_device and not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        raise Unavailable(
            f"{path}: may not be opened; video devices belong to the group video: sudo usermod -aG video $USER, then"
            " log in again (a service: SupplementaryGroups=video)"
        )
    if found is None:
        raise Unavailable(f"{path}: is no video device{_outputs()}; make one: {_how_to_make(path)}")
    if not found.outputs and LOOPBACK in found.driver:
        raise _busy(path)
    if not found.outputs:
        raise Unavailable(
            f"{path}: is a camera ({found.card}), not an output{_outputs()}; make one: {_how_to_make(path)}"
        )


class V4l2Output(Sink):
    """Write frames to a device, in the size that they have; one of another size opens it anew.

    Parameters
    ----------
    name
        As it was asked for.
    path
        The device.
    format
        A key of ``FORMATS``; None: the first that it takes.
    streaming
        Whether to hand over buffers instead of writing; None: where the driver knows nothing else.
    """

    live = True

    def __init__(self, name: str, path: str, *, format: str | None = None, streaming: bool | None = None) -> None:
        self.name, self.address, self._path = name, path, path
        self._wanted = (FORMATS[format],) if format else tuple(FORMATS.values())
        self._streaming, self._rate = streaming, Fraction(0)
        self._size: tuple[int, int] | None = None
        self._device: int | None = None
        self._buffers: MappedBuffers | None = None
        self._packer: Packer | None = None

    def begin(self, stream: Stream) -> None:
        """Keep the rate, which programs ask the device for."""
        self._rate = stream.rate or Fraction(0)

    def write(self, result: Result) -> None:
        """Write a frame; one that the device does not take in time is missed."""
        try:
            if result.frame.size != self._size:
                self.close()
                self._open(result.frame)
            else:
                self._show(result.frame)
        except OSError as error:
            self.close()
            if isinstance(error, CannotWrite):
                raise
            raise self._mapped(error) from error

    def close(self) -> None:
        """Let go of the device: programs that read it wait, or are told that it ended."""
        buffers, device, self._buffers, self._device, self._size = self._buffers, self._device, None, None, None
        if buffers is not None:
            buffers.close()
        if device is not None:
            with suppress(OSError):
                os.close(device)

    def _open(self, frame: Frame) -> None:
        """Open the device for frames of a size, and show the first."""
        check_output(self._path)
        self._device = device = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._packer = Packer(self._negotiate(device, frame.size))
        if self._rate > 0:
            rate = struct.pack("5I", OUTPUT, 0, 0, self._rate.denominator, self._rate.numerator)
            with suppress(OSError):  # not every driver has one
                fcntl.ioctl(device, _S_PARM, rate.ljust(204, b"\0"))
        known = capability(self._path)
        if self._streaming or (self._streaming is None and known is not None and not known.writes):
            self._buffers = MappedBuffers(device, len(self._packer.buffer))
        try:
            self._show(frame)
        except OSError as error:
            if error.errno != errno.EINVAL or self._streaming is not None or self._buffers is not None:
                raise
            log.debug("%s: the driver has a write that does not work; it gets buffers", self.name)
            self.close()
            self._streaming = True
            self._open(frame)
        self._size = frame.size

    def _show(self, frame: Frame) -> None:
        """Give a frame to the device, or miss it."""
        if self._packer is None or self._device is None:
            return
        data = self._packer.pack(frame)
        taken = self._buffers.write(data, _PATIENCE_S) if self._buffers else self._write(self._device, data)
        self.missed += not taken

    def _negotiate(self, device: int, size: tuple[int, int]) -> PixelFormat:
        """Ask for a format; the driver answers with what it took."""
        width, height = (side // 2 * 2 for side in size)
        if min(width, height) < 2:
            raise CannotWrite(f"{self.name}: pictures of {size[0]}x{size[1]} are too small for a camera")
        answers = []
        for fourcc in self._wanted:
            asked = PixelFormat(width, height, fourcc, 0, 0, _SMPTE170M, _ENCODING_601, _LIMITED)
            found = PixelFormat.unpack(fcntl.ioctl(device, S_FMT, asked.pack(OUTPUT)))
            if (found.width, found.height, found.fourcc) == (width, height, fourcc):
                return found
            answers.append(f"{found.width}x{found.height} {found.fourcc}")
        raise CannotWrite(
            f"{self.name}: the device keeps {answers[0]}, and takes no {width}x{height} {', '.join(self._wanted)}; end"
            f" the programs that read it (fuser -v {self._path}), or give format="
        )

    def _write(self, device: int, data: UInt8Array) -> bool:
        """Write a frame; tell whether the device took it in time."""
        for patience_s in (_PATIENCE_S, 0.0):
            try:
                os.write(device, data.data)
                return True
            except BlockingIOError:
                select.select([], [device], [], patience_s)
        return False

    def _mapped(self, error: OSError) -> Exception:
        if error.errno == errno.EBUSY:
            return _busy(self._path)
        if error.errno in _GONE:
            return CannotWrite(f"{self.name}: the device is gone; was its module unloaded? {_modprobe(self._path)}")
        return CannotWrite(f"{self.name}: cannot be written ({reason(error)})")


class Packer:
    """Lay a frame's planes out as a device wants them, in one buffer that is used again.

    Parameters
    ----------
    format
        Size, layout and stride that the driver took.

    Attributes
    ----------
    buffer
        uint8 ``[bytes]``: the last frame.
    """

    def __init__(self, format: PixelFormat) -> None:
        width, height, layout = format.width, format.height, format.fourcc
        dense = 2 * width if layout == "YUYV" else width
        stride = max(format.stride, dense)
        coarse = 0 if layout == "YUYV" else stride * height // 2
        self.buffer: UInt8Array = np.zeros(max(format.size_bytes, stride * height + coarse), np.uint8)
        self._size, self._layout = (height, width), layout
        rows = self.buffer[: stride * height].reshape(height, stride)[:, :dense]
        rest = self.buffer[stride * height : stride * height + coarse]
        self._luma, self._chroma = rows, list[UInt8Array]()
        if layout == "YUYV":
            self._luma, self._chroma = rows[:, ::2], [rows[:, 1::4], rows[:, 3::4]]
        elif layout == "NV12":
            pairs = rest.reshape(height // 2, stride)[:, :dense]
            self._chroma = [pairs[:, ::2], pairs[:, 1::2]]
        else:
            self._chroma = [plane.reshape(height // 2, stride // 2)[:, : width // 2] for plane in np.split(rest, 2)]

    def pack(self, frame: Frame) -> UInt8Array:
        """Lay out a frame, limited range, BT.601; a last odd row or column is left out. Give the buffer."""
        luma, chroma = video_planes(frame)
        height, width = self._size
        self._luma[:] = luma[:height, :width]
        if chroma is None:
            for place in self._chroma:
                place[:] = 128
            return self.buffer
        down, across = frame.subsampling
        cut = (plane[: -(-height // down), : -(-width // across)] for plane in chroma)
        cb, cr = cut
        for place, plane in zip(self._chroma, resample_chroma((cb, cr), *self._chroma[0].shape), strict=True):
            place[:] = plane
        return self.buffer


def _modprobe(path: str) -> str:
    number = found[1] if (found := _DEVICE.fullmatch(path)) else "10"
    return f'sudo modprobe v4l2loopback video_nr={number} card_label="edge-srcnn" exclusive_caps=1'


def _how_to_make(path: str) -> str:
    return f"sudo apt install v4l2loopback-dkms, then {_modprobe(path)}"


def _busy(path: str) -> Unavailable:
    return Unavailable(
        f"{path}: another program writes to it; fuser -v {path} names it: end that, or give another device"
    )


def _outputs() -> str:
    """List the devices that could be written to."""
    found = [path for path in video_devices() if (known := capability(path)) is not None and known.outputs]
    return f"; there are: {', '.join(found)}" if found else ""
