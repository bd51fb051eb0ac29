"""Everything that the service can be told, with its type, limits and default; systemd/edge-srcnn.toml explains each."""

from collections.abc import Iterator
from dataclasses import dataclass, field, is_dataclass
from functools import partial
from typing import Annotated, Any, Literal, get_args, get_type_hints

from msgspec import Meta, ValidationError, convert

from edge_srcnn.engine.backends import AUTO
from edge_srcnn.engine.delegate import Delegate
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.plan import MAX_THREADS
from edge_srcnn.service.config.checks import check_engine, check_model, check_sinks, check_source, check_word
from edge_srcnn.service.config.faults import wanted
from edge_srcnn.upscaler import SCALES
from edge_srcnn.uri import flag, frame_rate, region

Wait = Annotated[float, Meta(ge=0.1, le=3600)]


class Rate(str):
    """Give frames a second as ``frame_rate`` reads them; a file may hold a number."""


@dataclass(frozen=True)
class Enhance:
    """Choose how pictures are sharpened, and which part of them."""

    model: Annotated[str, check_model] = AUTO
    scale: Annotated[int, Meta(ge=SCALES[0], le=SCALES[-1])] = 2
    engine: Annotated[str, check_engine] = AUTO
    threads: Annotated[int, Meta(ge=1, le=MAX_THREADS)] | None = None
    block: Annotated[str, lambda block: EngineOptions.parse(block=block)] = AUTO
    tile: Annotated[str, lambda tile: EngineOptions.parse(tile=tile)] = AUTO
    reuse: bool = True
    isolate: bool = False
    delegate: Annotated[str, check_word] | None = None
    delegate_options: Annotated[tuple[str, ...], partial(Delegate.parse, "")] = ()
    roi: Annotated[str, region] | None = None
    keep_fps: Annotated[Rate, frame_rate] | None = None


@dataclass(frozen=True)
class Service:
    """Set the service's retries, its limit of heat, and its log."""

    retry_camera_s: Wait = 1.5
    retry_sink_s: Wait = 10.0
    hot_c: Annotated[float, Meta(ge=40, le=120)] = 80.0
    statistics_s: Annotated[float, Meta(ge=1, le=86400)] = 60.0
    log: Literal["auto", "text", "json"] = "auto"


@dataclass(frozen=True)
class Config:
    """Hold everything that a file can say: where frames come from, where results go; and the tables."""

    source: Annotated[str, check_source] = "picamera2:0?size=640x480&fps=15"
    sinks: Annotated[tuple[str, ...], check_sinks] = ("http://127.0.0.1:8080",)
    enhance: Enhance = field(default_factory=Enhance)
    service: Service = field(default_factory=Service)


@dataclass(frozen=True)
class Setting:
    """Take values for one setting.

    Attributes
    ----------
    kind
        Its type, with limits for msgspec and functions that check a value.
    """

    kind: Any

    def take(self, value: Any, *, strict: bool = True) -> Any:
        """Convert a value of TOML or Python to the one that is kept.

        Raises
        ------
        ValueError
            It is of another type, or out of limits; the text says what to give.
        EdgeSrcnnError
            It makes no sense; the text tells the value, too.
        """
        try:
            taken = convert(value, self.kind, strict=strict, dec_hook=_rate)
        except ValidationError as error:
            raise ValueError(f"give {wanted(self.kind)}") from error
        for check in filter(callable, getattr(self.kind, "__metadata__", ())):
            check(taken)
        return taken

    def read(self, text: str) -> Any:
        """Convert the text of an environment's variable; raises what ``take`` does."""
        if self.kind is bool:
            return flag(text)
        return self.take(text.split() if get_args(self.kind)[:1] == (tuple[str, ...],) else text, strict=False)


def _rate(kind: type[Rate], value: Any) -> Rate:
    if type(value) not in (int, float, str):
        raise ValueError
    return kind(value)


def _settings(record: Any, head: str = "") -> Iterator[tuple[str, Setting]]:
    for name, kind in get_type_hints(record, include_extras=True).items():
        if is_dataclass(kind):
            yield from _settings(kind, f"{name}.")
        else:
            optional = type(None) in get_args(kind)  # what is not set; nobody can write it
            yield head + name, Setting(get_args(kind)[0] if optional else kind)


SETTINGS: dict[str, Setting] = dict(_settings(Config))
"""By key path, such as ``enhance.scale``, in the order of the file."""
TABLES: dict[str, type[Enhance] | type[Service]] = {"enhance": Enhance, "service": Service}
"""The tables of the file."""
