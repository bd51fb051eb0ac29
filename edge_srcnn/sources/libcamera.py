"""Find and open picamera2 and libcamera; read their settings, colour spaces and exceptions."""

import contextlib
import importlib
import io
import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from edge_srcnn.errors import NoInput, Unavailable, UsageError, reason
from edge_srcnn.imaging.frame import BT601, BT709, BT2020, UNSPECIFIED, Colour
from edge_srcnn.system.packages import why_not_imported
from edge_srcnn.uri import flag

Bounds = tuple[Any, Any, Any]
Members = Callable[[str], Mapping[str, int]]

_CHECK = (
    "libcamera finds none: is the ribbon cable seated at both ends? rpicam-hello --list-cameras must list it; "
    "a USB camera is /dev/video0"
)
# code points of ITU-T H.273
_MATRICES = {"Rec601": BT601, "Rec709": BT709, "Rec2020": BT2020}
_PRIMARIES = {"Smpte170m": 6, "Rec709": 1, "Rec2020": 9}
_TRANSFERS = {"Rec709": 1, "Linear": 8, "Srgb": 13}


def import_library(name: str) -> tuple[Any, Any]:
    """Import the modules ``picamera2`` and ``libcamera``; ``Unavailable`` where one is missing or broken."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # numpy writes a page about modules built for another numpy
            return importlib.import_module("picamera2"), importlib.import_module("libcamera")
    except Exception as error:  # one that was built for another Python or numpy raises anything
        raise Unavailable(f"{name}: {why_not_imported('picamera2', error, 'picamera2')}") from error


def open_camera(name: str, library: Any, number: int) -> Any:
    """Open a ``Picamera2``.

    Parameters
    ----------
    name
        Of the source, for messages.
    library
        The module ``picamera2``.
    number
        As ``rpicam-hello --list-cameras`` counts.

    Returns
    -------
    The camera, not yet configured.

    Raises
    ------
    NoInput
        There is no camera of this number.
    Unavailable
        It is in use, or cannot be opened.
    """
    try:
        cameras = library.Picamera2.global_camera_info()
    except Exception as error:
        raise Unavailable(f"{name}: libcamera does not tell its cameras ({reasons(error)})") from error
    if number >= len(cameras):
        there = ", ".join(f"picamera2:{at} ({camera.get('Model', '?')})" for at, camera in enumerate(cameras))
        raise NoInput(f"{name}: there is no such camera; {f'there are: {there}' if there else _CHECK}")
    camera = library.Picamera2.__new__(library.Picamera2)
    try:
        camera.__init__(number)
    except Exception as error:  # of picamera2, libcamera or the kernel below
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
    """Translate a libcamera ``ColorSpace`` to tags; None, as USB cameras have it, says nothing."""
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
        texts.append(reason(error))
        error = error.__cause__
    return "; ".join(texts)


def read_controls(
    name: str, texts: Mapping[str, str], known: Mapping[str, Bounds], options: tuple[str, ...], members: Members
) -> dict[str, Any]:
    """Read controls by name, with values of the type that libcamera wants.

    Parameters
    ----------
    name
        Of the source, for messages.
    texts
        Control to value: ``10000``, ``1.5``, ``no``, ``Continuous``, ``1.8,1.5``.
    known
        The camera's controls: smallest, largest and usual value, as ``Picamera2.camera_controls`` has them.
    options
        The source's own options, which may have been meant.
    members
        Gives the words that stand for a control's numbers, such as ``Continuous`` for ``AfMode``; may be empty.

    Returns
    -------
    Control to value.

    Raises
    ------
    UsageError
        The camera does not have the control, or the value is none.
    """
    values = {}
    for control, text in texts.items():
        if control not in known:
            raise UsageError(f"{name}: the camera has no control {control!r}; {_near(control, known, options)}")
        try:
            values[control] = _value(text, known[control], members(control))
        except ValueError as error:
            raise UsageError(f"{name}: {control}={text}: {error}") from error
    return values


def _value(text: str, bounds: Bounds, words: Mapping[str, int]) -> Any:
    if words:
        found = {word.lower(): number for word, number in words.items()}.get(text.lower())
        if found is not None:
            return found
    if "," in text:
        return tuple(_number(part, bounds) for part in text.split(","))
    if isinstance(bounds[0], bool):
        return flag(text)
    try:
        return _number(text, bounds)
    except ValueError as error:
        if words:
            raise ValueError(f"give one of {', '.join(words)}") from error
        raise


def _number(text: str, bounds: Bounds) -> float:
    real = any(isinstance(bound, float) for bound in bounds)
    try:
        return float(text) if real else int(text)
    except ValueError as error:
        raise ValueError(f"give a {'number' if real else 'whole number'}") from error


def _near(control: str, known: Mapping[str, Bounds], options: tuple[str, ...]) -> str:
    by_lower = {name.lower(): name for name in (*options, *known)}
    near = [by_lower[match] for match in get_close_matches(control.lower(), by_lower, cutoff=0.5)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"it has: {', '.join(sorted(known)) or 'none'}; options: {', '.join(options)}"


def _drop(camera: Any) -> None:
    """Close what a constructor that failed left open: picamera2 itself forgets it, a pipe for each try."""
    with contextlib.suppress(Exception):
        camera.close()
    with contextlib.suppress(Exception):
        camera.is_open = False
        if not camera.notifymeread.closed:
            camera.notifymeread.close()
            os.close(camera.notifyme_w)
