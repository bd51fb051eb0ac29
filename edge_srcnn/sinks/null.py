"""``null:``: take everything, keep nothing, count."""

from typing import Any

from edge_srcnn.errors import UsageError
from edge_srcnn.sinks import Result, Sink
from edge_srcnn.uri import Uri, read_options


class NullSink(Sink):
    """Count results."""

    blocking = False

    def __init__(self, name: str = "null:") -> None:
        self.name = name
        self.written = 0

    def write(self, result: Result) -> None:
        """Count one more."""
        self.written += 1


def options(uri: Uri) -> dict[str, Any]:
    """Refuse every option."""
    if uri.target:
        raise UsageError(f"{uri.text}: give null: alone")
    return read_options(uri)


def open(uri: Uri) -> NullSink:
    """Begin to count."""
    return NullSink(uri.text)
