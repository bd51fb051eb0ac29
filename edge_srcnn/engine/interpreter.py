"""The only place that reaches a TFLite interpreter."""

import importlib
import sys
from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import NDArray

from edge_srcnn.engine.backends import Backend, backend_named, package_version
from edge_srcnn.engine.delegate import Delegate, load_delegate
from edge_srcnn.engine.graph import Graph, Quantization
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import ModelUnsupported, Unavailable, UsageError
from edge_srcnn.system.native_stderr import quiet_native_code


class TfliteBackend(Backend):
    """An interpreter of TFLite flatbuffers, alone or with a delegate.

    Attributes
    ----------
    module, attribute, delegate_loader
        Where the interpreter's class is, and the function that loads delegates.
    """

    module: ClassVar[str]
    attribute: ClassVar[str] = "Interpreter"
    delegate_loader: ClassVar[str] = "load_delegate"

    def __init__(self, name: str, delegate: Delegate | None = None) -> None:
        self.name, self._delegate = name, delegate

    @property
    def accelerator(self) -> str | None:
        """Name the delegate's library."""
        return self._delegate.library if self._delegate else None

    def version(self) -> str | None:
        """Give the version of the installed package."""
        return package_version(self.package)

    def prepare(self) -> None:
        """Import the interpreter, and load the delegate."""
        super().prepare()
        self.reach(self.attribute)
        _ = self.loaded_delegate

    def compile(self, graph: Graph | bytes, threads: int) -> "Interpreter":
        """Make an interpreter of a graph, or of a flatbuffer."""
        return Interpreter(self, graph if isinstance(graph, bytes) else write_graph(graph), threads)

    @cached_property
    def loaded_delegate(self) -> Any:
        """Load the delegate as an interpreter takes it; None without one."""
        return self._delegate and load_delegate(self.reach(self.delegate_loader), self._delegate)

    def reach(self, attribute: str) -> Any:
        """Import what the package has under a dotted name; ``Unavailable`` where that fails."""
        try:
            if self.module in sys.modules:
                found: Any = sys.modules[self.module]
            else:
                with quiet_native_code():
                    found = importlib.import_module(self.module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            raise Unavailable(
                f"engine {self.name}: {self.package} cannot be imported ({error}): {self.cure}"
            ) from error
        return found


def open_interpreter(engine: str, graph: bytes, threads: int = 1) -> "Interpreter":
    """Make an interpreter of a flatbuffer, by the engine's name; ``UsageError`` where that is no interpreter."""
    return interpreter_backend(engine).compile(graph, threads)


def interpreter_backend(engine: str) -> TfliteBackend:
    """Import an interpreter by its engine's name; ``UsageError`` where that is none."""
    backend = backend_named(engine)
    if not isinstance(backend, TfliteBackend):
        raise UsageError(f"engine {engine}: is no TFLite interpreter")
    return backend


class Interpreter:
    """A TFLite graph with one input and one output, in one of the interpreters.

    There are two ways to use it. ``compute`` takes and gives planes of any size; the graph's shapes are changed to fit.
    ``input``, ``run`` and ``output`` work on the graph's own memory, in the shapes that it came with: write, run, read.
    The arrays must not outlive the step: the interpreter refuses to run while one is held.

    Parameters
    ----------
    backend
        Where the interpreter comes from.
    graph
        The flatbuffer. Its integrity must have been checked: the interpreters crash on damaged ones.
    threads
        Number of threads, 1 or more.
    """

    def __init__(self, backend: TfliteBackend, graph: bytes, threads: int) -> None:
        self.engine = backend.name
        made, delegate = backend.reach(backend.attribute), backend.loaded_delegate
        try:
            with quiet_native_code():
                delegates = None if delegate is None else [delegate]
                self._interpreter = made(model_content=graph, num_threads=threads, experimental_delegates=delegates)
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelUnsupported(f"engine {self.engine} refuses the model: {_first_line(error)}") from error
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self._input_tensor = self._interpreter.tensor(self._input["index"])
        self._output_tensor = self._interpreter.tensor(self._output["index"])
        self._shape = tuple(int(side) for side in self._input["shape"])

    @property
    def input_quantization(self) -> Quantization:
        """How the input's integers are to be read."""
        return _quantization(self._input)

    @property
    def output_quantization(self) -> Quantization:
        """How the output's integers are to be read."""
        return _quantization(self._output)

    @property
    def input(self) -> NDArray[Any]:
        """The graph's input in place, ``[h, w, channels]``: to be written, and let go before ``run``."""
        pixels: NDArray[Any] = self._input_tensor()[0]
        return pixels

    @property
    def output(self) -> NDArray[Any]:
        """The graph's output in place, ``[h, w, channels]``: to be read, and let go before ``run``."""
        pixels: NDArray[Any] = self._output_tensor()[0]
        return pixels

    def run(self) -> None:
        """Compute the output from the input."""
        self._interpreter.invoke()

    def compute(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Compute ``[h, w, channels]`` to ``[h - 2 radius, w - 2 radius, channels]``; sizes may differ between calls.

        An axis of one channel may be left out, and then is left out of a result of one channel, too.
        """
        shape = (1, *pixels.shape, 1)[:4]
        if shape != self._shape:
            self._resize(shape)
        self._interpreter.set_tensor(self._input["index"], pixels.reshape(shape))
        self._interpreter.invoke()
        out: NDArray[Any] = self._interpreter.get_tensor(self._output["index"])
        return out[0, :, :, 0] if pixels.ndim == 2 and out.shape[3] == 1 else out[0]

    def _resize(self, shape: tuple[int, ...]) -> None:
        try:
            self._interpreter.resize_tensor_input(self._input["index"], shape)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelUnsupported(f"engine {self.engine} cannot resize to {shape}: {_first_line(error)}") from error
        self._shape = shape


def _quantization(details: Any) -> Quantization:
    scale, zero_point = details["quantization"]
    return Quantization(float(scale), int(zero_point))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
