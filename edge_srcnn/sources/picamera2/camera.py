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
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.sources import Source, silent
from edge_srcnn.sources.layouts import LAYOUTS, take_apart
from edge_srcnn.sources.picamera2.controls import read_controls
from edge_srcnn.sources.picamera2.library import colour_of, import_library, open_camera, reasons

log = logging.getLogger(__name__)

_FORMAT = "YUV420"
_DURATION = "FrameDurationLimits"  # microseconds
_STEP_S = 0.2
_OLD_S = 10.0  # a time stamp that is older was taken by another clock


@dataclass(frozen=True)
class Settings:
    """Requested settings of a camera.

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


class LibcameraCamera(Source):
    """A camera that runs; its rate is as near to the requested one as it can."""

    live = True

    def __init__(self, name: str, wanted: Settings, timeout_s: float) -> None:
        self.timeout_s: float | None = timeout_s
        self._name, self._limit_s, self._woken = name, timeout_s, Event()
        self._first_s, self._first_number, self._index = 0.0, 0, -1
        library, self._libcamera = import_library(name)
        self._camera: Any = open_camera(name, library, wanted.number)
        try:
            self._configure(wanted)
        except BaseException:
            self.close()
            raise

    def read(self) -> Frame | None:
        """Wait for the next frame. ``index`` follows the sensor's own count, where it has one."""
        request = self._completed()
        if request is None:
            return None
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
        captured_s = stamp_s if 0 <= now - stamp_s < _OLD_S else now
        number = self._index + 1 + self._first_number if number is None else number
        if self._index < 0:
            self._first_s, self._first_number = captured_s, number
        self._index = max(self._index + 1, number - self._first_number)
        return Frame(luma, chroma, self._colour, self._index, captured_s - self._first_s, captured_s)

    def wake(self) -> None:
        """Call off the capture that waits."""
        self._woken.set()
        if (camera := self._camera) is not None:
            camera.cancel_all_and_flush()

    def close(self) -> None:
        """Stop and close."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.cancel_all_and_flush()
            camera.close()

    def _completed(self) -> Any:
        """Wait for a completed request of libcamera, to be released by who gets it; None where it was woken."""
        if self._woken.is_set():
            return None
        job = self._camera.capture_request(wait=False)
        end = monotonic() + self._limit_s
        while True:  # in small steps: picamera2 forgets a capture for good when its own thread dies
            try:
                return self._camera.wait(job, timeout=min(_STEP_S, self._limit_s))
            except TimeoutError as error:
                if self._woken.is_set():
                    return None
                if monotonic() >= end:
                    self._camera.cancel_all_and_flush()  # else the request would still be served, and never come back
                    raise silent(self._name, self._limit_s) from error
            except (CancelledError, Exception) as error:  # whatever libcamera's thread met
                if self._woken.is_set():
                    return None
                raise SourceLost(f"{self._name}: the camera broke off ({error})") from error

    def _configure(self, wanted: Settings) -> None:
        camera, libcamera = self._camera, self._libcamera
        controls = read_controls(self._name, wanted.controls, camera.camera_controls, wanted.options, self._members)
        with self._mapped():
            asked = camera.create_video_configuration(
                main={"format": _FORMAT, "size": wanted.size},
                raw=None,
                transform=libcamera.Transform(hflip=int(wanted.hflip), vflip=int(wanted.vflip)),
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
        self._colour = colour_of(given.get("colour_space"))
        self.rate: Fraction | None = self._set_rate(wanted.rate, controls)
        flips = given["transform"]
        self._warn_of_changes(wanted, hflip=bool(flips.hflip), vflip=bool(flips.vflip))
        with self._mapped():
            camera.set_controls(controls)
            camera.start()

    def _set_rate(self, rate: Fraction, controls: dict[str, Any]) -> Fraction:
        """Put the rate into the controls, and give the one that the camera can do."""
        bounds = self._camera.camera_controls.get(_DURATION)
        if bounds is None or _DURATION in controls:
            return rate
        shortest, longest = bounds[0], bounds[1]
        nominal = round(1_000_000 / rate)
        duration = min(max(nominal, shortest), longest) if 0 < shortest <= longest else nominal
        controls[_DURATION] = (duration, duration)
        return rate if duration == nominal else Fraction(1_000_000, duration).limit_denominator(1001)

    def _warn_of_changes(self, wanted: Settings, *, hflip: bool, vflip: bool) -> None:
        log.info("%s: %dx%d, %s in rows of %d bytes", self._name, *self._size, self._layout, self._stride)
        if (self._size, self.rate) != (wanted.size, wanted.rate):
            asked, got = (
                f"{w}x{h} at {float(rate):g}"
                for (w, h), rate in ((wanted.size, wanted.rate), (self._size, self.rate or 0))
            )
            log.warning("%s: asked for %s frames a second, the camera gives %s", self._name, asked, got)
        if (hflip, vflip) != (wanted.hflip, wanted.vflip):
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
    """Read the sensor's count of a frame."""
    try:
        return int(next(iter(request.request.buffers.values())).metadata.sequence)
    except (AttributeError, StopIteration):
        return None
