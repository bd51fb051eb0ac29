"""The form for the TPU: three convolutions, the same bytes, and a model file like any other."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edge_srcnn
from edge_srcnn.engine.build import network_of
from edge_srcnn.engine.graph import FLOAT, Graph
from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import ModelError, ModelUnsupported, UsageError
from edge_srcnn.imaging.tiles import from_blocks, to_blocks
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import Model, parse_model, read_model, seal_model
from edge_srcnn.upscaler import open_model
from export.edgetpu.form import compiled_form, tpu_form
from export.edgetpu.network import read_network
from tests.edge_srcnn.cleaning import cleaning_model, fast_like
from tests.export.edgetpu.flatbuffers import compiled

pytestmark = pytest.mark.slow

SOME = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


def packed_file(model: Model) -> bytes:
    return seal_model(model.spec, model.graph, model.golden, tpu_form(model, (32, 48)))


def test_it_is_three_convolutions_and_nothing_else(ours: Model) -> None:
    form = tpu_form(ours)
    assert (form.block, form.tile, form.halo, form.compiler) == ((2, 2), (128, 128), (6, 6, 6, 6), None)
    network = read_network(form.graph)
    assert [(step.name, step.version, step.inputs[1].shape) for step in network.operators] == [
        ("CONV_2D", 3, (256, 5, 5, 4)),  # 5x5x4 -> 256
        ("CONV_2D", 3, (128, 1, 1, 256)),
        ("CONV_2D", 3, (4, 3, 3, 128)),
    ]
    assert [tensor.shape for tensor in network.inputs] == [(1, *form.input_shape)] == [(1, 70, 70, 4)]
    assert [tensor.shape for tensor in network.outputs] == [(1, *form.output_shape)] == [(1, 64, 64, 4)]


CLEANING = {f"x1, blocks of {side}": cleaning_model(fast_like(0, side), unshuffle=side) for side in (1, 2)}


@pytest.mark.parametrize("name", [*bundled_models(), *CLEANING])
@SOME
@given(tile=st.tuples(st.integers(1, 24), st.integers(1, 24)), seed=st.integers(0, 1 << 32))
def test_a_tile_is_the_plain_graph_s_byte_for_byte(name: str, tile: tuple[int, int], seed: int) -> None:
    model = CLEANING.get(name) or read_model(bundled_models()[name])
    side, times = model.spec.unshuffle, model.spec.upsampling
    form = tpu_form(model, (2 * side * tile[0], 2 * side * tile[1]))
    above, below, left, right = form.halo
    generator = np.random.default_rng(seed)
    shape = form.tile[0] + above + below, form.tile[1] + left + right
    pixels = generator.integers(-128, 128, shape).astype(np.int8)
    network = open_interpreter("litert", form.graph, 1)
    to_blocks(pixels, network.input, form.block)
    network.run()
    made, plain = (np.empty((times * form.tile[0], times * form.tile[1]), np.int8) for _ in range(2))
    from_blocks(network.output, made, form.result_block)
    down, across = network_of(model).context_px  # blocks may take more of the surroundings than the network needs
    needed = pixels[above - down : above + form.tile[0] + down, left - across : left + form.tile[1] + across]
    cells = np.empty((needed.shape[0] // side, needed.shape[1] // side, side**2), np.int8)
    to_blocks(np.ascontiguousarray(needed), cells, (side, side))
    raw = open_interpreter("litert", write_graph(read_graph(model.graph)), 1).compute(cells)
    from_blocks(raw, plain, (model.spec.shuffle, model.spec.shuffle))
    assert made.tobytes() == plain.tobytes()


def test_the_file_says_what_it_is_and_carries_the_plain_graph(ours: Model) -> None:
    data = packed_file(ours)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["edge_srcnn.json", "golden.bin", "edgetpu.json", "plain.tflite"]
        facts = json.loads(archive.read("edgetpu.json"))
        assert facts == {"block": [2, 2], "tile": [32, 48], "halo": [6, 6, 6, 6], "compiler": None}
        assert archive.read("plain.tflite") == ours.graph
    again = parse_model(data, "")
    assert (again.spec, again.graph, again.tpu) == (ours.spec, ours.graph, tpu_form(ours, (32, 48)))
    assert seal_model(again.spec, again.graph, again.golden, again.tpu) == data


def test_an_interpreter_runs_the_file_as_the_packed_graph(ours: Model) -> None:
    data, form = packed_file(ours), tpu_form(ours, (32, 48))
    assert open_interpreter("litert", data, 1).input.shape[:2] == form.input_shape[:2]


def test_a_processor_computes_the_plain_graph_in_it(ours: Model, tmp_path: Path) -> None:
    path, picture = tmp_path / "packed.tflite", np.random.default_rng(0).integers(0, 256, (40, 50)).astype(np.uint8)
    path.write_bytes(packed_file(ours))
    with edge_srcnn.load_model(path, engine="litert") as packed, open_model(ours, EngineOptions("litert")) as plain:
        assert packed.self_test() == "identical"
        assert packed.upscale(picture).tobytes() == plain.upscale(picture).tobytes()


def test_every_flipped_byte_and_every_cut_is_found(ours: Model) -> None:
    data = packed_file(ours)
    for place in range(0, len(data), 487):
        damaged = bytearray(data)
        damaged[place] ^= 0x40
        for broken in (bytes(damaged), data[:place]):
            with pytest.raises(ModelError):
                parse_model(broken, "m.tflite")


@pytest.mark.parametrize("tile", [(127, 128), (128, 1), (0, 128), (4098, 128), (-2, 2)])
def test_tiles_are_whole_blocks(ours: Model, tile: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=f"tile {tile[0]}x{tile[1]}: sides must be multiples of 2"):
        tpu_form(ours, tile)


def test_a_float_model_has_no_form(ours: Model) -> None:
    plain = read_graph(ours.graph)
    layers = [
        replace(
            layer,
            weights=layer.weights.astype(np.float32),
            bias=layer.bias.astype(np.float32),
            weight_scales=np.zeros(0, np.float32),
            output=FLOAT,
        )
        for layer in plain.layers
    ]
    floating = replace(ours, graph=write_graph(Graph(plain.input_shape, FLOAT, tuple(layers))))
    with pytest.raises(ModelUnsupported, match="float32; an Edge TPU computes int8"):
        tpu_form(floating)


def test_what_the_compiler_made_takes_the_graph_s_place(ours: Model) -> None:
    form = tpu_form(ours)
    graph = compiled(form.input_shape, form.output_shape)
    made = compiled_form(form, graph, "16.0.384591198")
    again = parse_model(seal_model(ours.spec, ours.graph, ours.golden, made), "")
    assert again.tpu == replace(form, graph=graph, compiler="16.0.384591198")
    with open_model(again, EngineOptions("litert")) as upscaler:
        assert upscaler.self_test() == "identical", "a processor needs no Edge TPU"


def test_what_was_made_of_another_model_is_refused(ours: Model) -> None:
    with pytest.raises(ModelUnsupported, match="input and output are not those"):
        compiled_form(tpu_form(ours), compiled((70, 70, 4), (70, 70, 4)), "16")
    with pytest.raises(ModelError):
        compiled_form(tpu_form(ours), b"garbage", "16")
