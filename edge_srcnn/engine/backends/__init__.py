"""Engines: the table of their names, and what each must offer.

A new one is a file with a class that implements ``Backend``, and a line in ``BACKENDS``.
"""

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Any, ClassVar, Protocol

from numpy.typing import NDArray

from edge_srcnn.engine.graph import Graph
from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.models.edgetpu import TpuForm
from edge_srcnn.models.file import Model
from edge_srcnn.system.installation import how_to_install

AUTO = "auto"
BICUBIC = "bicubic"

BACKENDS = {
    "litert": "edge_srcnn.engine.backends.litert:LiteRT",
    "tflite": "edge_srcnn.engine.backends.tflite_runtime:TfliteRuntime",
    "tensorflow": "edge_srcnn.engine.backends.tensorflow:TensorFlow",
    "edgetpu": "edge_srcnn.engine.backends.edgetpu:EdgeTpu",
    BICUBIC: "edge_srcnn.engine.backends.bicubic:Bicubic",
}
"""Module and class by name; imported when one is chosen."""

INTERPRETERS = ("litert", "tflite", "tensorflow")
"""Engines on this machine's processor, in the order in which ``auto`` tries them."""

ACCELERATORS = ("edgetpu",)
"""Engines that ``auto`` tries first, with models that hold a form for them."""


@dataclass(frozen=True)
class Delegate:
    """A shared library that computes a part of a graph, or all of it: any external delegate of TFLite.

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


class Program(Protocol):
    """A compiled graph: write ``input``, call ``run``, read ``output``.

    Both are the program's own memory, in the graph's shapes and types; let go of them before the next call of ``run``.
    """

    @property
    def input(self) -> NDArray[Any]:
        """Give the input, ``[h, w, channels]``, to be written to."""

    @property
    def output(self) -> NDArray[Any]:
        """Give the output, ``[h, w, channels]``, to be read."""

    def run(self) -> None:
        """Compute the output from the input."""


class Backend(Protocol):
    """Compile graphs into programs.

    Parameters
    ----------
    name
        As it was asked for; with a device behind a colon where ``names_devices``.
    delegate
        A shared library that is to compute in the engine's place; None: there is none.

    Attributes
    ----------
    package, requirement
        The package that it needs, and what brings it (``how_to_install``).
    has_network
        Whether it computes networks at all; otherwise pictures are upscaled bicubically alone.
    crash_hint
        What a crash at the start suggests; may be empty.
    """

    name: str
    delegate: Delegate | None
    package: str
    requirement: str
    names_devices: ClassVar[bool] = False
    has_network: ClassVar[bool] = True
    crash_hint: ClassVar[str] = ""

    def __init__(self, name: str, delegate: Delegate | None = None) -> None:
        self.name, self.delegate = name, delegate

    @property
    def cure(self) -> str:
        """Say what installs the package in this copy."""
        return how_to_install(self.requirement)

    @property
    def accelerator(self) -> str | None:
        """Name the shared library that computes in place of the processor, and may get lost; None without one."""
        return None

    @property
    def isolated(self) -> bool:
        """Tell whether it must run in a process of its own, since its native code may crash or hang."""
        return self.accelerator is not None

    def version(self) -> str | None:
        """Give the version of the package that is installed, or None. Imports nothing large."""
        return package_version(self.package)

    def prepare(self) -> None:
        """Load what it needs; ``Unavailable`` with the cure where that is not possible."""
        if self.version() is None:
            raise Unavailable(f"engine {self.name}: {self.package} is not installed: {self.cure}")

    def form_of(self, model: Model) -> TpuForm | None:
        """Give what a model must hold for this engine (else ``ModelUnsupported``); None: its plain graph will do."""
        return None

    def parts(self) -> tuple[str, ...]:
        """Name the engines that share each picture: itself, where it is one device."""
        return (self.name,)

    def compile(self, graph: Graph | bytes, threads: int) -> Program:
        """Make a program of a graph; bytes are the graph of ``form_of``, which only this engine reads."""


def backend_named(name: str, delegate: Delegate | None = None) -> Backend:
    """Import an engine; ``UsageError`` where there is none of that name, or its device makes no sense."""
    kind, colon, _ = name.partition(":")
    if kind in BACKENDS:
        module, _, attribute = BACKENDS[kind].partition(":")
        made = getattr(importlib.import_module(module), attribute)
        if made.names_devices or not colon:
            backend: Backend = made(name, delegate)
            return backend
    raise UsageError(f"no engine is called {name!r}; there are {', '.join((AUTO, *BACKENDS))}")


def package_version(package: str) -> str | None:
    """Give the version of an installed package, or None. Imports nothing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def installed_interpreter() -> str | None:
    """Name the first of ``INTERPRETERS`` that is installed."""
    return next((name for name in INTERPRETERS if backend_named(name).version()), None)
