"""Everything that the service can be told, with its type, limits and default; systemd/edge-srcnn.toml explains each."""

from collections.abc import Iterator
from dataclasses import dataclass, field, is_dataclass
from functools import partial
from typing import Annotated, Any, Literal, get_args, get_type_hints

from msgspec import Meta, MsgspecError, convert, inspect

from edge_srcnn.engine.backends import AUTO, BACKENDS, Delegate
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.plan import MAX_THREADS
from edge_srcnn.engine.strength import MOST, checked_strength
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.overlay import read_overlay
from edge_srcnn.models.bundled import SCALES, find_model, is_auto
from edge_srcnn.sinks import camera_name
from edge_srcnn.sinks import kind_of as kind_of_sink
from edge_srcnn.sources import kind_of as kind_of_source
from edge_srcnn.uri import Uri, flag, frame_rate, one_of, parse_uri, region
from edge_srcnn.web.address import place_of

_STANDARD_STREAMS = frozenset({"-", "/dev/stdin", "/dev/stdout", "/dev/stderr"})
_WANTED: dict[type[inspect.Type], str] = {
    inspect.StrType: "text in quotes",
    inspect.VarTupleType: 'a list of texts: ["...", "..."]',
    inspect.BoolType: "true or false",
}


# checks of what is told, by the functions that will use it; nothing is opened


def _check_source(text: str) -> None:
    """Refuse a source of no known kind, one that a service cannot have, and options that it does not know."""
    uri = parse_uri(text)
    kind = kind_of_source(uri)
    if _is_standard_stream(uri):
        raise UsageError(f"{text}: a service has no standard input; name a camera or a stream")
    kind.options(uri)


def _check_sinks(texts: tuple[str, ...]) -> None:
    """Refuse sinks that a service cannot have, and two that go to the same place."""
    if not texts:
        raise ValueError('give at least one sink, such as ["http://127.0.0.1:8080"]')
    places: dict[object, str] = {}
    for text in texts:
        place = _checked_place(text)
        if place in places:
            raise UsageError(f"{text}: goes to the same place as {places[place]}; leave one of the two out")
        places[place] = text


def _checked_place(text: str) -> object:
    """Check a sink, and give where it writes to."""
    uri = parse_uri(text)
    kind = kind_of_sink(uri)
    if _is_standard_stream(uri):
        raise UsageError(f"{text}: a service has no standard output; write to a file, or serve http://127.0.0.1:8080")
    if kind.name == "video" and not {"segment", "segment_mb"} & uri.options.keys():
        joint = "&" if uri.options else "?"
        raise UsageError(f"{text}: a service records for years, in segments: add {joint}segment=600&keep_mb=2000")
    kind.options(uri)
    place = place_of(uri) if kind.name == "http" else uri.target.rstrip("/")
    return kind.name, place, uri.options.get("topic") if kind.name == "mqtt" else None


def _check_files(names: tuple[str, ...]) -> None:
    """Refuse empty names of files."""
    if not all(name.strip() for name in names):
        raise ValueError("give the name of a file that holds one address")


def _is_standard_stream(uri: Uri) -> bool:
    return uri.target in _STANDARD_STREAMS or (uri.scheme == "y4m" and not uri.target)


def _check_model(name: str) -> None:
    """Refuse what is neither ``auto`` nor a bundled model nor a file."""
    if not name.strip():
        raise ValueError('name a model, or "auto"')
    if not is_auto(name):
        find_model(name, SCALES[0])


def _check_engine(name: str) -> None:
    """Refuse an unknown engine; that of an Edge TPU may name a device."""
    one_of(AUTO, *BACKENDS)(name.partition(":")[0])
    EngineOptions(engine=name)


def _check_word(text: str) -> None:
    """Refuse an empty text."""
    if not text.strip():
        raise ValueError("give a name, or leave the setting out")


# what can be told

Wait = Annotated[float, Meta(ge=0.1, le=3600)]


class Rate(str):
    """Give frames a second as ``frame_rate`` reads them; a file may hold a number."""


class Factor(str):
    """Give a strength as ``checked_strength`` reads it; a file may hold a number."""


_WANTED_TEXT: dict[type, str] = {
    Rate: 'a number, or text such as "30000/1001"',
    Factor: f'a number, 0 to {MOST:g}, or "auto"',
}


@dataclass(frozen=True)
class Enhance:
    """Choose how pictures are sharpened, and which part of them."""

    model: Annotated[str, _check_model] = AUTO
    scale: Annotated[int, Meta(ge=SCALES[0], le=SCALES[-1])] = 2
    strength: Annotated[Factor, checked_strength] | None = None
    engine: Annotated[str, _check_engine] = AUTO
    threads: Annotated[int, Meta(ge=1, le=MAX_THREADS)] | None = None
    block: Annotated[str, lambda block: EngineOptions.parse(block=block)] = AUTO
    tile: Annotated[str, lambda tile: EngineOptions.parse(tile=tile)] = AUTO
    reuse: bool = True
    isolate: bool = False
    delegate: Annotated[str, _check_word] | None = None
    delegate_options: Annotated[tuple[str, ...], partial(Delegate.parse, "")] = ()
    roi: Annotated[str, region] | None = None
    keep_fps: Annotated[Rate, frame_rate] | None = None
    temporal: Literal["auto", "off", "weak", "strong"] | None = None


@dataclass(frozen=True)
class Service:
    """Name the camera; set the service's retries, its limit of heat, its log, and what it writes beside the sinks."""

    name: Annotated[str, camera_name] | None = None
    overlay: Annotated[str, read_overlay] | None = None
    retry_camera_s: Wait = 1.5
    retry_sink_s: Wait = 10.0
    hot_c: Annotated[float, Meta(ge=40, le=120)] = 80.0
    statistics_s: Annotated[float, Meta(ge=1, le=86400)] = 60.0
    log: Literal["auto", "text", "json"] = "auto"
    recording: bool = True
    snapshots: Annotated[str, _check_word] = "snapshots"
    keep_snapshots: Annotated[int, Meta(ge=1, le=100_000)] = 1000


@dataclass(frozen=True)
class Transform:
    """Crop, mirror and rotate the frames, and take only so many: before what the source's name says of that."""

    rotate: Literal[0, 90, 180, 270] | None = None
    hflip: bool | None = None
    vflip: bool | None = None
    crop: Annotated[str, region] | None = None
    fps: Annotated[Rate, frame_rate] | None = None


@dataclass(frozen=True)
class Config:
    """Hold everything that a file can say: where frames come from, where results go; and the tables."""

    source: Annotated[str, _check_source] = "picamera2:0?size=640x480&fps=15"
    sinks: Annotated[tuple[str, ...], _check_sinks] = ("http://127.0.0.1:8080",)
    source_file: str = field(default="", kw_only=True)
    sink_files: Annotated[tuple[str, ...], _check_files] = field(default=(), kw_only=True)
    enhance: Enhance = field(default_factory=Enhance)
    service: Service = field(default_factory=Service)
    transform: Transform = field(default_factory=Transform)


# values of a setting, by its type: with limits for msgspec, and functions that check a value


def take(kind: Any, value: Any, *, strict: bool = True) -> Any:
    """Convert a value of TOML or Python to the one that is kept.

    ``ValueError``: it is of another type, or out of limits; the text says what to give. ``EdgeSrcnnError``: it makes
    no sense; the text tells the value, too.
    """
    try:
        taken = convert(value, kind, strict=strict, dec_hook=_text)
    except MsgspecError as error:
        raise ValueError(f"give {wanted(kind)}") from error
    for check in filter(callable, getattr(kind, "__metadata__", ())):
        check(taken)
    return taken


def take_text(kind: Any, text: str) -> Any:
    """Convert the text of an environment's variable; raises what ``take`` does."""
    if kind is bool:
        return flag(text)
    return take(kind, text.split() if get_args(kind)[:1] == (tuple[str, ...],) else text, strict=False)


def wanted(kind: Any) -> str:
    """Word what a setting takes: ``a whole number, 1 to 4``."""
    info = inspect.type_info(kind)
    if isinstance(info, inspect.LiteralType):
        return f"one of {', '.join(map(str, info.values))}"
    if isinstance(info, inspect.IntType | inspect.FloatType):
        name = "a whole number" if isinstance(info, inspect.IntType) else "a number"
        return f"{name}, {info.ge:g} to {info.le:g}"
    return _WANTED_TEXT[info.cls] if isinstance(info, inspect.CustomType) else _WANTED[type(info)]


def _text(kind: type[str], value: Any) -> str:
    if type(value) not in (int, float, str):
        raise ValueError
    return kind(value)


def _kinds(record: Any, head: str = "") -> Iterator[tuple[str, Any]]:
    for name, kind in get_type_hints(record, include_extras=True).items():
        if is_dataclass(kind):
            yield from _kinds(kind, f"{name}.")
        else:
            optional = type(None) in get_args(kind)  # what is not set; nobody can write it
            yield head + name, get_args(kind)[0] if optional else kind


SETTINGS: dict[str, Any] = dict(_kinds(Config))
"""The type of each setting by key path, such as ``enhance.scale``, in the order of the file."""
TABLES: dict[str, type[Enhance] | type[Transform] | type[Service]] = {
    "enhance": Enhance,
    "service": Service,
    "transform": Transform,
}
"""The tables of the file."""
