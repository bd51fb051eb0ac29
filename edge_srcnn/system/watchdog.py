"""A camera library's blocking calls, in a thread of their own: whoever wants a picture waits no longer than a limit."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from time import monotonic
from typing import Generic, Protocol, TypeVar

from edge_srcnn.errors import EdgeSrcnnError, SourceLost, Unavailable
from edge_srcnn.system.queue import Handoff
from edge_srcnn.system.stuck_threads import LEFT_BEHIND

log = logging.getLogger(__name__)

OPEN_S = 10.0
"""A camera may take so long to open, or as long as its time limit where that is longer."""

_CLOSE_S = 1.5
_LOSS_S = 0.5  # a camera that was lost may well hang

_Picture = TypeVar("_Picture")
_Picture_co = TypeVar("_Picture_co", covariant=True)


class Camera(Protocol[_Picture_co]):
    """A camera of some library. ``wake`` is called from another thread than the rest."""

    def read(self) -> _Picture_co:
        """Wait for the next picture; it owns its memory.

        Raises
        ------
        SourceLost
            There is none.
        """
        ...

    def wake(self) -> None:
        """Make a ``read`` that waits end soon, where the library can."""
        ...

    def release(self) -> None:
        """Give the camera back."""
        ...


class Watched(Generic[_Picture]):
    """Opens a camera, reads the newest picture again and again, and releases it, all in one thread of its own.

    When the library hangs, only that thread does: it is left behind, and ends when the library lets it. Until then
    the camera is not opened again, so that there is never more than one such thread a camera.
    A picture that nobody took in time gives way to the next.

    Parameters
    ----------
    name
        For messages.
    open_camera
        Opens it; called in the thread.
    timeout_s
        A picture must come within so many seconds.

    Raises
    ------
    EdgeSrcnnError
        What ``open_camera`` raised.
    Unavailable
        It did not return, or an earlier call to this camera still does not.
    """

    def __init__(self, name: str, open_camera: "Callable[[], Camera[_Picture]]", timeout_s: float) -> None:
        self._name, self._open, self._timeout_s = name, open_camera, timeout_s
        self._pictures: Handoff[tuple[int, _Picture]] = Handoff(1, lossless=False)
        self._wanted, self._closed = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        if LEFT_BEHIND.busy(name, _LOSS_S):
            raise Unavailable(
                f"{name}: the driver does not answer: an earlier call to it has not returned, and no other is made "
                "meanwhile; if that lasts, plug the camera in anew or start the machine anew"
            )
        opened: Future[Camera[_Picture]] = Future()
        self._thread = threading.Thread(target=self._work, args=(opened,), name=f"camera {name}", daemon=True)
        self._thread.start()
        limit_s = max(timeout_s, OPEN_S)
        try:
            self._camera = opened.result(limit_s)
        except TimeoutError as error:
            self._closed.set()  # should it open after all, it is released at once
            self._wanted.set()
            LEFT_BEHIND.add(name, self._thread)
            raise Unavailable(
                f"{name}: the camera did not open within {limit_s:g} s; is it plugged in well? "
                "Else another program may hold it, or its driver hangs until the next start of the machine"
            ) from error

    def pictures(self) -> Iterator[tuple[int, _Picture]]:
        """Pictures from now on, each with its number, counted from 0; at the end the camera is closed.

        Raises
        ------
        SourceLost
            None came within the time limit, or the camera broke off.
        """
        self._wanted.set()
        try:
            while (picture := self._pictures.take(self._timeout_s)) is not None:
                yield picture
            if self._closed.is_set():
                return
            if self._error is not None:
                raise self._error
            raise SourceLost(no_frame(self._name, self._timeout_s))
        finally:
            self._end(_LOSS_S)

    def close(self) -> None:
        """Let go of the camera; from any thread, more than once. Waits a little for the library to be done."""
        self._end(_CLOSE_S)
        if self._thread.is_alive():
            log.warning("%s: the camera is still busy; it is released when its library returns", self._name)

    def _end(self, limit_s: float) -> None:
        self._closed.set()
        self._wanted.set()
        self._pictures.close(drop=True)
        self._camera.wake()
        self._thread.join(limit_s)
        LEFT_BEHIND.add(self._name, self._thread)

    def _work(self, opened: "Future[Camera[_Picture]]") -> None:
        try:
            camera = self._open()
        except BaseException as error:  # raised again in the thread that waits
            opened.set_exception(error)
            return
        opened.set_result(camera)
        index = 0
        try:
            self._wanted.wait()
            while not self._closed.is_set():
                self._pictures.put((index, camera.read()))
                index += 1
        except BaseException as error:  # raised again in the thread that iterates
            self._error = error
        finally:
            self._release(camera)
            self._pictures.close()

    def _release(self, camera: "Camera[_Picture]") -> None:
        began = monotonic()
        try:
            camera.release()
        except EdgeSrcnnError as error:
            log.warning("%s", error)
        except Exception:
            log.warning("%s: could not be released cleanly", self._name, exc_info=True)
        log.debug("%s: released in %.2f s", self._name, monotonic() - began)


def no_frame(name: str, timeout_s: float) -> str:
    """What is said when a camera is silent."""
    return f"{name}: no frame came for {timeout_s:g} s (timeout=SECONDS changes that); is the camera still connected?"
