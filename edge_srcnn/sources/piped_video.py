"""Read Y4M from standard input or a FIFO, by PyAV, with a time limit."""

from typing import Any

from edge_srcnn.errors import BadPicture, EdgeSrcnnError, SourceLost
from edge_srcnn.sources.video import Video, mapped
from edge_srcnn.system.pipes import Pipe
from edge_srcnn.uri import WITHIN

_Y4M = "yuv4mpegpipe"


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

        try:
            with mapped(self._name, under_way=False, timeout_s=self._limit_s):
                most = {"max_pixels": str(self._max_pixels)}
                return av.open(self._pipe, format=_Y4M, options=most, timeout=self._limit_s)
        except EdgeSrcnnError as error:
            if self._pipe.began or not isinstance(error.__cause__, (TimeoutError, EOFError, ValueError)):
                raise
            if isinstance(error.__cause__, TimeoutError):
                raise SourceLost(f"{self._name}: nothing was written to it {WITHIN}") from error
            raise SourceLost(f"{self._name}: is empty: what writes to it ended without a picture") from error

    def _set_up(self) -> None:
        if not self._stream.width:  # FFmpeg refused it
            self.close()
            raise BadPicture(f"{self._name}: its pictures have no size, or more than max_pixels={self._max_pixels}")
