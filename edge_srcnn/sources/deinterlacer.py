"""Make whole pictures of fields."""

from collections.abc import Iterator
from typing import Any


class Deinterlacer:
    """Make a whole picture of each pair of fields, by FFmpeg's bwdif; pictures that are whole pass."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._made_for: tuple[Any, ...] = ()

    def push(self, picture: Any) -> Iterator[Any]:
        """Take a picture; give those that are ready."""
        kind = picture.width, picture.height, picture.format.name
        if kind != self._made_for:
            yield from self.end()
            self._graph, self._made_for = _deinterlacing(picture), kind
        self._graph.push(picture)
        yield from self._pull()

    def end(self) -> Iterator[Any]:
        """Give what is held back."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
            self._graph, self._made_for = None, ()

    def _pull(self) -> Iterator[Any]:
        import av

        while True:
            try:
                yield self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return


def _deinterlacing(picture: Any) -> Any:
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base
    )
    graph.link_nodes(
        source, graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"), graph.add("buffersink")
    ).configure()
    return graph
