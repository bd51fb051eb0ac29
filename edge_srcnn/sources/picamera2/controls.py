"""Settings of a libcamera camera (exposure, white balance, focus), read from text."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from edge_srcnn.errors import UsageError
from edge_srcnn.uri import flag

Bounds = tuple[Any, Any, Any]
Members = Callable[[str], Mapping[str, int]]


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
