"""One camera of picamera2, set up and read."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from threading import Event
from time import monotonic
from typing import Any

from edge_srcnn.errors import SourceLost, Unavailable, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.planes import Chroma
from edge_srcnn.sources.layouts import LAYOUTS, take_apart
from edge_srcnn.sources.picamera2.controls import read_controls
from edge_srcnn.sources.picamera2.library import colour_of, import_library, open_camera, reasons
from edge_srcnn.system.watchdog import no_frame

log = logging.getLogger(__name__)

_FORMAT = "YUV420"
_DURATION = "FrameDurationLimits"  # microseconds
_STEP_S = 0.2
_OLD_S = 10.0  # a time stamp that is older was taken by another clock


@dataclass(frozen=True)
class Wish:
    """What is asked of a camera.

    Attributes
    ----------
    number
        As ``rpicam-hello --list-cameras`` counts.
    size
        Width and height.
    rate
        Frames a second.
    hflip, vflip
        Mirrored left to right, top to bottom.
    controls
        libcamera's controls, by name, as text.
    options
        Names that are no controls, for messages.
    """

    number: int
    size: tuple[int, int]
    rate: Fraction
    hflip: bool
    vflip: bool
    controls: Mapping[str, str]
    options: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """Planes, when the sensor saw them (seconds of ``time.monotonic()``), and the sensor's count of them."""

    luma: UInt8Array
    chroma: Chroma | None
    captured_s: float
    number: int | None


class LibcameraCamera:
    """A camera that runs; opened, read and released in one thread, woken from any.

    Attributes
    ----------
    rate
        Frames a second, as near to the wish as the camera can.
    colour
        How its planes are to be read.
    """

    def __init__(self, name: str, wish: Wish, timeout_s: float) -> None:
        self._name, self._timeout_s, self._woken = name, timeout_s, Event()
        library, self._libcamera = import_library(name)
        self._camera = open_camera(name, library, wish.number)
        try:
            self._configure(wish)
        except BaseException:
            self.release()
            raise

    def read(self) -> Picture:
        """Wait for the next picture, no longer than the time limit."""
        request = self._request()
        now = monotonic()
        try:
            try:
                buffer, metadata, number = request.make_buffer("main"), request.get_metadata(), _number(request)
            finally:
                request.release()
        except RuntimeError as error:
            raise SourceLost(f"{self._name}: the camera broke off ({error})") from error
        luma, chroma = take_apart(self._layout, buffer, self._size, self._stride)
        stamp_s = metadata.get("SensorTimestamp", 0) / 1e9
        return Picture(luma, chroma, stamp_s if 0 <= now - stamp_s < _OLD_S else now, number)

    def wake(self) -> None:
        """Call off the capture that waits."""
        self._woken.set()
        self._camera.cancel_all_and_flush()

    def release(self) -> None:
        """Stop and close."""
        self._camera.cancel_all_and_flush()
        self._camera.close()

    def _request(self) -> Any:
        """A completed request of libcamera, to be released by who gets it."""
        job = self._camera.capture_request(wait=False)
        end = monotonic() + self._timeout_s
        while True:  # in small steps: picamera2 forgets a capture for good when its own thread dies
            try:
                return self._camera.wait(job, timeout=min(_STEP_S, self._timeout_s))
            except TimeoutError as error:
                if self._woken.is_set():
                    raise SourceLost(f"{self._name}: closed") from error
                if monotonic() >= end:
                    self._camera.cancel_all_and_flush()  # else the request would still be served, and never come back
                    raise SourceLost(no_frame(self._name, self._timeout_s)) from error
            except CancelledError as error:
                raise SourceLost(f"{self._name}: closed") from error
            except Exception as error:  # whatever libcamera's thread met
                raise SourceLost(f"{self._name}: the camera broke off ({error})") from error

    def _configure(self, wish: Wish) -> None:
        camera, libcamera = self._camera, self._libcamera
        controls = read_controls(self._name, wish.controls, camera.camera_controls, wish.options, self._members)
        with self._mapped():
            asked = camera.create_video_configuration(
                main={"format": _FORMAT, "size": wish.size},
                raw=None,
                transform=libcamera.Transform(hflip=int(wish.hflip), vflip=int(wish.vflip)),
                colour_space=libcamera.ColorSpace.Sycc(),  # the range and matrix of JPEG
                display=None,
                encode=None,
            )
            camera.configure(asked)
        given = camera.camera_configuration()
        main = given["main"]
        self._layout, self._size, self._stride = main["format"], tuple(main["size"]), main["stride"]
        if self._layout not in LAYOUTS:
            raise Unavailable(f"{self._name}: the camera gives {self._layout} only; a USB camera is /dev/video0")
        self.colour = colour_of(given.get("colour_space"))
        self.rate = self._set_rate(wish.rate, controls)
        flips = given["transform"]
        self._warn_of_changes(wish, hflip=bool(flips.hflip), vflip=bool(flips.vflip))
        with self._mapped():
            camera.set_controls(controls)
            camera.start()

    def _set_rate(self, rate: Fraction, controls: dict[str, Any]) -> Fraction:
        """Put the rate into the controls, and give the one that the camera can do."""
        bounds = self._camera.camera_controls.get(_DURATION)
        if bounds is None or _DURATION in controls:
            return rate
        shortest, longest = bounds[0], bounds[1]
        wanted = round(1_000_000 / rate)
        duration = min(max(wanted, shortest), longest) if 0 < shortest <= longest else wanted
        controls[_DURATION] = (duration, duration)
        return rate if duration == wanted else Fraction(1_000_000, duration).limit_denominator(1001)

    def _warn_of_changes(self, wish: Wish, *, hflip: bool, vflip: bool) -> None:
        log.info("%s: %dx%d, %s in rows of %d bytes", self._name, *self._size, self._layout, self._stride)
        if (self._size, self.rate) != (wish.size, wish.rate):
            asked, got = (
                f"{w}x{h} at {float(rate):g}" for (w, h), rate in ((wish.size, wish.rate), (self._size, self.rate))
            )
            log.warning("%s: asked for %s frames a second, the camera gives %s", self._name, asked, got)
        if (hflip, vflip) != (wish.hflip, wish.vflip):
            log.warning("%s: the camera cannot flip its picture so", self._name)

    def _members(self, control: str) -> Mapping[str, int]:
        controls = self._libcamera.controls
        words = getattr(controls, f"{control}Enum", None) or getattr(controls.draft, f"{control}Enum", None)
        return {word: int(member) for word, member in words.__members__.items()} if words else {}

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (TypeError, ValueError) as error:
            raise UsageError(f"{self._name}: libcamera does not take these settings ({error})") from error
        except (RuntimeError, OSError) as error:
            raise Unavailable(f"{self._name}: the camera cannot be set up ({reasons(error)})") from error


def _number(request: Any) -> int | None:
    """The sensor's count of a frame."""
    try:
        return int(next(iter(request.request.buffers.values())).metadata.sequence)
    except (AttributeError, StopIteration):
        return None
