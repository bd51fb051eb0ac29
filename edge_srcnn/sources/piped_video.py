"""Read Y4M from standard input or a FIFO, by PyAV, with a time limit."""

import re
from collections.abc import Callable
from typing import Any

from edge_srcnn.errors import EdgeSrcnnError, SourceLost
from edge_srcnn.sources import check_pixels
from edge_srcnn.sources.video import Video, mapped
from edge_srcnn.system.pipes import Pipe
from edge_srcnn.uri import WITHIN

_Y4M = "yuv4mpegpipe"
_HEAD = re.compile(rb"YUV4MPEG2[^\n]*? W([0-9]{1,9})[^\n]*? H([0-9]{1,9})[^\n]*\n")
_LONGEST_HEAD = 1000


class CheckedPipe:
    """Read a pipe for PyAV, and look at the size of its pictures before memory is taken for one.

    Parameters
    ----------
    pipe
        Gives Y4M.
    check
        Is told width and height, and may raise.
    """

    def __init__(self, pipe: Pipe, check: Callable[[tuple[int, int]], None]) -> None:
        self._pipe, self._check = pipe, check
        self._head: bytes | None = b""

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; none at the end."""
        data = self._pipe.read(size)
        if self._head is not None:
            self._head += data
            if found := _HEAD.match(self._head):
                self._check((int(found[1]), int(found[2])))
            if found or len(self._head) > _LONGEST_HEAD:
                self._head = None
        return data


class PipedVideo(Video):
    """Read Y4M from standard input or a FIFO, with a time limit.

    Parameters
    ----------
    name
        For messages.
    pipe
        What is read.
    timeout_s
        Seconds without a frame after which it is lost.
    max_pixels
        The most that a picture may have.
    """

    def __init__(self, name: str, pipe: Pipe, timeout_s: float, max_pixels: int) -> None:
        self._pipe, self._limit_s, self._max_pixels = pipe, timeout_s, max_pixels
        try:
            super().__init__(name)
        except BaseException:
            pipe.close()
            raise

    def wake(self) -> None:
        """End a wait for the pipe."""
        super().wake()
        self._pipe.wake()

    def close(self) -> None:
        """Close the pipe."""
        super().close()
        self._pipe.close()

    def _open(self) -> Any:
        import av

        pipe = CheckedPipe(self._pipe, lambda size: check_pixels(self._name, size, self._max_pixels))
        try:
            with mapped(self._name, under_way=False, timeout_s=self._limit_s):
                return av.open(pipe, format=_Y4M, timeout=self._limit_s)
        except EdgeSrcnnError as error:
            if self._pipe.began or not isinstance(error.__cause__, (TimeoutError, EOFError, ValueError)):
                raise
            if isinstance(error.__cause__, TimeoutError):
                raise SourceLost(f"{self._name}: nothing was written to it {WITHIN}") from error
            raise SourceLost(f"{self._name}: is empty: what writes to it ended without a picture") from error

    def _set_up(self) -> None:
        """Know nothing more of it."""
