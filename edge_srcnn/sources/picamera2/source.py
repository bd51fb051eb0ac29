"""Camera modules of the Raspberry Pi, by picamera2 and libcamera, as YUV 4:2:0 without RGB in between."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.sources.picamera2.camera import LibcameraCamera, Wish
from edge_srcnn.system.watchdog import Watched
from edge_srcnn.uri import Uri, flag, frame_rate, frame_size, read_options, seconds

SIZE = (640, 480)
RATE = Fraction(30)
TIMEOUT_S = 5.0

_READERS = {"size": frame_size, "fps": frame_rate, "timeout": seconds, "hflip": flag, "vflip": flag}


def options(uri: Uri) -> tuple[Wish, float]:
    """Read them: size (640x480), fps (30), timeout (5 s), hflip, vflip; any other is a control of libcamera.

    Controls have libcamera's own names, with a capital in front: ``ExposureTime=10000``, ``AwbEnable=no``,
    ``AfMode=Continuous``, ``ColourGains=1.8,1.5``. Whether the camera has them turns out when it is opened.

    Returns
    -------
    wish, timeout_s
        What is asked of the camera, and for how many seconds to wait for a picture.

    Raises
    ------
    UsageError
        It has no number, or an option is unknown or impossible.
    """
    if uri.target and not (uri.target.isascii() and uri.target.isdecimal()):
        raise UsageError(f"{uri.text}: cameras have numbers: picamera2:0, then ?size=640x480 and other options")
    ours = {option: text for option, text in uri.options.items() if not option[:1].isupper()}
    given = read_options(replace(uri, options=ours), **_READERS)
    wish = Wish(
        int(uri.target or 0),
        given.get("size", SIZE),
        given.get("fps", RATE),
        given.get("hflip", False),
        given.get("vflip", False),
        {control: text for control, text in uri.options.items() if control not in ours},
        tuple(_READERS),
    )
    return wish, given.get("timeout", TIMEOUT_S)


def open(uri: Uri) -> "PiCamera":
    """Open the camera; for the options see ``options``.

    Raises
    ------
    Unavailable
        picamera2 is not installed, or the camera is in use or does not answer.
    NoInput
        There is no camera of this number.
    UsageError
        It does not have a control.
    """
    wish, timeout_s = options(uri)
    return PiCamera(f"picamera2:{wish.number}", wish, timeout_s)


class PiCamera:
    """The newest frames of a camera module."""

    live = True
    frames: int | None = None

    def __init__(self, name: str, wish: Wish, timeout_s: float) -> None:
        cameras: list[LibcameraCamera] = []

        def open_camera() -> LibcameraCamera:
            cameras.append(LibcameraCamera(name, wish, timeout_s))
            return cameras[0]

        self._watched = Watched(name, open_camera, timeout_s)
        self.rate: Fraction | None = cameras[0].rate
        self._colour = cameras[0].colour

    def __iter__(self) -> Iterator[Frame]:
        """Give the newest frame again and again. ``index`` follows the sensor's own count, where it has one."""
        first_s: float | None = None
        first_number, index = 0, -1
        for taken, picture in self._watched.pictures():
            number = taken if picture.number is None else picture.number
            if first_s is None:
                first_s, first_number = picture.captured_s, number
            index = max(index + 1, number - first_number)
            yield Frame(
                picture.luma, picture.chroma, self._colour, index, picture.captured_s - first_s, picture.captured_s
            )

    def close(self) -> None:
        """Let go of the camera."""
        self._watched.close()
