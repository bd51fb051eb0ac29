"""Hand frames to a V4L2 output by buffers that it shares with us, where its driver has no ``write``.

Numbers and structures are those of ``linux/videodev2.h`` on a 64-bit machine.
"""

import fcntl
import mmap
import select
import struct
from contextlib import suppress

from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.system.v4l2 import OUTPUT

COUNT = 3

_MMAP, _FIELD_NONE = 1, 1  # V4L2_MEMORY_MMAP, V4L2_FIELD_NONE
_REQBUFS, _STREAMON, _STREAMOFF = 0xC0145608, 0x40045612, 0x40045613
_QUERYBUF, _QBUF, _DQBUF = 0xC0585609, 0xC058560F, 0xC0585611  # struct v4l2_buffer, 88 bytes
_INDEX, _USED, _FIELD, _MEMORY, _OFFSET, _LENGTH = 0, 8, 16, 60, 64, 72  # places in it


class MappedBuffers:
    """Share buffers with a driver: they go round, filled by us and shown by it.

    Parameters
    ----------
    device
        Its descriptor, not blocking, whose format is set.
    size_bytes
        Of a frame.
    """

    def __init__(self, device: int, size_bytes: int) -> None:
        self._device, self._size = device, size_bytes
        self._maps: list[mmap.mmap] = []
        self._free: list[int] = []
        self._running = False
        try:
            request = struct.pack("5I", COUNT, OUTPUT, _MMAP, 0, 0)
            count = struct.unpack_from("I", fcntl.ioctl(device, _REQBUFS, request))[0]
            for index in range(count):
                answer = fcntl.ioctl(device, _QUERYBUF, self._buffer(index))
                offset, length = (struct.unpack_from("I", answer, place)[0] for place in (_OFFSET, _LENGTH))
                self._maps.append(mmap.mmap(device, length, offset=offset))
                self._free.append(index)
        except BaseException:
            self.close()
            raise

    def write(self, data: UInt8Array, patience_s: float) -> bool:
        """Show a frame; tell whether a buffer came free in time. ``OSError`` of the driver comes through."""
        self._take_back()
        if not self._free:
            select.select([], [self._device], [], patience_s)
            self._take_back()
        if not self._free:
            return False
        index = self._free.pop(0)
        self._maps[index][: self._size] = data.data[: self._size]
        fcntl.ioctl(self._device, _QBUF, self._buffer(index, self._size))
        if not self._running:
            fcntl.ioctl(self._device, _STREAMON, struct.pack("I", OUTPUT))
            self._running = True
        return True

    def close(self) -> None:
        """Stop, and give the buffers back."""
        with suppress(OSError):
            fcntl.ioctl(self._device, _STREAMOFF, struct.pack("I", OUTPUT))
        for each in self._maps:
            each.close()
        self._maps.clear()
        with suppress(OSError):
            fcntl.ioctl(self._device, _REQBUFS, struct.pack("5I", 0, OUTPUT, _MMAP, 0, 0))

    def _take_back(self) -> None:
        """Take the buffers that were shown; v4l2loopback gives one back whenever it is asked, any of them."""
        for _ in range(len(self._maps) - len(self._free)):
            try:
                answer = fcntl.ioctl(self._device, _DQBUF, self._buffer(0))
            except BlockingIOError:
                return
            index = struct.unpack_from("I", answer, _INDEX)[0]
            if index not in self._free:
                self._free.append(index)

    @staticmethod
    def _buffer(index: int, used: int = 0) -> bytes:
        """Write a struct v4l2_buffer."""
        found = bytearray(88)
        for place, value in ((_INDEX, index), (4, OUTPUT), (_USED, used), (_FIELD, _FIELD_NONE), (_MEMORY, _MMAP)):
            struct.pack_into("I", found, place, value)
        return bytes(found)
