"""Models of scale 1, made of networks that tests know; and the names of those that are bundled."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_srcnn.engine.graph import Convolution, Graph, Quantization
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.models.bundled import BUNDLED, bundled_models
from edge_srcnn.models.file import Model, digest, golden_plane, read_model, seal_model
from edge_srcnn.models.spec import LUMA_PLANE, Quality
from edge_srcnn.upscaler import open_model
from tests.edge_srcnn.engine.stacks import int8_stack
from tests.edge_srcnn.networks import Networks

BUNDLED_CLEANING = [name for name in bundled_models() if "-x1" in name]

LEVELS = Quantization(float(np.float32(1 / 255)), 0)
"""An int8 residual counts whole grey levels."""

QUALITY = (Quality("set5 camera", 30.0, 0.80, 32.5, 0.9, 32.25, 0.89),)  # a gain of 2.25 dB


def adding(levels: int) -> Graph:
    """A network that adds so many grey levels everywhere."""
    return Networks.constant(levels, LEVELS)


def fast_like(seed: int = 0, unshuffle: int = 1) -> Graph:
    """A random network of three layers, as ``fast`` ones are: every pixel within its reach counts."""
    channels = (unshuffle**2, 4, 4, unshuffle**2)
    return int8_stack(seed, ((5, 5), (3, 3), (3, 3)), channels, (True, True, False))


def cleaning_model(
    graph: Graph, name: str = "fast-c4d2-x1-camera", *, plane: str = LUMA_PLANE, unshuffle: int = 1
) -> Model:
    """A model of scale 1 that puts out a residual."""
    layers = tuple((_convolution(each).kernel[0], len(_convolution(each).bias)) for each in graph.layers)
    data = write_graph(graph)
    like = read_model(BUNDLED / "fast-s-x2-camera.tflite").spec
    spec = replace(
        like,
        name=name,
        architecture="fast-c4d2",
        layers=layers,
        plane=plane,
        unshuffle=unshuffle,
        shuffle=unshuffle,
        scale=1,
        residual=True,
        halo_px=unshuffle * sum(side // 2 for side, _ in layers),
        graph_sha256=digest(data),
        quality=QUALITY,
    )
    unproven = Model(spec, data, np.zeros((1, 1), np.uint8))
    with open_model(unproven) as upscaler:
        golden = upscaler.run_network(golden_plane())
    return Model(replace(spec, golden_output_sha256=digest(golden)), data, golden)


def write_model(path: Path, model: Model) -> Path:
    """Write a model's file."""
    path.write_bytes(seal_model(model.spec, model.graph, model.golden, model.tpu))
    return path


def make_cleaning_bundle(folder: Path) -> Path:
    """``fast-s-x1-camera`` and ``fast-m-x1-camera``, random networks, of which the second does more."""
    folder.mkdir()
    for size, channels in (("s", (1, 4, 4, 1)), ("m", (1, 8, 8, 1))):
        graph = int8_stack(1, ((5, 5), (3, 3), (3, 3)), channels, (True, True, False))
        name = f"fast-{size}-x1-camera"
        write_model(folder / f"{name}.tflite", cleaning_model(graph, name))
    return folder


def _convolution(layer: object) -> Convolution:
    assert isinstance(layer, Convolution)
    return layer
