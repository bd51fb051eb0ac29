"""Coral Edge TPUs: an interpreter, libedgetpu as its delegate, and the model's compiled form."""

import re
from functools import cached_property

from edge_srcnn.engine.backends import Backend, Delegate, Program, backend_named, installed_interpreter
from edge_srcnn.engine.edgetpu import EDGETPU_LIBRARY
from edge_srcnn.engine.graph import Graph
from edge_srcnn.errors import ModelUnsupported, Unavailable, UsageError
from edge_srcnn.models.edgetpu import TpuForm
from edge_srcnn.models.file import Model

_DEVICE = re.compile(r"(usb|pci)?(?::?([0-9]{1,2}))?")


class EdgeTpu(Backend):
    """``edgetpu``, a device of it (``edgetpu:usb``), or several that share each picture (``edgetpu:0,1``).

    Parameters
    ----------
    name
        Engine and device.
    delegate
        Not used: libedgetpu is the delegate.
    """

    package, requirement = "an interpreter", "ai-edge-litert"
    names_devices = True
    crash_hint = "libedgetpu and the interpreter may be of different generations"

    def __init__(self, name: str, delegate: Delegate | None = None) -> None:
        super().__init__(name)
        engine, _, listed = name.partition(":")
        devices = listed.split(",")
        if len(devices) > 1 and ("" in devices or len(set(devices)) < len(devices)):
            raise UsageError(f"engine {name!r}: give different devices, such as edgetpu:0,1")
        self._parts = tuple(f"{engine}:{device}" if device else engine for device in devices)
        self._device, *_ = map(_device_of, self._parts)

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
        interpreter = installed_interpreter()
        if interpreter is None:
            raise Unavailable(f"engine {self.name}: needs an interpreter, and none is installed: {self.cure}")
        options = (("device", self._device),) if self._device else ()
        return backend_named(interpreter, Delegate(EDGETPU_LIBRARY, options))


def _device_of(engine: str) -> str:
    """Translate ``edgetpu``, ``edgetpu:usb``, ``edgetpu:pci``, ``edgetpu:0`` or ``edgetpu:usb:1`` for libedgetpu."""
    match = _DEVICE.fullmatch(engine.partition(":")[2])
    if match is None:
        raise UsageError(
            f"engine {engine!r}: give edgetpu, edgetpu:usb, edgetpu:pci, edgetpu:0, edgetpu:usb:1 or edgetpu:0,1"
        )
    kind, number = match[1] or "", match[2]
    return kind if number is None else f"{kind}:{int(number)}"
