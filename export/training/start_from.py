"""Begin a training with weights that are there already: those of a checkpoint, or of a model file."""

import logging
import os
import warnings
from itertools import product
from pathlib import Path

import keras
import numpy as np

from edge_srcnn.engine.graph import Convolution, Graph
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.errors import BadData, NoInput
from edge_srcnn.models.bundled import SCALES
from edge_srcnn.models.file import read_model
from edge_srcnn.models.spec import LUMA_PLANE
from export.architectures import Architecture, Layer, find_architecture
from export.training.checkpoints import UNREADABLE, brief
from export.training.network import build_model, convolutions_of, layers_of, set_layers

MODEL_SUFFIX = ".tflite"

log = logging.getLogger(__name__)


def begin_with(model: keras.Model, architecture: Architecture, path: Path, expand: int = 0) -> None:
    """Put weights of another training into ``model``; of the same network for another scale, all but the last layer.

    Parameters
    ----------
    model
        What ``build_model`` made of ``architecture`` and ``expand``.
    architecture
        The network that is to be trained.
    path
        Weights of a checkpoint, ``.weights.h5``, or a model file of this project, ``.tflite``, float32 or int8.
    expand
        Channels between the two kernels of each convolution of ``model``; 0 for plain convolutions.

    Raises
    ------
    NoInput, BadData
        ``path`` is missing; it holds no weights of such a network.
    """
    if not os.path.isfile(path):
        raise NoInput(f"{path}: no such file")
    begin = _begin_with_model if path.suffix == MODEL_SUFFIX else _begin_with_checkpoint
    scale = begin(model, architecture, path, expand)
    if scale != architecture.scale:
        log.info("%s is a network for x%d: all layers but the last are taken from it", path, scale)


def layers_of_graph(graph: Graph) -> tuple[Layer, ...]:
    """Take the weights out of a graph, for luma in 0..1; integers are multiplied by their scales."""
    scales = (graph.input.scale, *(layer.output.scale for layer in graph.layers))
    return tuple(_layer(convolution, scale) for convolution, scale in zip(graph.layers, scales, strict=False))


def _layer(convolution: Convolution, input_scale: float) -> Layer:
    kernel, bias = (np.asarray(values, np.float64) for values in (convolution.weights, convolution.bias))
    if convolution.weight_scales.size:
        steps = convolution.weight_scales.astype(np.float64)
        kernel, bias = kernel * steps[:, None, None, None], bias * steps * input_scale
    return Layer(kernel.transpose(1, 2, 3, 0).astype(np.float32), bias.astype(np.float32))


def _begin_with_model(model: keras.Model, architecture: Architecture, path: Path, expand: int) -> int:
    """Put the weights of a model file into ``model``; give the scale that it is for."""
    found = read_model(path)
    spec = found.spec
    scales = SCALES if architecture.plane == LUMA_PLANE else (architecture.scale,)
    same = (spec.architecture, spec.residual) == (architecture.spelling, architecture.residual)
    if not same or spec.scale not in scales:
        raise BadData(
            f"{path}: {spec.name} is a {spec.architecture} for x{spec.scale}; give a model of {architecture.name}"
            f" ({architecture.spelling}, x{architecture.scale})"
        )
    layers = layers_of_graph(read_graph(found.graph))
    set_layers(model, layers if spec.scale == architecture.scale else (*layers[:-1], layers_of(model)[-1]))
    return spec.scale


def _begin_with_checkpoint(model: keras.Model, architecture: Architecture, path: Path, expand: int) -> int:
    """Put the weights of a checkpoint into ``model``; give the scale that it is for."""
    try:
        _load(model, path)
        return architecture.scale
    except UNREADABLE as error:
        failure = error
    scales = SCALES if architecture.plane == LUMA_PLANE else ()
    for scale, wide in product(scales, dict.fromkeys((expand, 0))):
        other = build_model(find_architecture(architecture.spelling, scale), expand=wide)
        try:
            _load(other, path)
        except UNREADABLE:
            continue
        same = None if scale == architecture.scale else -1
        for mine, its in zip(convolutions_of(model)[:same], convolutions_of(other), strict=False):
            if wide == expand:
                mine.set_weights(its.get_weights())
            else:
                mine.assign_kernel(its.kernel)
                mine.bias.assign(its.bias)
        return scale
    raise BadData(f"{path}: no weights of a {model.name} that was trained here ({brief(failure)})") from failure


def _load(model: keras.Model, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras first warns of each layer, then raises
        model.load_weights(path)
