"""Everything that the service can be told: each setting with its default, its meaning and its limits."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from edge_srcnn.engine.backends import AUTO, BACKENDS
from edge_srcnn.engine.delegate import Delegate
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.loading import SCALES
from edge_srcnn.service.config.checks import between, check_engine, check_model, check_sinks, check_source, word
from edge_srcnn.service.config.kinds import NUMBER, RATE, SWITCH, TEXT, TEXTS, WHOLE, Kind
from edge_srcnn.uri import frame_rate, one_of, region

PREFIX = "EDGE_SRCNN_"
"""Of the environment's names for settings."""


@dataclass(frozen=True)
class Setting:
    """What is known of a setting, but for its place.

    Attributes
    ----------
    default
        None: it is not set.
    help
        What it does, in sentences.
    check
        Raises ``ValueError`` (limits only) or one of our errors (what was found, too).
    example
        A value to show where the default is None.
    """

    kind: Kind
    default: Any
    help: str
    check: Callable[[Any], object] = lambda _: None
    example: Any = None

    def take(self, value: Any) -> Any:
        """The value as it is kept; ``ValueError`` or one of our errors where it is none."""
        try:
            taken = self.kind.take(value)
        except (ValueError, OverflowError) as error:
            raise ValueError(self.kind.wanted) from error
        self.check(taken)
        return taken

    def read(self, text: str) -> Any:
        """From text to a value that ``take`` takes; ``ValueError`` where there is none."""
        try:
            return self.kind.read(text)
        except ValueError as error:
            raise ValueError(self.kind.wanted) from error


def _setting(kind: Kind, default: Any, help: str, check: Callable[[Any], object], example: Any = None) -> Any:
    return field(default=default, metadata={"setting": Setting(kind, default, help, check, example)})


def _switch(default: bool, help: str) -> Any:
    return field(default=default, metadata={"setting": Setting(SWITCH, default, help)})


@dataclass(frozen=True)
class Enhance:
    """How pictures are sharpened, and which part of them."""

    model: str = _setting(
        TEXT,
        AUTO,
        "A bundled model (edge-srcnn models lists them), the full path of a .tflite made by 'edge-srcnn export', or "
        '"auto": the best bundled model that keeps the rate of the camera, by what it measures all the time; for '
        "cameras those trained for them, where there are such.",
        check_model,
    )
    scale: int = _setting(
        WHOLE,
        2,
        "Factor of up-scaling: 2, 3 or 4. A model that is named brings its own.",
        between(SCALES[0], SCALES[-1]),
    )
    engine: str = _setting(
        TEXT,
        AUTO,
        f"What computes: {', '.join((AUTO, *BACKENDS))} (no network); edgetpu:usb or edgetpu:0 names one of several.",
        check_engine,
    )
    threads: int | None = _setting(
        WHOLE,
        None,
        "Threads of the interpreter. Not set: as 'edge-srcnn tune' found, or all processors.",
        lambda threads: EngineOptions.parse(threads=threads),
        3,
    )
    block: str = _setting(
        TEXT,
        AUTO,
        'Packing of pixels into channels: "2x4", "2x4-4x4", "1x1" for none, or "auto". It changes no byte.',
        lambda block: EngineOptions.parse(block=block),
    )
    tile: str = _setting(
        TEXT,
        AUTO,
        'Pixels of the network\'s plane that are worked on at a time, height x width: "128x256", "whole" or "auto".',
        lambda tile: EngineOptions.parse(tile=tile),
    )
    reuse: bool = _switch(True, "Do not compute still parts of the picture again; the result is the same.")
    isolate: bool = _switch(
        False, "Run the engine in a process of its own, so that its crash costs a frame. An Edge TPU always has one."
    )
    delegate: str | None = _setting(
        TEXT, None, "A shared library for the interpreter to work with.", word, "/usr/lib/libvx_delegate.so"
    )
    delegate_options: tuple[str, ...] = _setting(
        TEXTS, (), "Options for the delegate, each NAME=VALUE.", partial(Delegate.parse, "")
    )
    roi: str | None = _setting(
        TEXT,
        None,
        "Sharpen this region of the camera's picture only: left,top,width,height in pixels.",
        region,
        "160,120,320,240",
    )
    keep_fps: str | None = _setting(
        RATE,
        None,
        'Frames a second to keep with model = "auto": the best model is taken that keeps them. Not set: as many as the '
        'camera gives. A number, or text such as "30000/1001".',
        frame_rate,
        15,
    )


@dataclass(frozen=True)
class Service:
    """How the service behaves when cameras, networks and summers do."""

    retry_camera_s: float = _setting(
        NUMBER, 1.5, "Longest wait, in seconds, between tries to open a lost camera: 0.1 to 3600.", between(0.1, 3600)
    )
    retry_sink_s: float = _setting(NUMBER, 10.0, "The same for sinks.", between(0.1, 3600))
    hot_c: float = _setting(
        NUMBER,
        80.0,
        'From this temperature of the processor on, in degrees Celsius, "auto" takes a faster model: 40 to 120.',
        between(40, 120),
    )
    statistics_s: float = _setting(
        NUMBER, 60.0, "One line of statistics in the log every so many seconds: 1 to 86400.", between(1, 86400)
    )
    log: str = _setting(TEXT, AUTO, 'Lines of the log: "text", "json", or "auto".', one_of(AUTO, "text", "json"))


@dataclass(frozen=True)
class Config:
    """All of it."""

    source: str = _setting(
        TEXT,
        "picamera2:0?size=640x480&fps=15",
        "Where frames come from: picamera2:0?size=640x480&fps=15, /dev/video0?size=640x480, rtsp://camera/stream, "
        "http://camera/stream.mjpg, test: for a test card.",
        check_source,
    )
    sinks: tuple[str, ...] = _setting(
        TEXTS,
        ("http://127.0.0.1:8080",),
        "Where results go, one or more: http://127.0.0.1:8080 serves a page with the live picture to this machine, "
        "http://0.0.0.0:8080#token_file=/etc/edge-srcnn/token to the network; pictures/?every=60&keep=1000 is a "
        "folder; front.mp4?segment=600&keep_mb=2000 records; rtsp://server:8554/pi is a server that others read from.",
        check_sinks,
    )
    enhance: Enhance = field(default_factory=Enhance)
    service: Service = field(default_factory=Service)


TABLES: dict[str, type[Enhance] | type[Service]] = {"enhance": Enhance, "service": Service}
"""The tables of the file."""


def _found() -> dict[str, Setting]:
    top = {each.name: each.metadata["setting"] for each in fields(Config) if each.name not in TABLES}
    inside = {f"{table}.{each.name}": each.metadata["setting"] for table in TABLES for each in fields(TABLES[table])}
    return top | inside


SETTINGS: dict[str, Setting] = _found()
"""By key path, such as ``enhance.scale``, in the order in which people read them."""


def names_in(table: str) -> list[str]:
    """What a table (empty: the top of the file) holds; tables in their brackets."""
    if table:
        return [each.name for each in fields(TABLES[table])]
    return [f"[{each.name}]" if each.name in TABLES else each.name for each in fields(Config)]


def variable(path: str) -> str:
    """The environment's name for a setting."""
    return PREFIX + path.upper().replace(".", "_")
