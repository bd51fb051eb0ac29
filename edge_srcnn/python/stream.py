"""Enhanced frames of any source, for a loop: a pipeline whose sink is the program that asked."""

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from pathlib import Path

from edge_srcnn.imaging.frame import EnhancedFrame
from edge_srcnn.live.pipeline import State
from edge_srcnn.live.threads import in_thread
from edge_srcnn.python.frame_slot import FrameSlot
from edge_srcnn.python.options import Name, read_config
from edge_srcnn.service.build import Service
from edge_srcnn.service.settings import Config
from edge_srcnn.service.systemd import Notifier

_JOIN_S = 30.0


def stream(
    source: Name,
    *,
    model: str | Path = "auto",
    scale: int | None = None,
    strength: float | str | None = None,
    temporal: str | None = None,
    engine: str = "auto",
    threads: int | None = None,
    block: str = "auto",
    tile: str = "auto",
    reuse: bool = True,
    isolate: bool = False,
    roi: tuple[int, int, int, int] | str | None = None,
    keep_fps: float | str | None = None,
    overlay: str | None = None,
    name: str | None = None,
    sinks: Sequence[Name] | Name = (),
    steady: bool = False,
) -> "FrameStream":
    """Open a source, and give its frames enhanced, one after another.

    ::

        for frame in edge_srcnn.stream("rtsp://camera/stream", model="auto"):
            cv2.imshow("enhanced", frame.bgr())

    From a camera the newest frame comes; what the loop has no time for is left out. From a file comes every frame.

    Parameters
    ----------
    source
        ``/dev/video0``, ``picamera2:0``, ``rtsp://``, ``http://``, a video, a folder, ``test:``: all that
        ``edge-srcnn run --source`` takes, with the same options behind it, such as ``/dev/video0?size=640x480&fps=10``.
    model
        A bundled model, a ``.tflite`` of ours, or ``auto``: of a file the best, live the best that keeps up.
    scale
        Factor, where no model is named; 1 cleans, and the size stays. None: 2.
    strength
        0 to 1.5, or ``auto``; None: ``auto`` for cameras, 1 for files.
    temporal
        ``auto``, ``off``, ``weak`` or ``strong``: the mean over time; None: ``auto`` for cameras, ``off`` for files.
    engine
        ``auto``, ``litert``, ``tflite``, ``tensorflow``, ``edgetpu`` (``:usb``, ``:pci``, ``:0``) or ``bicubic``.
    threads
        Of the interpreter; None: as tuned, or all processors.
    block
        Packing of pixels into channels, such as ``2x4``.
    tile
        Pixels worked on at a time, such as ``128x256``, or ``whole``.
    reuse
        Do not compute still parts of the picture again; the bytes are the same.
    isolate
        The engine in a process of its own: its crash is then an error, and not the end of this process.
    roi
        Left, top, width, height of the region to enhance; the rest is bicubic.
    keep_fps
        With ``model="auto"`` and live: frames a second to keep; None: the camera's.
    overlay
        ``yes`` writes name and time on the frames, or a text of one's own.
    name
        Of the camera.
    sinks
        Where the frames go besides, such as ``http://127.0.0.1:8080`` or ``day.mp4?segment=600``. Without any, the
        network computes no more live frames than the loop takes, and ten a second.
    steady
        Wait for a camera that is lost, and open it again; False: its loss is raised.

    Returns
    -------
    An iterator, and a context manager that closes it. It closes itself at the end, and when it is not used any more.

    Raises
    ------
    UsageError
        An option makes no sense.
    NoInput, BadData, Unavailable
        The source is missing, is no video, or needs a library or device that is not there.
    SourceLost
        Later, by the loop: the camera is gone. See ``edge_srcnn.errors``.
    """
    given = dict(locals())
    given.pop("source")
    return FrameStream(read_config(source, given), steady=steady)


class FrameStream(AbstractContextManager["FrameStream"], Iterator[EnhancedFrame]):
    """Give a source's frames, enhanced; made by ``edge_srcnn.stream``.

    Parameters
    ----------
    config
        Names the source, the sinks besides, and what enhances.
    steady
        Wait for a camera that is lost.
    changed
        Is told, by other threads, when a frame or the end has come.

    Attributes
    ----------
    scale
        Factor of upscaling.
    live
        The source does not wait: the newest frame counts.
    """

    def __init__(self, config: Config, *, steady: bool = False, changed: Callable[[], None] = lambda: None) -> None:
        self._slot = slot = FrameSlot(alone=not config.sinks, changed=changed)
        service = Service(config, steady=steady, caller=slot, notifier=Notifier({}))
        self.live, self.scale = service.live, service.scale
        self._state = service.supervisor.state
        slot.live = self.live
        # what runs holds no reference to this object: it closes itself when nobody uses it any more
        self._running = running = in_thread("stream", lambda: _run(service, slot))
        self._stop = weakref.finalize(self, _stop, service, slot, running)

    def __iter__(self) -> "FrameStream":
        """Give this object itself: a stream is read once."""
        return self

    def __next__(self) -> EnhancedFrame:
        """Wait for the next frame; what ended the source is raised once."""
        frame = self._take(None)
        if frame is None:
            self._raise_error()
            raise StopIteration
        return frame

    def read(self, timeout_s: float | None = None) -> EnhancedFrame | None:
        """Wait for the next frame, but not longer than ``timeout_s`` seconds.

        Parameters
        ----------
        timeout_s
            0 does not wait at all; None waits until there is one.

        Returns
        -------
        The frame; None where none came in time, and after the end, see ``ended``.

        Raises
        ------
        EdgeSrcnnError
            What ended the source, once.
        """
        frame = self._take(timeout_s)
        if frame is None and self.ended:
            self._raise_error()
        return frame

    @property
    def ended(self) -> bool:
        """Tell whether no more frames come: the source ended, or the stream was closed."""
        return self._slot.ended

    def state(self) -> State:
        """Look at how it goes: rate, dropped frames, model, latency; from any thread."""
        return self._state()

    def close(self) -> None:
        """End the source, the network and their threads; may be called twice."""
        self._stop()
        wait([self._running], _JOIN_S)

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _take(self, timeout_s: float | None) -> EnhancedFrame | None:
        try:
            return self._slot.take(timeout_s)
        except BaseException:  # Ctrl-C, while it waits
            self.close()
            raise

    def _raise_error(self) -> None:
        self.close()
        error, self._slot.error = self._slot.error, None
        if error is not None:
            raise error


def _run(service: Service, slot: FrameSlot) -> None:
    error = None
    try:
        service.supervisor.run()
    except BaseException as raised:  # raised again by whoever wants the next frame
        error = raised
    finally:
        if not service.supervisor.hangs:
            service.close()
        slot.end(error)


def _stop(service: Service, slot: FrameSlot, running: Future[None]) -> None:
    slot.end(drop=True)
    service.supervisor.stop()
    if not threading.current_thread().daemon:  # one of ours, in which garbage is collected, would wait for itself
        wait([running], _JOIN_S)
