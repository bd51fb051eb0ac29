"""Tell what the Edge TPU's compiler will say of a model, without the compiler."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.models.edgetpu import TpuForm
from export.edgetpu.memory import CACHE_BYTES, activation_bytes, parameter_bytes, usb_bytes
from export.edgetpu.network import Network, Operator, Tensor, damage_is_told, read_network
from export.edgetpu.op_placement import CPU, NOWHERE, TPU, OpPlacement, placements
from export.edgetpu.rules import TILE_BYTES, doubt

FULL, PARTIAL, IMPOSSIBLE = "full", "partial", "impossible"
FRAME_PX = (960, 1280)
"""Height and width of the result whose traffic is told: a camera's 640x480, upscaled twice."""


@dataclass(frozen=True)
class Preflight:
    """Tell what will become of a model.

    Attributes
    ----------
    verdict
        ``full``: all of it on the TPU. ``partial``: some on the CPU. ``impossible``: the compiler refuses it.
    obstacles
        Why it is impossible.
    warnings
        What may go wrong none the less.
    activation_bytes
        In each on-chip tile, which has room for about ``activation_limit_bytes``; an estimate.
    parameter_bytes
        Weights and biases.
    usb_bytes_per_run
        What crosses the USB cable each time that the model runs.
    runs_per_frame
        How often it runs for a frame of ``FRAME_PX``; 1 where it is not known to be a tile.
    """

    verdict: str
    operations: tuple[OpPlacement, ...]
    obstacles: tuple[str, ...]
    warnings: tuple[str, ...]
    activation_bytes: int
    parameter_bytes: int
    usb_bytes_per_run: int
    runs_per_frame: int
    activation_limit_bytes: int = TILE_BYTES

    @property
    def summary(self) -> str:
        """Say in one line what is wrong, and what to change."""
        if self.verdict == FULL:
            return "every operation runs on the Edge TPU"
        rows = [row for row in self.operations if row.runs_on == CPU]
        on_cpu = [f"{row.operation} runs on the CPU ({row.why}{row.cure and ': '}{row.cure})" for row in rows]
        return "; ".join(self.obstacles or on_cpu)

    @property
    def usb_bytes_per_frame(self) -> int:
        """Count the bytes that cross the USB cable for a frame of ``FRAME_PX``."""
        return self.usb_bytes_per_run * self.runs_per_frame

    def require(self, *, allow_partial: bool) -> None:
        """Refuse a model that cannot be compiled, or only in part where that is not allowed: ``ModelUnsupported``."""
        if self.verdict == IMPOSSIBLE:
            raise ModelUnsupported(f"the compiler would refuse it: {self.summary}")
        if self.verdict == PARTIAL and not allow_partial:
            raise ModelUnsupported(f"{self.summary}; --allow-partial accepts that")

    def document(self) -> dict[str, Any]:
        """Collect all of it for JSON."""
        return {**asdict(self), "usb_bytes_per_frame": self.usb_bytes_per_frame, "summary": self.summary}


def preflight(data: bytes, form: TpuForm | None = None) -> Preflight:
    """Check whether a model compiles.

    Parameters
    ----------
    data
        A ``.tflite``, of this project or of any other.
    form
        How it is packed, where that is known: then a frame is so many tiles.

    Returns
    -------
    Verdict, placement of each kind of operator, and costs.

    Raises
    ------
    ModelError
        It is no TFLite flatbuffer, or a damaged one.
    """
    network = read_network(data)
    with damage_is_told():
        return _check(network, form)


def _check(network: Network, form: TpuForm | None) -> Preflight:
    each = list(placements(network))
    mapped = [operator for operator, placement in zip(network.operators, each, strict=True) if placement.runs_on == TPU]
    operations = tuple(replace(placement, count=count) for placement, count in Counter(each).items())
    obstacles = tuple(dict.fromkeys(_obstacles(network, operations)))
    on_cpu = any(placement.runs_on == CPU for placement in operations)
    activations = activation_bytes(mapped)
    runs = 1
    if form is not None:
        down, across = (-(-side // (tile * form.upsampling)) for side, tile in zip(FRAME_PX, form.tile, strict=True))
        runs = down * across
    return Preflight(
        verdict=IMPOSSIBLE if obstacles else PARTIAL if on_cpu else FULL,
        operations=operations,
        obstacles=obstacles,
        warnings=tuple(dict.fromkeys(_warnings(network, mapped, activations))),
        activation_bytes=activations,
        parameter_bytes=parameter_bytes(mapped),
        usb_bytes_per_run=usb_bytes(network, mapped),
        runs_per_frame=runs,
    )


def _obstacles(network: Network, operations: tuple[OpPlacement, ...]) -> Iterator[str]:
    """Tell what makes the compiler give up, and what to change."""
    for placement in operations:
        if placement.runs_on == NOWHERE:
            yield f"{placement.operation} version {placement.version}: {placement.why}; {placement.cure}"
    if network.subgraphs != 1:
        yield f"the model has {network.subgraphs} subgraphs, the compiler takes 1: convert without loops and branches"
    for tensor in _tensors(network):
        if tensor.unknown and not _only_batch(tensor):
            shape = [None if axis in tensor.unknown else side for axis, side in enumerate(tensor.shape)]
            name, text = tensor.name or tensor.number, str(shape).replace("None", "?")
            yield f"tensor {name} has shape {text}, not a fixed one: give keras.Input a shape and batch_size=1"
            break
    if all(placement.runs_on == CPU for placement in operations):
        if any(tensor.dtype == "float32" for tensor in _tensors(network)):
            yield "the model is not quantized: convert it to full int8, with a representative dataset"
        else:
            yield "no operation can run on the Edge TPU"


def _warnings(network: Network, mapped: list[Operator], activations: int) -> Iterator[str]:
    """Tell what may go wrong none the less, and what to change."""
    for operator in mapped:
        if text := doubt(operator):
            yield f"{operator.name}: {text}"
    if any(_only_batch(tensor) for tensor in _tensors(network)):
        yield "the batch is not fixed, and compiles as 1: give keras.Input batch_size=1"
    if activations > TILE_BYTES:
        yield (
            f"activations take about {activations >> 10} KiB of the {TILE_BYTES >> 10} in each on-chip tile:"
            " the compiler may refuse them, or time out; give the model smaller tiles of the picture"
        )
    if parameter_bytes(mapped) > CACHE_BYTES:
        yield f"parameters exceed the {CACHE_BYTES >> 20} MiB on the chip: the rest comes over USB with every run"


def _tensors(network: Network) -> Iterator[Tensor]:
    yield from network.inputs
    for operator in network.operators:
        yield from operator.operands


def _only_batch(tensor: Tensor) -> bool:
    """Tell whether just the first of several dimensions is open, and allocated as 1."""
    return tensor.unknown == (0,) and len(tensor.shape) > 1 and tensor.shape[0] == 1
