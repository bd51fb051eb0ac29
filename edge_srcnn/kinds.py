"""Describe a kind of source or sink in one record: help, checks, the service and opening all read that record."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edge_srcnn.errors import UsageError
from edge_srcnn.uri import Uri


def never(uri: Uri) -> bool:
    """Refuse every name."""
    return False


def always(uri: Uri) -> bool:
    """Accept every name."""
    return True


@dataclass(frozen=True)
class Kind:
    """One kind of source or sink.

    Attributes
    ----------
    name
        What it is called.
    module
        Below ``edge_srcnn``; has ``options(uri)``, which touches nothing, and ``open(uri)``. Imported when chosen.
    example
        A name, for help and messages.
    schemes
        Schemes that name it; none given: its own name.
    opens
        Whether it opens a path without a scheme; the first kind of the table that does is chosen.
    camera
        Its frames come from a camera, here or in the network.
    reopens
        It may get lost and come back, as a camera does; a file does not.
    live
        It shows the newest frame, and may miss others; a recording wants every one.
    blocking
        Writing to it may wait for a disk or a peer.
    """

    name: str
    module: str
    example: str
    schemes: tuple[str, ...] = ()
    opens: Callable[[Uri], bool] = never
    camera: bool = False
    reopens: Callable[[Uri], bool] = never
    live: bool = False
    blocking: bool = True

    def options(self, uri: Uri) -> Any:
        """Read the options of a name; ``UsageError`` where they make no sense."""
        return self.load().options(uri)

    def open(self, uri: Uri) -> Any:
        """Open the source or sink."""
        return self.load().open(uri)

    def load(self) -> Any:
        """Import its module."""
        return importlib.import_module(f"edge_srcnn.{self.module}")


def find_kind(uri: Uri, kinds: Sequence[Kind], role: str) -> Kind:
    """Find the kind that a name belongs to.

    Raises
    ------
    UsageError
        There is none; the message gives examples.
    """
    for kind in kinds:
        if uri.scheme in (kind.schemes or (kind.name,)) if uri.scheme else kind.opens(uri):
            return kind
    few = ", ".join(kind.example for kind in kinds[:3])
    raise UsageError(f"{uri.text}: no {role} is called {uri.scheme!r}; give one such as {few}")


def examples(kinds: Sequence[Kind]) -> str:
    """Write an example of each kind, for help and messages."""
    return ", ".join(kind.example for kind in kinds)
