"""What settings may be, by the functions that will use them; nothing is opened."""

from collections.abc import Callable
from contextlib import suppress

from edge_srcnn.engine.backends import AUTO, BACKENDS
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.loading import SCALES
from edge_srcnn.models.bundled import find_model
from edge_srcnn.sinks import kind_of as kind_of_sink
from edge_srcnn.sinks.folder import folder_sink_options
from edge_srcnn.sinks.null import open_null
from edge_srcnn.sinks.push.sink import open_push
from edge_srcnn.sinks.video.sink import open_video_sink
from edge_srcnn.sinks.y4m import y4m_options
from edge_srcnn.sources import kind_of as kind_of_source
from edge_srcnn.sources.folder import folder_options
from edge_srcnn.sources.moving_card import card_options
from edge_srcnn.sources.picamera2.source import picamera2_options
from edge_srcnn.sources.v4l2.source import v4l2_options
from edge_srcnn.sources.video import video_options
from edge_srcnn.uri import Uri, one_of, parse_uri
from edge_srcnn.web.address import address_of
from edge_srcnn.web.sink import http_options

_STANDARD_STREAMS = frozenset({"-", "/dev/stdin", "/dev/stdout", "/dev/stderr"})
_SOURCE_OPTIONS: dict[str, Callable[[Uri], object]] = {
    "test": card_options,
    "folder": folder_options,
    "video": video_options,
    "v4l2": v4l2_options,
    "picamera2": picamera2_options,
}
_SINK_OPTIONS: dict[str, Callable[[Uri], object]] = {
    "null": open_null,
    "folder": folder_sink_options,
    "video": open_video_sink,
    "http": http_options,
    "https": http_options,
    "push": open_push,
    "y4m": y4m_options,
}
"""What reads the options of each kind; three touch nothing before their first frame, so that opening them is enough."""


def between(lowest: float, highest: float) -> Callable[[float], None]:
    """A check of a range, both ends included."""

    def check(value: float) -> None:
        if not lowest <= value <= highest:
            raise ValueError(f"must be {lowest:g} to {highest:g}")

    return check


def check_source(text: str) -> None:
    """A source of a kind that exists, and that a service can have, with options that it knows."""
    uri = parse_uri(text)
    kind = kind_of_source(uri)
    if _is_standard_stream(uri):
        raise UsageError(f"{text}: a service has no standard input; name a camera or a stream")
    _SOURCE_OPTIONS[kind](uri)


def check_sinks(texts: tuple[str, ...]) -> None:
    """Sinks that a service can have, each to a place of its own."""
    if not texts:
        raise ValueError('give at least one sink, such as ["http://127.0.0.1:8080"]')
    places: dict[object, str] = {}
    for text in texts:
        place = _place(text)
        if place in places:
            raise UsageError(f"{text}: goes to the same place as {places[place]}; leave one of the two out")
        places[place] = text


def check_model(name: str) -> None:
    """A bundled model, a file, or the choice between the bundled ones left to us."""
    if not name.strip():
        raise ValueError('name a model, or "auto"')
    find_model(name, SCALES[0])


def check_engine(name: str) -> None:
    """An engine's name; an Edge TPU's may name a device."""
    one_of(AUTO, *BACKENDS)(name.partition(":")[0])
    EngineOptions(engine=name)


def word(text: str) -> None:
    """Something that is not empty."""
    if not text.strip():
        raise ValueError("give a name, or leave the setting out")


def _place(text: str) -> object:
    """Where a sink writes to, after it was checked."""
    uri = parse_uri(text)
    kind = kind_of_sink(uri)
    if _is_standard_stream(uri):
        raise UsageError(f"{text}: a service has no standard output; write to a file, or serve http://127.0.0.1:8080")
    if kind == "video" and not {"segment", "segment_mb"} & uri.options.keys():
        joint = "&" if uri.options else "?"
        raise UsageError(f"{text}: a service records for years, in segments: add {joint}segment=600&keep_mb=2000")
    with suppress(Unavailable):  # what is not installed here is no mistake of the configuration's
        _SINK_OPTIONS[kind](uri)
    return kind, address_of(uri) if kind in ("http", "https") else uri.target.rstrip("/")


def _is_standard_stream(uri: Uri) -> bool:
    return uri.target in _STANDARD_STREAMS or (uri.scheme == "y4m" and not uri.target)
