"""Options of a stream, by the names and with the checks that the command line and the service have."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from edge_srcnn.errors import EdgeSrcnnError, UsageError
from edge_srcnn.models.bundled import is_auto
from edge_srcnn.service.settings import SETTINGS, Config, Enhance, Service, take
from edge_srcnn.upscaler import read_named

Name = str | os.PathLike[str]
"""A file, a device, an address or any other URI."""


class EnhanceOptions(TypedDict, total=False):
    """Name the options of ``edge_srcnn.stream`` that say how frames are enhanced; it explains them."""

    model: str | Path
    scale: int | None
    strength: float | str | None
    temporal: str | None
    engine: str
    threads: int | None
    block: str
    tile: str
    reuse: bool
    isolate: bool
    roi: tuple[int, int, int, int] | str | None
    keep_fps: float | str | None


class StreamOptions(EnhanceOptions, total=False):
    """Name the options of ``edge_srcnn.stream``, which explains them."""

    overlay: str | None
    name: str | None
    sinks: Sequence[Name] | Name
    steady: bool


def read_config(source: Name, options: Mapping[str, Any], known: type = StreamOptions) -> Config:
    """Check a source's name and options; ``UsageError`` where one makes no sense. Nothing is opened but a named model.

    Parameters
    ----------
    source
        Any that ``edge-srcnn run`` takes.
    options
        By name; ``steady`` is not looked at.
    known
        Names them all.

    Returns
    -------
    A configuration; its sinks may be none.
    """
    for name in options:
        if name not in known.__annotations__:
            raise UsageError(f"no option is called {name!r}; there are: {', '.join(known.__annotations__)}")
    given = {name: value for name, value in options.items() if value is not None}
    given.pop("steady", None)
    sinks = given.pop("sinks", ())
    sinks = (sinks,) if isinstance(sinks, str | os.PathLike) else sinks
    service = {name: _taken("service", name, given.pop(name)) for name in ("name", "overlay") if name in given}
    if not isinstance(given.get("roi", ""), str):
        given["roi"] = ",".join(map(str, given["roi"]))
    if isinstance(model := given.get("model"), os.PathLike):
        given["model"] = os.fspath(model)
    enhance = {name: _taken("enhance", name, value) for name, value in given.items()}
    if "scale" in enhance:
        check_scale(enhance["scale"], enhance.get("model"))
    return Config(
        os.fspath(source), tuple(map(os.fspath, sinks)), enhance=Enhance(**enhance), service=Service(**service)
    )


def check_scale(scale: int, model: str | None) -> None:
    """Refuse a factor that is not that of the model that was named."""
    if is_auto(model):
        return
    own = read_named(model, scale).spec.scale
    if own != scale:
        raise UsageError(f"scale={scale}: model {model} is for x{own}; leave one of the two out")


def _taken(table: str, name: str, value: Any) -> Any:
    try:
        return take(SETTINGS[f"{table}.{name}"], value)
    except EdgeSrcnnError:
        raise  # it tells the value
    except ValueError as error:
        raise UsageError(f"{name}={value!r}: {error}") from error
