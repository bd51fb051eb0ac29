"""Pack a network into its form for the Edge TPU: one tile, nothing but convolutions; and name its files."""

from dataclasses import dataclass, replace
from pathlib import Path

from edge_srcnn.engine.build import network_of
from edge_srcnn.engine.packing import halo, pack
from edge_srcnn.engine.plan import Blocks
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import ModelUnsupported, UsageError
from edge_srcnn.models.edgetpu import TpuForm
from edge_srcnn.models.file import Model
from export.edgetpu.network import read_network

BLOCK = (2, 2)
"""Four channels at the output, to which the TPU pads them anyway."""

TILE = (128, 128)
"""Its activations fill six tenths of the on-chip memory."""

MAX_SIDE = 4096
_READY, _COMPILED = "-tpu", "_edgetpu"  # the second as the compiler has it


def tpu_form(model: Model, tile: tuple[int, int] = TILE) -> TpuForm:
    """Pack a model for tiles; it puts out the very bytes of its plain graph.

    Parameters
    ----------
    model
        An int8 model.
    tile
        Height and width in pixels of the plane.

    Returns
    -------
    The packed graph, its block and its halo.

    Raises
    ------
    UsageError
        The tile does not fit the blocks.
    ModelUnsupported
        It is no int8 network.
    """
    network, blocks = network_of(model), Blocks(BLOCK, BLOCK)
    graph, side = network.graph, network.unshuffle
    block = side * BLOCK[0], side * BLOCK[1]
    if any(pixels % grain or not grain <= pixels <= MAX_SIDE for pixels, grain in zip(tile, block, strict=True)):
        raise UsageError(f"tile {tile[0]}x{tile[1]}: sides must be multiples of {block[0]}, up to {MAX_SIDE}")
    if graph.dtype != "int8":
        raise ModelUnsupported(
            f"{model.spec.name} is {graph.dtype}; an Edge TPU computes int8: edge-srcnn export --int8"
        )
    around = halo(graph, blocks, views=False)
    cells = tile[0] // side, tile[1] // side
    packed = write_graph(pack(graph, blocks, cells, views=False, unshuffle=side, shuffle=network.shuffle))
    above, below, left, right = (side * pixels for pixels in around)
    return TpuForm(packed, block, tile, (above, below, left, right), upsampling=network.upsampling)


def compiled_form(form: TpuForm, compiled: bytes, compiler: str) -> TpuForm:
    """Put what the compiler made of a form's graph into the form.

    Parameters
    ----------
    form
        What was to be compiled.
    compiled
        The compiler's flatbuffer.
    compiler
        The compiler's version.

    Returns
    -------
    The form with the compiled graph.

    Raises
    ------
    ModelError
        ``compiled`` is damaged, or was made from something else.
    """
    network = read_network(compiled)
    ends = [[(tensor.shape, tensor.dtype) for tensor in tensors] for tensors in (network.inputs, network.outputs)]
    if ends != [[((1, *shape), "int8")] for shape in (form.input_shape, form.output_shape)]:
        raise ModelUnsupported("its input and output are not those of the model that was to be compiled")
    return replace(form, graph=compiled, compiler=compiler)


@dataclass(frozen=True)
class TpuFiles:
    """Name the files of a model for an Edge TPU in a folder."""

    folder: Path
    name: str

    @property
    def ready(self) -> Path:
        """Name the model that is ready to be compiled."""
        return self.folder / f"{self.name}{_READY}.tflite"

    @property
    def compiled(self) -> Path:
        """Name the model that was compiled."""
        return self.folder / f"{self.name}{_COMPILED}.tflite"

    @property
    def log(self) -> Path:
        """Name the compiler's log."""
        return self.folder / f"{self.name}{_COMPILED}.log"


def name_of(path: Path) -> str:
    """Name a model by its file, which may be one of ``TpuFiles``."""
    return path.stem.removesuffix(_COMPILED).removesuffix(_READY)
