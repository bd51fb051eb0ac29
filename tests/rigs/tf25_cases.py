"""Writes the files for the Edge TPU, an input for each, and what today's LiteRT makes of it, into a folder."""

import sys
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge_srcnn.engine.build import network_of, self_test_tolerance
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.imaging.tiles import to_blocks
from edge_srcnn.models.bundled import bundled_models, find_model
from edge_srcnn.models.file import read_model, seal_model
from export.edgetpu.form import tpu_form

TILES = ((128, 128), (32, 96))
KERNELS = {"reference": OpResolverType.BUILTIN_REF, "fast": OpResolverType.AUTO}


def compute(data, pixels, kernels):
    """One run, ``[1, h, w, channels]`` to the same."""
    network = Interpreter(model_content=data, experimental_op_resolver_type=kernels)
    if tuple(network.get_input_details()[0]["shape"]) != pixels.shape:
        network.resize_tensor_input(network.get_input_details()[0]["index"], pixels.shape)
    network.allocate_tensors()
    network.set_tensor(network.get_input_details()[0]["index"], pixels)
    network.invoke()
    return network.get_tensor(network.get_output_details()[0]["index"])


def write_cases(folder):
    """A case for each bundled model and tile: noise, in which every pixel differs from its neighbours."""
    for name, path in bundled_models().items():
        model = read_model(path)
        plain = write_graph(read_graph(model.graph))
        for tile in TILES:
            form = tpu_form(model, tile)
            case = folder / f"{name}-{tile[0]}x{tile[1]}"
            above, below, left, right = form.halo
            size = tile[0] + above + below, tile[1] + left + right
            plane = np.random.default_rng(0).integers(-128, 128, size).astype(np.int8)
            blocks = np.empty((1, *form.input_shape), np.int8)
            to_blocks(plane, blocks[0], form.block)
            case.with_suffix(".tflite").write_bytes(seal_model(model.spec, model.graph, model.golden, form))
            case.with_suffix(".plain").write_bytes(plain)
            results = {kind: compute(form.graph, blocks, kernels) for kind, kernels in KERNELS.items()}
            side, (down, across) = model.spec.unshuffle, network_of(model).context_px
            needed = plane[above - down : above + tile[0] + down, left - across : left + tile[1] + across]
            cells = np.empty((1, needed.shape[0] // side, needed.shape[1] // side, side**2), np.int8)
            to_blocks(np.ascontiguousarray(needed), cells[0], (side, side))
            facts = {"shuffle": model.spec.shuffle, "levels": self_test_tolerance(model.spec)}
            np.savez(case.with_suffix(".npz"), blocks=blocks, plane=cells, **facts, **results)


def write_version_6(folder):
    """The same graph with an operator version that is too new."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(tpu_form(read_model(find_model(None, 2))).graph, 0))
    model.operatorCodes[0].version = 6
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    (folder / "version6.tflite").write_bytes(builder.Output())


write_cases(Path(sys.argv[1]))
write_version_6(Path(sys.argv[1]))
