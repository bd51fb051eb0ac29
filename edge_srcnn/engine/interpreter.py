"""The only place that reaches a TFLite interpreter, and the delegates that it works with."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from operator import attrgetter
from pathlib import Path
from time import sleep
from typing import Any, ClassVar

from numpy.typing import NDArray

from edge_srcnn.engine import edgetpu
from edge_srcnn.engine.backends import Backend, Delegate, backend_named
from edge_srcnn.engine.graph import Graph, Quantization
from edge_srcnn.engine.shared_library import load_library
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import DelegateLost, ModelUnsupported, Unavailable, UsageError
from edge_srcnn.system.native_stderr import quiet_native_code
from edge_srcnn.system.packages import why_not_imported

_HELD, _LET_GO_S = "reference to internal data", (0.001, 0.01, 0.1)
_DELEGATE_SYMBOLS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


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

    @property
    def accelerator(self) -> str | None:
        """Name the delegate's library."""
        return self.delegate.library if self.delegate else None

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
        return self.delegate and load_delegate(self.reach(self.delegate_loader), self.delegate)

    def reach(self, attribute: str) -> Any:
        """Import what the package has under a dotted name; ``Unavailable`` where that fails."""
        try:
            with quiet_native_code():
                return attrgetter(attribute)(importlib.import_module(self.module))
        except Exception as error:  # one that was built for another Python or numpy raises anything
            raise Unavailable(
                f"engine {self.name}: {why_not_imported(self.package, error, self.requirement)}"
            ) from error


def load_delegate(loader: Callable[[str, dict[str, str]], Any], delegate: Delegate) -> Any:
    """Load a delegate by an interpreter's own function, in a process of its own: its code may abort.

    Parameters
    ----------
    loader
        The interpreter's own function.
    delegate
        What to load.

    Returns
    -------
    The delegate as the interpreter takes it.

    Raises
    ------
    Unavailable
        It cannot be loaded; the message says why, as far as that can be known, and what to do.
    """
    with quiet_native_code():
        library = load_library(delegate.library)
        missing = [symbol for symbol in _DELEGATE_SYMBOLS if not hasattr(library, symbol)]
        if missing:
            raise Unavailable(f"{delegate.library}: is no TFLite delegate; it lacks {missing[0]}")
        try:
            return loader(delegate.library, dict(delegate.options))
        except (ValueError, RuntimeError) as error:
            why = f"refuses; its options may be wrong, or its device missing ({' '.join(str(error).split())})"
            if Path(delegate.library).name == edgetpu.EDGETPU_LIBRARY:
                why = edgetpu.why_refused(dict(delegate.options).get("device", ""))
            raise Unavailable(f"{delegate.library}: {why}") from error


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

    Attributes
    ----------
    input_quantization, output_quantization
        How the integers of input and output are to be read.
    """

    def __init__(self, backend: TfliteBackend, graph: bytes, threads: int) -> None:
        self.engine = backend.name
        self._lost = Unavailable if backend.accelerator is None else DelegateLost
        made, delegate = backend.reach(backend.attribute), backend.loaded_delegate
        try:
            with quiet_native_code():
                delegates = None if delegate is None else [delegate]
                self._interpreter = made(model_content=graph, num_threads=threads, experimental_delegates=delegates)
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelUnsupported(f"engine {self.engine} refuses the model: {_first_line(error)}") from error
        source, result = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()[0]
        self.input_quantization, self.output_quantization = _quantization(source), _quantization(result)
        self._input, self._output = source["index"], result["index"]
        self._input_tensor = self._interpreter.tensor(self._input)
        self._output_tensor = self._interpreter.tensor(self._output)
        self._shape = tuple(int(side) for side in source["shape"])

    @property
    def input(self) -> NDArray[Any]:
        """Give the graph's input in place, ``[h, w, channels]``: to be written, and let go before ``run``."""
        pixels: NDArray[Any] = self._input_tensor()[0]
        return pixels

    @property
    def output(self) -> NDArray[Any]:
        """Give the graph's output in place, ``[h, w, channels]``: to be read, and let go before ``run``."""
        pixels: NDArray[Any] = self._output_tensor()[0]
        return pixels

    def run(self) -> None:
        """Compute the output from the input."""
        with self._computing():
            _when_let_go(self._interpreter.invoke)

    def compute(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Compute ``[h, w, channels]`` to ``[h - 2 radius, w - 2 radius, channels]``; sizes may differ between calls.

        Parameters
        ----------
        pixels
            Of the graph's own type. An axis of one channel may be left out.

        Returns
        -------
        A copy; an axis of one channel is left out where it was left out of ``pixels``.
        """
        shape = (1, *pixels.shape, 1)[:4]
        if shape != self._shape:
            try:
                _when_let_go(partial(self._interpreter.resize_tensor_input, self._input, shape))
                _when_let_go(self._interpreter.allocate_tensors)
            except (RuntimeError, ValueError) as error:
                why = f"engine {self.engine} cannot resize to {shape}: {_first_line(error)}"
                raise ModelUnsupported(why) from error
            self._shape = shape
        with self._computing():
            self._interpreter.set_tensor(self._input, pixels.reshape(shape))
            _when_let_go(self._interpreter.invoke)
            out: NDArray[Any] = self._interpreter.get_tensor(self._output)
        return out[0, :, :, 0] if pixels.ndim == 2 and out.shape[3] == 1 else out[0]

    @contextmanager
    def _computing(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, ValueError) as error:
            raise self._lost(f"engine {self.engine} failed: {_first_line(error)}") from error


def _when_let_go(step: Callable[[], object]) -> None:
    """Take a step that is refused while an array of the interpreter's memory is held.

    A profiler that samples threads, such as that of Dask's workers, holds our frames, and what is in them, for moments.
    """
    for wait_s in _LET_GO_S:
        try:
            step()
            return
        except RuntimeError as error:
            if _HELD not in str(error):
                raise
        sleep(wait_s)
    step()


def _quantization(details: Any) -> Quantization:
    scale, zero_point = details["quantization"]
    return Quantization(float(scale), int(zero_point))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
