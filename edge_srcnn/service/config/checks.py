"""Check addresses, models and engines by the functions that will use them; nothing is opened."""

from collections.abc import Callable
from contextlib import suppress

from edge_srcnn.engine.edgetpu.several import edgetpu_engines, is_edgetpu
from edge_srcnn.engine.interpreter import ENGINE_NAMES
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


def check_source(text: str) -> None:
    """Refuse a source of no known kind, one that a service cannot have, and options that it does not know."""
    uri = parse_uri(text)
    kind = kind_of_source(uri)
    if _is_standard_stream(uri):
        raise UsageError(f"{text}: a service has no standard input; name a camera or a stream")
    _SOURCE_OPTIONS[kind](uri)


def check_sinks(texts: tuple[str, ...]) -> None:
    """Refuse sinks that a service cannot have, and two that go to the same place."""
    if not texts:
        raise ValueError('give at least one sink, such as ["http://127.0.0.1:8080"]')
    places: dict[object, str] = {}
    for text in texts:
        place = _place(text)
        if place in places:
            raise UsageError(f"{text}: goes to the same place as {places[place]}; leave one of the two out")
        places[place] = text


def check_model(name: str) -> None:
    """Refuse what is neither ``auto`` nor a bundled model nor a file."""
    if not name.strip():
        raise ValueError('name a model, or "auto"')
    find_model(name, SCALES[0])


def check_engine(name: str) -> None:
    """Refuse an unknown engine; that of an Edge TPU may name a device."""
    if is_edgetpu(name):
        edgetpu_engines(name)
    else:
        one_of(*ENGINE_NAMES)(name)


def check_word(text: str) -> None:
    """Refuse an empty text."""
    if not text.strip():
        raise ValueError("give a name, or leave the setting out")


def _place(text: str) -> object:
    """Check a sink, and give where it writes to."""
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
