"""Memory that two processes see: anonymous, so nothing is left of it when both are gone, however they went."""

import mmap
import os

import numpy as np

from edge_srcnn.imaging.luma import UInt8Array

_GRAIN = 1 << 20


class SharedMemory:
    """Bytes behind a file descriptor, which a child process inherits; grows when it is asked for more.

    Parameters
    ----------
    descriptor
        The owner's, in the child; None makes new memory.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = os.memfd_create("edge-srcnn") if descriptor is None else descriptor
        self._bytes: mmap.mmap | None = None

    def plane(self, offset: int, shape: tuple[int, int]) -> UInt8Array:
        """View a uint8 plane ``[h, w]`` that begins at a byte; not to be kept beyond the next call."""
        height, width = shape
        end = offset + height * width
        if self._bytes is None or len(self._bytes) < end:
            size = -(-end // _GRAIN) * _GRAIN
            if os.fstat(self.descriptor).st_size < size:
                os.ftruncate(self.descriptor, size)
            self._bytes = mmap.mmap(self.descriptor, size)
        view: UInt8Array = np.frombuffer(self._bytes, np.uint8, height * width, offset)
        return view.reshape(shape)

    def close(self) -> None:
        """Let go of it; more than once."""
        self._bytes = None  # unmapped when the last view of it is gone
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
