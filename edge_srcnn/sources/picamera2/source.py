"""Camera modules of the Raspberry Pi, by picamera2 and libcamera, as YUV 4:2:0 without RGB in between."""

from dataclasses import replace
from fractions import Fraction

from edge_srcnn.errors import UsageError
from edge_srcnn.sources.picamera2.camera import LibcameraCamera, Settings
from edge_srcnn.uri import Uri, flag, frame_rate, frame_size, read_options, seconds

SIZE = (640, 480)
RATE = Fraction(30)
TIMEOUT_S = 5.0

_READERS = {"size": frame_size, "fps": frame_rate, "timeout": seconds, "hflip": flag, "vflip": flag}


def options(uri: Uri) -> tuple[Settings, float]:
    """Read them: size (640x480), fps (30), timeout (5 s), hflip, vflip; any other is a control of libcamera.

    Controls have libcamera's own names, with a capital in front: ``ExposureTime=10000``, ``AwbEnable=no``,
    ``AfMode=Continuous``, ``ColourGains=1.8,1.5``. Whether the camera has them turns out when it is opened.

    Returns
    -------
    wanted, timeout_s
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
    wanted = Settings(
        int(uri.target or 0),
        given.get("size", SIZE),
        given.get("fps", RATE),
        given.get("hflip", False),
        given.get("vflip", False),
        {control: text for control, text in uri.options.items() if control not in ours},
        tuple(_READERS),
    )
    return wanted, given.get("timeout", TIMEOUT_S)


def open(uri: Uri) -> LibcameraCamera:
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
    wanted, timeout_s = options(uri)
    return LibcameraCamera(f"picamera2:{wanted.number}", wanted, timeout_s)
