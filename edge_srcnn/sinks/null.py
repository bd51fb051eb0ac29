"""``null:``: takes everything, keeps nothing; counts."""

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


def open_null(uri: Uri) -> NullSink:
    """No options."""
    read_options(uri)
    return NullSink(uri.text)
