"""Make a model file of a network that others trained: its graph, its description, its golden output and its card."""

import platform
from dataclasses import dataclass, replace
from importlib import metadata
from math import isqrt
from pathlib import Path

import numpy as np

import edge_srcnn
from edge_srcnn.engine.build import network_of
from edge_srcnn.engine.graph import FLOAT, Convolution, Graph, Network, Quantization
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import ModelMetadataMissing, ModelUnsupported, UsageError
from edge_srcnn.exchange.chain import QuantizedChain
from edge_srcnn.exchange.onnx_reader import read_onnx
from edge_srcnn.exchange.tflite_operators import read_tflite
from edge_srcnn.imaging.bicubic import base_name
from edge_srcnn.models.file import GOLDEN_SHAPE, Model, digest, golden_plane, read_model
from edge_srcnn.models.spec import BICUBIC, BICUBIC_PLANE, LUMA_PLANE, ModelSpec, Training
from edge_srcnn.upscaler import open_model

ENGINE = "litert"
"""Computes the golden output; its int8 bytes are the same on x86-64 and Arm."""

FAMILY = "imported"
UNKNOWN_LICENCE = "unknown: the file does not say it; ask who published it"
WHITES = (1, 255)
GREY, TOLERATED_LEVELS = 128, 16
"""A grey picture stays as grey, or the network wants other numbers than it gets."""

OTHER_FILES = {
    ".pb": "a TensorFlow graph; tf2onnx makes ONNX of it",
    ".pt": "a PyTorch file; torch.onnx.export makes ONNX of the network",
    ".pth": "a PyTorch file; torch.onnx.export makes ONNX of the network",
    ".h5": "a Keras file; three layers of SRCNN: edge-srcnn export --weights FILE.h5, others: tf.lite.TFLiteConverter",
    ".keras": "a Keras file; tf.lite.TFLiteConverter makes TFLite of the network",
    ".param": "an ncnn file; give the ONNX that it was made of",
}
"""What is said of files of other kinds, by the ends of their names."""

_CELLS = 32
_INPUT = Quantization(1 / 255, -128)
_SCALE_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Foreign:
    """Hold a network that others trained, and the factor by which it upscales."""

    network: Network
    scale: int


@np.errstate(all="ignore")  # what is no finite number is refused at the end
def read_network(path: Path, scale: int | None = None, white: int = 1) -> Foreign:
    """Read a network from an ONNX or TFLite file.

    Parameters
    ----------
    path
        ``.onnx``, or any other name for TFLite.
    scale
        Factor of upscaling, for a network that keeps the size of its input: 1 cleans, 2 and more read the bicubic
        picture. None: the network tells.
    white
        What stands for white in its input: one of ``WHITES``.

    Returns
    -------
    A chain of convolutions, in float32 or int8.

    Raises
    ------
    UsageError
        ``scale`` is missing, or another than that of the network.
    Unavailable, NoInput, BadData
        The package ``onnx`` or the file is missing, or the file is damaged.
    ModelUnsupported
        The network is of another form; the message says what, where, and what is known.
    """
    if (other := OTHER_FILES.get(path.suffix.lower())) is not None and path.is_file():
        raise ModelUnsupported(f"{path}: is {other}; .onnx and .tflite are read")
    is_onnx = path.suffix.lower() == ".onnx"
    if not is_onnx and _is_ours(path):
        raise UsageError(f"{path}: is a model of ours already; give it to --model")
    read = read_onnx(path, white) if is_onnx else read_tflite(path, white)
    try:
        if isinstance(read, QuantizedChain):
            layers, source = _int8(read, white)
            unshuffle, residual, shuffle = 1, read.residual, read.shuffle
        else:
            chain, value = read
            layers, residual = chain.finish(value)
            unshuffle, source, shuffle = chain.unshuffle, FLOAT, value.shuffle
        outputs = len(layers[-1].bias)
        shuffle = isqrt(outputs) if shuffle == 1 else shuffle
        if outputs != shuffle**2:
            raise ModelUnsupported(f"its result has {outputs} channels; one plane of luma is known")
        if shuffle % unshuffle:
            raise ModelUnsupported(f"it reads blocks of {unshuffle} pixels and gives blocks of {shuffle}")
        plane, factor = _grid(path, shuffle // unshuffle, scale)
        side = _CELLS + 2 * sum(layer.kernel[0] // 2 for layer in layers)
        graph = read_graph(write_graph(Graph((side, side, unshuffle**2), source, layers)))  # as every other file
    except ModelUnsupported as error:
        raise ModelUnsupported(f"{path}: {error}") from error
    return Foreign(Network(graph, plane, unshuffle, shuffle, residual), factor)


def read_model_again(path: Path) -> Foreign:
    """Read the network of a model of ours; what ``read_model`` raises comes through."""
    model = read_model(path)
    return Foreign(network_of(model), model.spec.scale)


def import_model(path: Path, name: str, scale: int | None = None, white: int = 1) -> Model:
    """Make a model of a network that others trained.

    Parameters
    ----------
    path
        ``.onnx`` or ``.tflite``.
    name
        What the model is called.
    scale
        As for ``read_network``.
    white
        As for ``read_network``.

    Returns
    -------
    The model, with its golden output; what ``read_network`` raises comes through.
    """
    foreign = read_network(path, scale, white)
    network, plane = foreign.network, golden_plane()
    graph = write_graph(network.graph)
    spec = ModelSpec(
        name=name,
        family=FAMILY,
        architecture=f"{len(network.graph.layers)} convolutions",
        layers=tuple((layer.kernel[0], len(layer.bias)) for layer in network.graph.layers),
        plane=network.plane,
        unshuffle=network.unshuffle,
        shuffle=network.shuffle,
        scale=foreign.scale,
        residual=network.residual,
        halo_px=network.context_px[0],
        quantization=str(network.graph.dtype),
        degradation=BICUBIC,
        graph_sha256=digest(graph),
        golden_input_sha256=digest(plane),
        golden_output_sha256="",
        training=Training((), UNKNOWN_LICENCE, 0, 0, None, 0, weights=path.name),
        quality=(),
        versions={"python": platform.python_version()} | _versions(path),
        created_by=f"edge-srcnn {edge_srcnn.__version__}",
    )
    with open_model(Model(spec, graph, np.zeros(GOLDEN_SHAPE, np.uint8)), EngineOptions(ENGINE)) as upscaler:
        golden = upscaler.run_network(plane)
    return Model(replace(spec, golden_output_sha256=digest(golden)), graph, golden)


def grey_level(model: Model) -> int:
    """Compute what a model makes of a grey picture of level ``GREY``: about the same, of any network that is right."""
    with open_model(model, EngineOptions(ENGINE)) as upscaler:
        return int(np.median(upscaler.upscale(np.full(GOLDEN_SHAPE, GREY, np.uint8))))


def describe(spec: ModelSpec) -> str:
    """Say what an imported network is, for its card."""
    kernels = ", ".join(f"{side}x{side}x{outputs}" for side, outputs in spec.layers)
    reads = "luma as the camera gives it" if spec.plane == LUMA_PLANE else "a bicubically upscaled picture's luma"
    blocks = f", in blocks of {spec.unshuffle}x{spec.unshuffle} pixels" if spec.unshuffle > 1 else ""
    base = base_name(spec.scale)
    gives = f"the residual over the {base} picture" if spec.residual else "the picture itself"
    at_a_time = f", {spec.shuffle}x{spec.shuffle} pixels at a time" if spec.shuffle > 1 else ""
    return (
        f"A network that others trained (`{spec.training.weights}`), for x{spec.scale}: convolutions {kernels},\n"
        f"on {reads}{blocks}: {spec.macs_per_pixel:,} multiplications for each pixel of the result.\n"
        f"Puts out {gives}{at_a_time}. Numbers: {spec.quantization}."
    )


def imported_card(spec: ModelSpec) -> str:
    """Write an imported model's card in Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in spec.versions.items())
    return f"""# {spec.name}

{describe(spec)}

- Weights: as published, in `{spec.training.weights}`.
- Licence: {spec.training.licence}.
- Made by {spec.created_by}; {versions}.
- SHA-256 of the graph: `{spec.graph_sha256}`.

Its quality was not measured: `edge-srcnn evaluate --data PICTURES/ --scale {spec.scale} --model {spec.name}.tflite`.
At the border of a picture, for {spec.halo_px} pixels, it sees mirrored pixels where it was trained with zeros.
"""


def _is_ours(path: Path) -> bool:
    try:
        read_model(path)
    except ModelMetadataMissing:
        return False
    return True


def _grid(path: Path, upsampling: int, scale: int | None) -> tuple[str, int]:
    """Tell which plane a network reads, and the factor of upscaling."""
    if upsampling > 1:
        if scale not in (None, upsampling):
            raise UsageError(f"--scale {scale}: {path} upscales by {upsampling}; leave --scale out")
        return LUMA_PLANE, upsampling
    if scale is None:
        raise UsageError(
            f"{path}: keeps the size of its input; give --scale 2 (or 3, 4) if it reads the bicubic picture, --scale 1"
            " if it cleans"
        )
    return LUMA_PLANE if scale == 1 else BICUBIC_PLANE, scale


def _int8(read: QuantizedChain, white: int) -> tuple[tuple[Convolution, ...], Quantization]:
    """Give the layers of an int8 network whose input is luma, with white as 1."""
    source = read.source
    if abs(source.scale * 255 / white - 1) > _SCALE_TOLERANCE or source.zero_point != _INPUT.zero_point:
        raise ModelUnsupported(
            f"its input has scale {source.scale:.6g} and zero point {source.zero_point}; the camera's greys want"
            f" {white}/255 and -128: calibrate it with pictures from black to white, or give the float network"
        )
    first, *others = read.layers
    layers = [replace(first, weight_scales=first.weight_scales * np.float32(white)), *others]
    last = layers[-1].output
    layers[-1] = replace(layers[-1], output=Quantization(last.scale / white, last.zero_point))
    if len(layers) > 1:  # else the last one's weights count in the scale of the output, too
        layers[-1] = replace(layers[-1], weight_scales=layers[-1].weight_scales / np.float32(white))
    else:
        layers[-1] = replace(layers[-1], weight_scales=first.weight_scales)
    return tuple(layers), _INPUT


def _versions(path: Path) -> dict[str, str]:
    names = ("ai-edge-litert", "numpy", *(("onnx",) if path.suffix.lower() == ".onnx" else ()))
    installed = {each.name for each in metadata.distributions()}
    return {name: metadata.version(name) for name in names if name in installed}
