"""The only place that imports a TFLite interpreter."""

import importlib
import logging
import os
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.graph import Quantization
from edge_srcnn.errors import ModelUnsupported, Unavailable, UsageError
from edge_srcnn.system.native_stderr import quiet_native_code

log = logging.getLogger(__name__)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # should the engine be TensorFlow


@dataclass(frozen=True)
class EngineInfo:
    """Where an interpreter comes from."""

    module: str
    attribute: str
    package: str
    cure: str


ENGINES: dict[str, EngineInfo] = {
    "litert": EngineInfo("ai_edge_litert.interpreter", "Interpreter", "ai-edge-litert", "pip install ai-edge-litert"),
    "tflite": EngineInfo(
        "tflite_runtime.interpreter",
        "Interpreter",
        "tflite-runtime",
        "pip install 'edge-srcnn[tflite]' (CPython 3.11 and numpy 1 only)",
    ),
    "tensorflow": EngineInfo("tensorflow", "lite.Interpreter", "tensorflow", "pip install tensorflow"),
}
"""Interpreters by name, in the order in which ``auto`` tries them."""

BICUBIC = "bicubic"
AUTO = "auto"
EDGETPU = "edgetpu"
ENGINE_NAMES = (AUTO, *ENGINES, EDGETPU, BICUBIC)


def installed_version(engine: str) -> str | None:
    """Version of an engine's package, or None when it is not installed. Imports nothing."""
    try:
        return metadata.version(ENGINES[engine].package)
    except metadata.PackageNotFoundError:
        return None


def choose_engine(name: str) -> str:
    """Resolve ``auto`` to the first installed interpreter, or to ``bicubic``, with a warning, when there is none.

    An Edge TPU (``edgetpu:usb``) needs an interpreter too: the first one installed.

    Raises
    ------
    UsageError
        There is no engine of that name.
    Unavailable
        The engine was asked for by name, and is not installed.
    """
    if name == BICUBIC:
        return name
    if name == AUTO:
        for engine in ENGINES:
            if installed_version(engine):
                return engine
        log.warning("no TFLite interpreter is installed; falling back to bicubic (%s)", ENGINES["litert"].cure)
        return BICUBIC
    if name.partition(":")[0] == EDGETPU:
        found = [engine for engine in ENGINES if installed_version(engine)]
        if not found:
            raise Unavailable(f"engine {name}: needs an interpreter, and none is installed: {ENGINES['litert'].cure}")
        return found[0]
    if name not in ENGINES:
        raise UsageError(f"no engine is called {name!r}; there are {', '.join(ENGINE_NAMES)}")
    if installed_version(name) is None:
        raise Unavailable(f"engine {name}: {ENGINES[name].package} is not installed: {ENGINES[name].cure}")
    return name


def load_interpreter(engine: str) -> Any:
    """Import an engine's interpreter class; a second time costs nothing.

    Raises
    ------
    Unavailable
        It cannot be imported.
    """
    info = ENGINES[engine]
    try:
        if info.module in sys.modules:
            made: Any = sys.modules[info.module]
        else:
            with quiet_native_code():
                made = importlib.import_module(info.module)
        for part in info.attribute.split("."):
            made = getattr(made, part)
    except (ImportError, AttributeError) as error:
        raise Unavailable(f"engine {engine}: {info.package} cannot be imported ({error}): {info.cure}") from error
    return made


class Interpreter:
    """A TFLite graph with one input and one output, in one of the interpreters.

    There are two ways to use it. ``run`` takes and gives planes of any size; the graph's shapes are changed to fit.
    ``input``, ``invoke`` and ``output`` work on the graph's own memory, in the shapes that it came with: write, invoke,
    read. The arrays must not outlive the step: the interpreter refuses to run while one is held.

    Parameters
    ----------
    engine
        One of ``ENGINES``.
    graph
        The flatbuffer. Its integrity must have been checked: the interpreters crash on damaged ones.
    threads
        Number of threads, 1 or more.
    delegate
        An accelerator, loaded by ``load_delegate``.
    """

    def __init__(self, engine: str, graph: bytes, threads: int, delegate: Any = None) -> None:
        self.engine = engine
        made = load_interpreter(engine)
        try:
            with quiet_native_code():
                delegates = None if delegate is None else [delegate]
                self._interpreter = made(model_content=graph, num_threads=threads, experimental_delegates=delegates)
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelUnsupported(f"engine {engine} refuses the model: {_first_line(error)}") from error
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self._input_tensor = self._interpreter.tensor(self._input["index"])
        self._output_tensor = self._interpreter.tensor(self._output["index"])
        self._shape = tuple(int(side) for side in self._input["shape"])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the graph's input: int8 or float32."""
        dtype: np.dtype[Any] = np.dtype(self._input["dtype"])
        return dtype

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the input, as it is now."""
        return self._shape[1], self._shape[2]

    @property
    def input_quantization(self) -> Quantization:
        """How the input's integers are to be read."""
        scale, zero_point = self._input["quantization"]
        return Quantization(float(scale), int(zero_point))

    @property
    def output_quantization(self) -> Quantization:
        """How the output's integers are to be read."""
        scale, zero_point = self._output["quantization"]
        return Quantization(float(scale), int(zero_point))

    @property
    def input(self) -> NDArray[Any]:
        """The graph's input in place, ``[h, w, channels]``: to be written, and let go before ``invoke``."""
        pixels: NDArray[Any] = self._input_tensor()[0]
        return pixels

    @property
    def output(self) -> NDArray[Any]:
        """The graph's output in place, ``[h, w, channels]``: to be read, and let go before ``invoke``."""
        pixels: NDArray[Any] = self._output_tensor()[0]
        return pixels

    def invoke(self) -> None:
        """Compute the output from the input."""
        self._interpreter.invoke()

    def run(self, pixels: NDArray[Any]) -> NDArray[Any]:
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


@dataclass(frozen=True)
class TensorTrace:
    """One tensor after a run: its name, type, and real values (float64, the tensor's own shape)."""

    name: str
    dtype: np.dtype[Any]
    values: NDArray[np.float64]


def trace(engine: str, graph: bytes, pixels: NDArray[Any]) -> list[TensorTrace]:
    """Run a graph on ``[h, w]`` or ``[h, w, channels]`` with plain kernels, and return every tensor, for reports."""
    module = importlib.import_module(ENGINES[engine].module)
    plain_kernels = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with quiet_native_code():
        interpreter = module.Interpreter(
            model_content=graph, experimental_preserve_all_tensors=True, experimental_op_resolver_type=plain_kernels
        )
    index = interpreter.get_input_details()[0]["index"]
    shape = (1, *pixels.shape, 1)[:4]
    interpreter.resize_tensor_input(index, shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, pixels.reshape(shape))
    interpreter.invoke()
    found = []
    for detail in interpreter.get_tensor_details():
        raw = interpreter.get_tensor(detail["index"])
        scales = detail["quantization_parameters"]["scales"]
        zero_points = detail["quantization_parameters"]["zero_points"]
        values = raw.astype(np.float64)
        if len(scales) == 1:
            values = (values - zero_points[0]) * scales[0]
        found.append(TensorTrace(detail["name"], np.dtype(detail["dtype"]), values))
    return found


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
