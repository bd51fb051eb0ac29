"""Check addresses, models and engines by the functions that will use them; nothing is opened."""

from edge_srcnn.engine.backends import AUTO, BACKENDS
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import UsageError
from edge_srcnn.models.bundled import find_model
from edge_srcnn.sinks import kind_of as kind_of_sink
from edge_srcnn.sources import kind_of as kind_of_source
from edge_srcnn.upscaler import SCALES
from edge_srcnn.uri import Uri, one_of, parse_uri
from edge_srcnn.web.address import address_of

_STANDARD_STREAMS = frozenset({"-", "/dev/stdin", "/dev/stdout", "/dev/stderr"})


def check_source(text: str) -> None:
    """Refuse a source of no known kind, one that a service cannot have, and options that it does not know."""
    uri = parse_uri(text)
    kind = kind_of_source(uri)
    if _is_standard_stream(uri):
        raise UsageError(f"{text}: a service has no standard input; name a camera or a stream")
    kind.options(uri)


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
    one_of(AUTO, *BACKENDS)(name.partition(":")[0])
    EngineOptions(engine=name)


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
    if kind.name == "video" and not {"segment", "segment_mb"} & uri.options.keys():
        joint = "&" if uri.options else "?"
        raise UsageError(f"{text}: a service records for years, in segments: add {joint}segment=600&keep_mb=2000")
    kind.options(uri)
    return kind.name, address_of(uri) if kind.name == "http" else uri.target.rstrip("/")


def _is_standard_stream(uri: Uri) -> bool:
    return uri.target in _STANDARD_STREAMS or (uri.scheme == "y4m" and not uri.target)
