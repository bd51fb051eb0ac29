"""Coral Edge TPUs: an interpreter, libedgetpu as its delegate, and the model's compiled form."""

from functools import cached_property

from edge_srcnn.engine.backends import Backend, Program, backend_named, installed_interpreter
from edge_srcnn.engine.delegate import Delegate
from edge_srcnn.engine.edgetpu.several import EDGETPU_LIBRARY, edgetpu_device, edgetpu_engines
from edge_srcnn.engine.graph import Graph
from edge_srcnn.errors import ModelUnsupported, Unavailable
from edge_srcnn.models.edgetpu import TpuForm
from edge_srcnn.models.file import Model


class EdgeTpu(Backend):
    """``edgetpu``, a device of it (``edgetpu:usb``), or several that share each picture (``edgetpu:0,1``)."""

    package, cure = "an interpreter", "pip install ai-edge-litert"
    names_devices = True
    crash_hint = "libedgetpu and the interpreter may be of different generations"

    def __init__(self, name: str, delegate: Delegate | None = None) -> None:
        self.name, self._parts = name, tuple(edgetpu_engines(name))

    @property
    def accelerator(self) -> str:
        """Name libedgetpu."""
        return EDGETPU_LIBRARY

    def version(self) -> str | None:
        """Give the version of the interpreter; asking libedgetpu would load native code."""
        interpreter = installed_interpreter()
        return interpreter and f"{interpreter} {backend_named(interpreter).version()}"

    def prepare(self) -> None:
        """Load libedgetpu, which opens the device."""
        self._interpreter.prepare()

    def form_of(self, model: Model) -> TpuForm:
        """Give the compiled form; ``ModelUnsupported`` where the model is not compiled."""
        if model.tpu is None or model.tpu.compiler is None:
            raise ModelUnsupported(
                f"{model.spec.name}: not compiled for an Edge TPU; 'edge-srcnn compile MODEL.tflite' does that, on"
                " x86-64"
            )
        return model.tpu

    def parts(self) -> tuple[str, ...]:
        """Name an engine for each device."""
        return self._parts

    def compile(self, graph: Graph | bytes, threads: int) -> Program:
        """Make the interpreter of a compiled form."""
        return self._interpreter.compile(graph, threads)

    @cached_property
    def _interpreter(self) -> Backend:
        interpreter, device = installed_interpreter(), edgetpu_device(self.name)
        if interpreter is None:
            raise Unavailable(f"engine {self.name}: needs an interpreter, and none is installed: {self.cure}")
        return backend_named(interpreter, Delegate(EDGETPU_LIBRARY, (("device", device),) if device else ()))
