"""``null:``: takes everything, keeps nothing; counts."""

from typing import Any

from edge_srcnn.sinks import Result, Stream
from edge_srcnn.uri import Uri, read_options


class NullSink:
    """Counts what it is given."""

    live = False

    def __init__(self, name: str = "null:") -> None:
        self.name = name
        self.written = 0

    def begin(self, stream: Stream) -> None:
        """Nothing to prepare."""

    def write(self, result: Result) -> None:
        """Count."""
        self.written += 1

    def close(self) -> None:
        """Nothing to let go of."""


def options(uri: Uri) -> dict[str, Any]:
    """Refuse every option."""
    return read_options(uri)


def open(uri: Uri) -> NullSink:
    """Begin to count."""
    options(uri)
    return NullSink(uri.text)
