"""Models written as ONNX: onnxruntime computes with them what our engine computes."""

import itertools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx

from edge_srcnn.engine.build import network_of
from edge_srcnn.errors import UsageError
from edge_srcnn.exchange.importing import import_model, read_network
from edge_srcnn.exchange.onnx_writer import MIRROR, NONE, ZEROS, Form, write_onnx
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import Model, read_model
from edge_srcnn.models.spec import BICUBIC_PLANE
from edge_srcnn.upscaler import open_model
from tests.edge_srcnn.exchange.chains import inner, run_chain
from tests.edge_srcnn.exchange.onnx_files import Builder, open_session
from tests.edge_srcnn.exchange.onnx_networks import NETWORKS

ROOT = Path(__file__).parents[3]
BUNDLED = ("fast-s-x1-camera", "fast-m-x2", "fast-s-x3", "fast-m-x4", "srcnn-915-x2")
HEIGHT, WIDTH = 44, 60


@pytest.fixture
def luma(texture):
    return texture(HEIGHT, WIDTH, seed=4)


def bundled(name: str) -> Model:
    return read_model(bundled_models()[name])


def run(data: bytes, plane: np.ndarray) -> np.ndarray:
    """What onnxruntime makes of uint8 ``[h, w]``, in grey levels."""
    session = open_session(data)
    (result,) = session.run(None, {"luma": plane[None, None].astype(np.float32) / np.float32(255)})
    return result[0, 0] * 255


def base_of(luma: np.ndarray, scale: int) -> np.ndarray:
    size = (luma.shape[1] * scale, luma.shape[0] * scale)
    return cv2.resize(luma, size, interpolation=cv2.INTER_CUBIC) if scale > 1 else luma


def with_residual(model: Model, data: bytes, luma: np.ndarray) -> np.ndarray:
    """Do what the metadata says is to be done before and after."""
    base = base_of(luma, model.spec.scale)
    residual = run(data, base if model.spec.plane == BICUBIC_PLANE else luma)
    return np.clip(np.rint(base + residual), 0, 255).astype(np.uint8)


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other.astype(int))


@pytest.mark.parametrize("name", BUNDLED)
def test_an_int8_network_gives_the_same_bytes_as_our_engine_or_the_next_level(name, luma):
    model = bundled(name)
    with open_model(model) as upscaler:
        ours = upscaler.upscale(luma)
    different = apart(ours, with_residual(model, write_onnx(model, Form(int8=True)), luma))
    assert different.max() <= 1
    assert (different > 0).mean() < 0.001


@pytest.mark.parametrize("name", ["fast-m-x2", "fast-s-x1-camera", "srcnn-915-x2"])
def test_a_float_network_gives_the_same_pixels_as_our_float_engine(name, luma):
    model = read_model(ROOT / f"docs/models/{name}-float32.tflite")
    data = write_onnx(model)
    with open_model(model) as upscaler:
        ours = upscaler.upscale(luma)
    assert apart(ours, with_residual(model, data, luma)).max() <= 1
    base = base_of(luma, model.spec.scale) if model.spec.plane == BICUBIC_PLANE else luma
    network = replace(network_of(model), residual=False)
    alone = run_chain(network, base / 255, network.upsampling) * 255
    np.testing.assert_allclose(run(data, base), alone, atol=1e-3)  # a thousandth of a grey level


@pytest.mark.parametrize("name", BUNDLED)
def test_the_whole_network_gives_the_picture(name, luma):
    model = bundled(name)
    with open_model(model) as upscaler:
        ours = upscaler.upscale(luma)
    whole = run(write_onnx(model, Form(int8=True, whole=True)), luma)
    assert whole.shape == ours.shape
    assert (whole.min() >= 0, whole.max() <= 255) == (True, True)
    assert apart(ours, np.rint(whole)).max() <= 1


def test_zeros_around_change_the_border_alone(luma):
    model = bundled("fast-m-x2")
    mirrored, zeros = (run(write_onnx(model, Form(padding=padding)), luma) for padding in (MIRROR, ZEROS))
    border = 2 * model.spec.halo_px
    np.testing.assert_allclose(inner(mirrored, border), inner(zeros, border), atol=1e-3)
    assert np.abs(mirrored - zeros).max() > 1


def test_without_padding_the_result_is_smaller_by_the_halo(luma):
    model = bundled("fast-m-x2")
    mirrored, bare = (run(write_onnx(model, Form(padding=padding)), luma) for padding in (MIRROR, NONE))
    np.testing.assert_allclose(inner(mirrored, 2 * model.spec.halo_px), bare, atol=1e-3)


@pytest.mark.parametrize(("padding", "lost"), [(MIRROR, 0), (ZEROS, 0), (NONE, 12)])
def test_a_fixed_size_stands_in_the_file(padding, lost):
    written = onnx.load_from_string(write_onnx(bundled("fast-m-x2"), Form(padding=padding, size=(HEIGHT, WIDTH))))
    sides = [
        [each.dim_value for each in value.type.tensor_type.shape.dim]
        for value in (*written.graph.input, *written.graph.output)
    ]
    assert sides == [[1, 1, HEIGHT, WIDTH], [1, 1, 2 * (HEIGHT - lost), 2 * (WIDTH - lost)]]
    inferred = onnx.shape_inference.infer_shapes(written, check_type=True, strict_mode=True)
    assert inferred.graph.output[0] == written.graph.output[0]


@pytest.mark.parametrize(
    ("int8", "whole", "padding"), list(itertools.product((False, True), (False, True), (MIRROR, ZEROS)))
)
@pytest.mark.parametrize("name", ["fast-m-x2", "fast-s-x1-camera", "srcnn-915-x3"])
def test_every_form_is_valid_onnx_of_opset_13(name, int8, whole, padding):
    written = onnx.load_from_string(write_onnx(bundled(name), Form(int8, whole, padding)))
    onnx.checker.check_model(written, full_check=True)
    assert [(each.domain, each.version) for each in written.opset_import] == [("", 13)]
    assert written.graph.output[0].name == ("picture" if whole else "residual")


def test_the_metadata_says_what_to_do_before_and_after():
    written = onnx.load_from_string(write_onnx(bundled("fast-m-x2-camera")))
    facts = {each.key: each.value for each in written.metadata_props}
    assert facts["name"] == "fast-m-x2-camera"
    assert [facts[name] for name in ("scale", "unshuffle", "shuffle", "plane")] == ["2", "1", "2", "luma"]
    assert (facts["residual"], facts["strength"], facts["quantization"]) == ("true", "1.0", "float32")
    assert facts["input"] == "the camera's luma / 255, [1, 1, height, width]"
    assert "times 255 * strength, add the luma upscaled bicubically" in facts["output"]
    assert facts["licence_of_training_data"].startswith("CID22")


def test_the_same_model_gives_the_same_bytes():
    assert write_onnx(bundled("fast-m-x2")) == write_onnx(bundled("fast-m-x2"))


@pytest.mark.parametrize(
    ("name", "form", "told"),
    [
        (
            "docs/models/fast-m-x2-float32.tflite",
            Form(int8=True),
            "--int8: fast-m-x2 is in float32; give an int8 model",
        ),
        (
            "edge_srcnn/models/fast-m-x2.tflite",
            Form(whole=True, padding=NONE),
            "--whole: needs --padding mirror or zeros",
        ),
    ],
)
def test_forms_that_make_no_sense_are_mistakes(name, form, told):
    with pytest.raises(UsageError, match=told):
        write_onnx(read_model(ROOT / name), form)


@pytest.mark.parametrize("form", [Form(), Form(whole=True), Form(padding=ZEROS), Form(padding=NONE, size=(64, 64))])
def test_what_is_written_can_be_read_again(tmp_path, form):
    model = read_model(ROOT / "docs/models/fast-m-x2-float32.tflite")
    path = tmp_path / "again.onnx"
    path.write_bytes(write_onnx(model, form))
    again = read_network(path)
    before = network_of(model).graph.layers
    assert again.network.residual
    for one, other in zip(before, again.network.graph.layers, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, rtol=1e-6)
        np.testing.assert_allclose(one.bias, other.bias, rtol=1e-6)


@pytest.mark.parametrize("name", ["fast-m-x2", "fast-s-x1-camera", "srcnn-915-x3"])
@pytest.mark.parametrize("form", [Form(int8=True), Form(int8=True, padding=ZEROS, size=(64, 64))])
def test_an_int8_network_is_read_again_as_it_was(tmp_path, name, form):
    model = bundled(name)
    path = tmp_path / "again.onnx"
    path.write_bytes(write_onnx(model, form))
    again = read_network(path, model.spec.scale if network_of(model).upsampling == 1 else None)
    before, after = network_of(model).graph, again.network.graph
    assert (again.network.plane, again.network.shuffle, again.network.residual) == (
        *(model.spec.plane, model.spec.shuffle, True),
    )
    assert (after.input, after.output) == (before.input, before.output)
    for one, other in zip(before.layers, after.layers, strict=True):
        for field in ("weights", "bias", "weight_scales"):
            assert np.array_equal(getattr(one, field), getattr(other, field))
        assert (one.relu, one.output) == (other.relu, other.output)


@pytest.mark.parametrize("name", ["blocks", "sesr"])
def test_networks_of_others_go_out_again(tmp_path, name, luma):
    b = Builder()
    NETWORKS[name](b)
    model = import_model(b.save(tmp_path / "in.onnx"), "mine")
    with open_model(model) as upscaler:
        ours = upscaler.upscale(luma)
    theirs = run(write_onnx(model, Form(whole=True)), luma)
    assert apart(ours, np.rint(theirs)).max() <= 1
