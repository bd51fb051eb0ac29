"""Hand enhanced frames to the loop of a program: a sink that holds one frame."""

import threading
from collections.abc import Callable
from dataclasses import replace

from edge_srcnn.imaging.frame import EnhancedFrame, Frame
from edge_srcnn.imaging.luma import Samples
from edge_srcnn.sinks import Result, Sink

FRESH_S = 0.1
"""A live frame that nobody has taken for so long is replaced by a newer one; until then none is computed."""


class FrameSlot(Sink):
    """Hold one frame until the loop takes it: of a file for as long as it likes, live until a newer one is there.

    Parameters
    ----------
    alone
        No other sink wants frames: live, nothing more is computed until this one is taken, or is no longer fresh.
    changed
        Is told when a frame or the end has come.

    Attributes
    ----------
    ended
        No more frames come.
    error
        What ended the source.
    """

    name, blocking = "this program", False

    def __init__(self, *, alone: bool, changed: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self._alone, self._told = alone, changed
        self._changed = threading.Condition()
        self._frame: EnhancedFrame | None = None
        self._over = False

    def write(self, result: Result) -> None:
        """Put a frame there; wait while there is no need for the next one."""
        frame = EnhancedFrame(**vars(_read_only(result.frame)), original=_read_only(result.camera or result.original))
        with self._changed:
            if not self.live:
                self._changed.wait_for(lambda: self._over or self._frame is None)
            if self._over:
                return
            self.missed += self._frame is not None
            self._frame = frame
            self._changed.notify_all()
        self._told()
        if self.live and self._alone:
            with self._changed:
                self._changed.wait_for(lambda: self._over or self._frame is not frame, FRESH_S)

    def take(self, timeout_s: float | None) -> EnhancedFrame | None:
        """Wait for a frame, and take it; None where none came in time, or no more come."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._frame is not None, timeout_s)
            frame, self._frame = self._frame, None
            self._changed.notify_all()
            return frame

    def end(self, error: BaseException | None = None, *, drop: bool = False) -> None:
        """Take no more frames; one that is there can still be taken, unless it is to be dropped."""
        with self._changed:
            self._over, self.error = True, self.error or error
            if drop:
                self._frame = None
            self._changed.notify_all()
        self._told()

    @property
    def ended(self) -> bool:
        """Tell whether no more frames come."""
        with self._changed:
            return self._over and self._frame is None


def _read_only(frame: Frame) -> Frame:
    """Give views that nobody can write into: the next frame may be made of them."""
    chroma = None if frame.chroma is None else (_locked(frame.chroma[0]), _locked(frame.chroma[1]))
    return replace(frame, luma=_locked(frame.luma), chroma=chroma)


def _locked(plane: Samples) -> Samples:
    view = plane.view()
    view.setflags(write=False)
    return view
