"""picamera2 itself: found, and a camera of it opened; its colour spaces and its exceptions in our terms."""

import contextlib
import importlib
import os
from typing import Any

from edge_srcnn.errors import NoInput, Unavailable
from edge_srcnn.imaging.frame import BT601, BT709, UNSPECIFIED, Colour

CURE = (
    "apt install python3-picamera2, and put edge-srcnn into an environment that sees it: "
    "python3 -m venv --system-site-packages"
)

_CHECK = (
    "libcamera finds none: is the ribbon cable seated at both ends? rpicam-hello --list-cameras must list it; "
    "a USB camera is /dev/video0"
)
_MATRICES = {"Rec601": BT601, "Rec709": BT709, "Rec2020": 9}
_PRIMARIES = {"Smpte170m": 6, "Rec709": 1, "Rec2020": 9}
_TRANSFERS = {"Rec709": 1, "Linear": 8, "Srgb": 13}  # code points of ITU-T H.273


def import_library(name: str) -> tuple[Any, Any]:
    """Import the modules ``picamera2`` and ``libcamera``.

    Raises
    ------
    Unavailable
        One is missing.
    """
    try:
        return importlib.import_module("picamera2"), importlib.import_module("libcamera")
    except ImportError as error:
        raise Unavailable(f"{name}: picamera2 is not installed here ({error}): {CURE}") from error


def open_camera(name: str, library: Any, number: int) -> Any:
    """Open a ``Picamera2``.

    Raises
    ------
    NoInput
        There is no camera of this number.
    Unavailable
        It is in use, or cannot be opened.
    """
    cameras = library.Picamera2.global_camera_info()
    if number >= len(cameras):
        there = ", ".join(f"picamera2:{at} ({camera.get('Model', '?')})" for at, camera in enumerate(cameras))
        raise NoInput(f"{name}: there is no such camera; {f'there are: {there}' if there else _CHECK}")
    camera = library.Picamera2.__new__(library.Picamera2)
    try:
        camera.__init__(number)
    except (RuntimeError, IndexError) as error:
        _drop(camera)
        why = reasons(error)
        if "busy" in why.lower():
            raise Unavailable(
                f"{name}: the camera is in use; another program (rpicam-vid, motion, a second edge-srcnn) "
                "must let go of it first: fuser -v /dev/media* names it"
            ) from error
        raise Unavailable(f"{name}: the camera cannot be opened ({why})") from error
    return camera


def colour_of(space: Any) -> Colour:
    """Tags of a libcamera ``ColorSpace``; None, as USB cameras have it, says nothing."""
    if space is None:
        return Colour(None, UNSPECIFIED)
    return Colour(
        {"Full": True, "Limited": False}.get(space.range.name),
        _MATRICES.get(space.ycbcrEncoding.name, UNSPECIFIED),
        _PRIMARIES.get(space.primaries.name, UNSPECIFIED),
        _TRANSFERS.get(space.transferFunction.name, UNSPECIFIED),
    )


def reasons(error: BaseException | None) -> str:
    """Join an exception's text and those of its causes, from the outside in."""
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__
    return "; ".join(texts)


def _drop(camera: Any) -> None:
    """Close what a constructor that failed left open: picamera2 itself forgets it, a pipe for each try."""
    with contextlib.suppress(Exception):
        camera.close()
    with contextlib.suppress(Exception):
        camera.is_open = False
        if not camera.notifymeread.closed:
            camera.notifymeread.close()
            os.close(camera.notifyme_w)
