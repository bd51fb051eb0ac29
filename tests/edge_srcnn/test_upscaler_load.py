"""From the name of a model to an upscaler that is ready: what was asked for, then what was tuned, then the table."""

from dataclasses import replace

import pytest

from edge_srcnn.engine.build import network_of
from edge_srcnn.engine.graph import Graph
from edge_srcnn.engine.interpreter import TfliteBackend
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import ModelUnsupported, NoInput, UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.models.bundled import find_model
from edge_srcnn.models.file import parse_model
from edge_srcnn.upscaler import load_model, open_model, upscale


@pytest.fixture
def model(model_bytes):
    return parse_model(model_bytes, "bundled")


def test_a_named_model_brings_its_own_scale(texture):
    for engine in ("auto", "bicubic"):
        with load_model("srcnn-915-x3", scale=2, engine=engine) as upscaler:
            assert upscaler.scale == 3
            assert upscaler.upscale(texture(4, 5)).shape == (12, 15)


def test_auto_says_what_it_came_to(engine, monkeypatch):
    monkeypatch.setattr(TfliteBackend, "version", lambda backend: "1" if backend.name == engine else None)
    with load_model() as upscaler:
        assert upscaler.engine == engine
        assert upscaler.spec is not None
        assert upscaler.spec.name == upscaler.model == find_model("auto", 2).stem


def test_a_model_may_be_a_path(tmp_path, model_bytes, texture, upscalers):
    (tmp_path / "mine.tflite").write_bytes(model_bytes)
    expected = upscalers(name="srcnn-915-x2").upscale(texture(9, 7))
    for name in (tmp_path / "mine.tflite", str(tmp_path / "mine.tflite")):
        with load_model(name) as upscaler:
            assert (upscaler.upscale(texture(9, 7)) == expected).all()
        assert (upscale(texture(9, 7), name) == expected).all()


@pytest.mark.usefixtures("with_camera_model")
def test_the_default_model_suits_the_scale_and_the_source_of_the_pictures():
    for options, model in (
        ({}, "srcnn-915-x2"),
        ({"name": "auto"}, "srcnn-915-x2"),
        ({"camera": True}, "srcnn-915-x2-camera"),
        ({"name": "auto", "camera": True}, "srcnn-915-x2-camera"),
        ({"camera": True, "isolate": True}, "srcnn-915-x2-camera"),
        ({"camera": True, "scale": 3}, "srcnn-915-x3"),
        ({"name": "srcnn-915-x2", "camera": True}, "srcnn-915-x2"),
        ({"name": "srcnn-915-x2-camera"}, "srcnn-915-x2-camera"),
        ({"engine": "bicubic", "camera": True}, None),
        ({"engine": "bicubic", "name": "auto", "scale": 4}, None),
    ):
        with load_model(**options) as upscaler:
            assert upscaler.model == model, options


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"scale": 7}, UsageError, "1, 2, 3, 4"),
        ({"scale": 0}, UsageError, "1, 2, 3, 4"),
        ({"scale": 7, "engine": "bicubic"}, UsageError, "2, 3, 4"),
        ({"scale": 7, "name": "auto"}, UsageError, "2, 3, 4"),
        ({"tile": (0, 5)}, UsageError, "tile 0x5"),
        ({"tile": (5, -1)}, UsageError, "tile 5x-1"),
        ({"tile": "5"}, UsageError, "tile '5'"),
        ({"tile": "0x5"}, UsageError, "tile 0x5"),
        ({"tile": ""}, UsageError, "tile ''"),
        ({"block": "3"}, UsageError, "block '3'"),
        ({"block": ""}, UsageError, "block ''"),
        ({"block": "whole"}, UsageError, "block 'whole'"),
        ({"block": "0x2"}, UsageError, "block 0x2"),
        ({"block": "2x17"}, UsageError, "block 2x17"),
        ({"block": "2x4-3x3"}, UsageError, "block 2x4-3x3"),
        ({"block": "4x4-2x4"}, UsageError, "block 4x4-2x4"),
        ({"block": "2x2-2x2-2x2"}, UsageError, "block '2x2-2x2-2x2'"),
        ({"block": "9" * 5000 + "x1"}, UsageError, "block"),
        ({"threads": 0}, UsageError, "threads 0"),
        ({"threads": -1}, UsageError, "threads -1"),
        ({"threads": 1025}, UsageError, "threads 1025"),
        ({"threads": 1 << 31}, UsageError, "threads 2147483648"),  # an int of C ends before
        ({"engine": "onnx"}, UsageError, "onnx"),
        ({"name": "nowhere.tflite"}, NoInput, "nowhere.tflite"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_options_that_make_no_sense_are_refused(texture, options, kind, says):
    with pytest.raises(kind, match=says):
        load_model(**options).upscale(texture(4, 4))


def test_options_are_checked_without_a_network_too():
    for options in ({"tile": "5"}, {"block": "3"}, {"threads": 0}):
        with pytest.raises(UsageError):
            load_model(engine="bicubic", **options)


@pytest.mark.parametrize("halo_px", [0, 5, 7])
def test_a_network_with_another_halo_than_its_description_is_refused(model_bytes, reseal, halo_px):
    lie = parse_model(reseal(model_bytes, spec=lambda stored: {**stored, "halo_px": halo_px}), "")
    with pytest.raises(ModelUnsupported, match=rf"6x6 px .* description says {halo_px}"):  # 9-1-5: 4 + 0 + 2
        open_model(lie)


def test_a_network_of_other_channels_is_refused(model):
    layers = network_of(model).graph.layers
    for part, says in ((layers[:1], "1 channels in, 64 out"), (layers[2:], "32 channels in, 1 out")):
        channels = part[0].weights.shape[3]
        graph = Graph((20, 20, channels), network_of(model).graph.input, part)
        with pytest.raises(ModelUnsupported, match=says):
            open_model(replace(model, graph=write_graph(graph)))


def test_a_graph_that_is_none_is_refused(model):
    with pytest.raises(ModelUnsupported):
        open_model(replace(model, graph=b"\x1c\0\0\0TFL3" + bytes(64)))


def test_the_bicubic_engine_needs_no_graph(model, texture):
    with open_model(replace(model, graph=b""), EngineOptions("bicubic")) as upscaler:
        assert (upscaler.upscale(texture(5, 4)) == upscale_bicubic(texture(5, 4), 2)).all()


def test_one_call_up_scales_one_picture(engine, upscalers, texture):
    for scale in (2, 3, 4):
        expected = upscalers(scale, engine).upscale(texture(9, 7, 3))
        assert (upscale(texture(9, 7, 3), scale=scale, engine=engine) == expected).all()
        name = f"srcnn-915-x{scale}"
        expected = upscalers(scale, engine, name).upscale(texture(9, 7, 3))
        assert (upscale(texture(9, 7, 3), name, engine=engine) == expected).all()
