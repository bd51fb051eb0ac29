"""Read camera modules of the Raspberry Pi, by picamera2, as YUV 4:2:0 without RGB in between."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from time import monotonic
from typing import Any

from edge_srcnn.errors import EdgeSrcnnError, SourceLost, Unavailable, UsageError, reason
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.geometry import Orientation, oriented
from edge_srcnn.sources import silent
from edge_srcnn.sources.camera import LAYOUTS, SIZE, TIMEOUT_S, Camera, take_apart
from edge_srcnn.sources.libcamera import colour_of, import_library, open_camera, read_controls, reasons
from edge_srcnn.uri import Uri, flag, frame_rate, frame_size, read_options, seconds

log = logging.getLogger(__name__)

RATE = Fraction(30)

_OPTIONS = {"size": frame_size, "fps": frame_rate, "timeout": seconds, "hflip": flag, "vflip": flag}
_FORMAT = "YUV420"
_DURATION = "FrameDurationLimits"  # microseconds
_STEP_S = 0.2


def options(uri: Uri) -> dict[str, Any]:
    """Read size (640x480), fps (30), timeout (5 s), hflip, vflip; any other is a control of libcamera.

    Controls have libcamera's own names, with a capital in front: ``ExposureTime=10000``, ``AwbEnable=no``,
    ``AfMode=Continuous``, ``ColourGains=1.8,1.5``. Whether the camera has them turns out when it is opened.

    Parameters
    ----------
    uri
        ``picamera2:NUMBER`` with options.

    Returns
    -------
    The parameters of ``LibcameraCamera``.

    Raises
    ------
    UsageError
        It has no number, or an option is unknown or impossible.
    """
    if uri.target and not (uri.target.isascii() and uri.target.isdecimal()):
        raise UsageError(f"{uri.text}: cameras have numbers: picamera2:0, then ?size=640x480 and other options")
    controls = {name: text for name, text in uri.options.items() if name[:1].isupper()}
    ours = {name: text for name, text in uri.options.items() if name not in controls}
    given = read_options(replace(uri, options=ours), **_OPTIONS)
    return {"number": int(uri.target or 0), "controls": controls, **given}


def open(uri: Uri, **given: Any) -> "LibcameraCamera":
    """Open the camera; ``NoInput``, ``Unavailable``, or ``UsageError`` where it does not have a control."""
    return LibcameraCamera(**given)


class LibcameraCamera(Camera):
    """Read a camera that runs; its rate is as near to the requested one as it can.

    Parameters
    ----------
    number
        As ``rpicam-hello --list-cameras`` counts.
    controls
        libcamera's controls, by name, as text.
    size
        Width and height.
    fps
        Frames a second.
    hflip
        Mirror left to right.
    vflip
        Mirror top to bottom.
    timeout
        Seconds without a frame after which it is lost.
    """

    def __init__(
        self,
        number: int,
        controls: Mapping[str, str],
        *,
        size: tuple[int, int] = SIZE,
        fps: Fraction = RATE,
        hflip: bool = False,
        vflip: bool = False,
        timeout: float = TIMEOUT_S,
    ) -> None:
        super().__init__(f"picamera2:{number}", timeout)
        self._first_number, self._index = 0, -1
        library, self._libcamera = import_library(self._name)
        self._camera: Any = open_camera(self._name, library, number)
        try:
            with self._mapped():
                known = self._camera.camera_controls
                values = read_controls(self._name, controls, known, tuple(_OPTIONS), self._members)
                self._configure(size, hflip=hflip, vflip=vflip)
                self.rate = self._set_rate(fps, values)
                self._tell(f"{self._layout} in rows of {self._stride} bytes", size, fps)
                self._camera.set_controls(values)
                self._camera.start()
        except BaseException:
            self.close()
            raise

    def read(self) -> Frame | None:
        """Wait for the next frame. ``index`` follows the sensor's own count, where it has one."""
        if self._woken.is_set():
            return None
        try:
            request = self._completed()
            if request is None:
                return None
            now = monotonic()
            try:
                buffer, metadata, number = request.make_buffer("main"), request.get_metadata(), _number(request)
            finally:
                request.release()
        except SourceLost:
            raise
        except Exception as error:  # whatever libcamera's thread met
            if self._woken.is_set():
                return None
            raise SourceLost(f"{self._name}: the camera broke off ({reason(error)})") from error
        if number is None:
            number = self._index + 1 + self._first_number
        if self._index < 0:
            self._first_number = number
        self._index = max(self._index + 1, number - self._first_number)
        planes = take_apart(self._layout, buffer, self.size, self._stride)
        frame = self._frame(planes, self._index, metadata.get("SensorTimestamp", 0) / 1e9, now)
        return oriented(frame, self._still_to_flip)

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
        job = self._camera.capture_request(wait=False)
        end = monotonic() + self._limit_s
        while not self._woken.is_set():  # in small steps: picamera2 forgets a capture for good when its thread dies
            try:
                return self._camera.wait(job, timeout=min(_STEP_S, self._limit_s))
            except TimeoutError as error:
                if monotonic() >= end and not self._woken.is_set():
                    self._camera.cancel_all_and_flush()  # else the request would still be served, and never come back
                    raise silent(self._name, self._limit_s) from error
        return None

    def _configure(self, size: tuple[int, int], *, hflip: bool, vflip: bool) -> None:
        asked = self._camera.create_video_configuration(
            main={"format": _FORMAT, "size": size},
            raw=None,
            transform=self._libcamera.Transform(hflip=int(hflip), vflip=int(vflip)),
            colour_space=self._libcamera.ColorSpace.Sycc(),  # the range and matrix of JPEG
            display=None,
            encode=None,
        )
        self._camera.configure(asked)
        given = self._camera.camera_configuration()
        main, flips = given["main"], given["transform"]
        self._layout, self.size, self._stride = main["format"], tuple(main["size"]), main["stride"]
        if self._layout not in LAYOUTS:
            raise Unavailable(f"{self._name}: the camera gives {self._layout} only; a USB camera is /dev/video0")
        self._colour = colour_of(given.get("colour_space"))
        # some cameras flip one way only, or not at all
        self._still_to_flip = Orientation(False, bool(flips.hflip) != hflip, bool(flips.vflip) != vflip)

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

    def _members(self, control: str) -> Mapping[str, int]:
        controls = self._libcamera.controls
        words = getattr(controls, f"{control}Enum", None) or getattr(controls.draft, f"{control}Enum", None)
        return {word: int(member) for word, member in words.__members__.items()} if words else {}

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except EdgeSrcnnError:
            raise
        except (TypeError, ValueError) as error:
            raise UsageError(f"{self._name}: libcamera does not take these settings ({reason(error)})") from error
        except Exception as error:
            raise Unavailable(f"{self._name}: the camera cannot be set up ({reasons(error)})") from error


def _number(request: Any) -> int | None:
    """Read the sensor's count of a frame."""
    try:
        return int(next(iter(request.request.buffers.values())).metadata.sequence)
    except (AttributeError, StopIteration):
        return None
