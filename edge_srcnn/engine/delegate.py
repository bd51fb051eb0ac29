"""Accelerators behind shared libraries: any external delegate of TFLite, the Edge TPU's among them."""

import ctypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_srcnn.engine.edgetpu.library import why_not_loaded
from edge_srcnn.engine.edgetpu.several import EDGETPU_LIBRARY, why_no_edgetpu
from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.system.native_stderr import quiet_native_code

_SYMBOLS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


@dataclass(frozen=True)
class Delegate:
    """A shared library that computes a part of a graph, or all of it.

    Attributes
    ----------
    library
        Its name or path.
    options
        Pairs of name and value for it.
    """

    library: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, library: str, options: Iterable[str] = ()) -> "Delegate":
        """Read options given as ``NAME=VALUE``; ``UsageError`` where one is none."""
        pairs = []
        for text in options:
            name, equals, value = text.partition("=")
            if not (name and equals):
                raise UsageError(f"--delegate-option {text!r}: give NAME=VALUE")
            pairs.append((name, value))
        return cls(library, tuple(pairs))


def load_delegate(loader: Callable[[str, dict[str, str]], Any], delegate: Delegate) -> Any:
    """Load a delegate for an interpreter, in a process of its own: its code may abort.

    Parameters
    ----------
    loader
        The interpreter's own function.
    delegate
        What to load.

    Raises
    ------
    Unavailable
        It cannot be loaded; the message says why, as far as that can be known, and what to do.
    """
    with quiet_native_code():
        _check_symbols(delegate.library)
        try:
            return loader(delegate.library, dict(delegate.options))
        except (ValueError, RuntimeError) as error:
            raise Unavailable(f"{delegate.library}: {_why_refused(delegate, error)}") from error


def _check_symbols(name: str) -> None:
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise Unavailable(f"{name}: {why_not_loaded(name, error)}") from error
    missing = [symbol for symbol in _SYMBOLS if not hasattr(library, symbol)]
    if missing:
        raise Unavailable(f"{name}: is no TFLite delegate; it lacks {missing[0]}")


def _why_refused(delegate: Delegate, error: Exception) -> str:
    if Path(delegate.library).name == EDGETPU_LIBRARY:
        return why_no_edgetpu(dict(delegate.options).get("device", ""))
    return f"refuses; its options may be wrong, or its device missing ({' '.join(str(error).split())})"
