"""A training that begins with a model file: its weights, of its scale or another, or a clear refusal."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from edge_srcnn import load_model
from edge_srcnn.errors import BadData, NoInput, NotAModel
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.bundled import find_model
from edge_srcnn.models.file import read_model, seal_model
from edge_srcnn.models.spec import LUMA_PLANE, Training
from export.architectures import Architecture, Layer, find_architecture
from export.data.degradation import matlab_bicubic
from export.int8.convert import convert
from export.packaging import describe
from export.training.network import build_model, layers_of
from export.training.start_from import begin_with
from tests.export.layers import random_layers

pytestmark = pytest.mark.slow

Draw = Callable[..., UInt8Array]


def packaged(architecture: Architecture, layers: tuple[Layer, ...], path: Path) -> Path:
    facts = Training(("drawn",), "CC0-1.0", 6, 90, None, 0)
    model = describe(
        architecture, convert(layers, architecture), quantization="float32", degradation="bicubic", training=facts
    )
    path.write_bytes(seal_model(model.spec, model.graph, model.golden))
    return path


def begun(architecture: Architecture, path: Path, expand: int = 0) -> keras.Model:
    model = build_model(architecture, expand=expand)
    begin_with(model, architecture, path, expand)
    return model


@pytest.mark.parametrize("expand", [0, 16])
@pytest.mark.parametrize("name", ["srcnn-915", "fast-c4d2", "fast-c4d2b2"])
def test_the_weights_are_those_of_a_float32_model(tmp_path: Path, name: str, expand: int) -> None:
    architecture = find_architecture(name)
    layers = random_layers(architecture)
    found = layers_of(begun(architecture, packaged(architecture, layers, tmp_path / "mine.tflite"), expand))
    for mine, its in zip(found, layers, strict=True):
        assert mine.kernel == pytest.approx(its.kernel, abs=1e-5)
        assert mine.bias == pytest.approx(its.bias, abs=1e-4)


@pytest.mark.parametrize("name", ["fast-s-x2", "fast-m-x2-camera", "srcnn-915-x2"])
def test_a_bundled_int8_model_goes_on_where_it_is(name: str, draw: Draw) -> None:
    """In floating point it makes the picture that it makes in int8, to within what that rounds."""
    path = find_model(name, 2)
    architecture = find_architecture(read_model(path).spec.architecture)
    small = matlab_bicubic(draw(2), 2)
    base = upscale_bicubic(small, 2)
    plane = small if architecture.plane == LUMA_PLANE else base
    out = keras.ops.convert_to_numpy(begun(architecture, path)(plane[None, ..., None].astype(np.float32) / 255))[
        0, ..., 0
    ]
    border = architecture.halo_px * architecture.upsampling
    inner = (slice(border, -border),) * 2
    picture = 255 * out + base[inner] if architecture.plane == LUMA_PLANE else 255 * out
    with load_model(path) as upscaler:
        expected = upscaler.upscale(small)[inner]
    assert np.abs(np.clip(picture, 0, 255) - expected).mean() < 0.6
    assert np.abs(base[inner].astype(float) - expected).mean() > 0.8, "the network does something"


def test_of_another_scale_all_but_the_last_layer_are_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, other = (find_architecture("fast-c4d2", scale) for scale in (2, 1))
    layers = random_layers(first)
    path = packaged(first, layers, tmp_path / "x2.tflite")
    fresh = layers_of(build_model(other))[-1]
    with caplog.at_level("INFO"):
        found = layers_of(begun(other, path))
    for mine, its in zip(found[:-1], layers[:-1], strict=True):
        assert mine.kernel == pytest.approx(its.kernel, abs=1e-6)
    assert np.array_equal(found[-1].kernel, fresh.kernel)
    assert "is a network for x2: all layers but the last are taken from it" in caplog.text


def test_a_model_of_another_network_is_refused(tmp_path: Path) -> None:
    other = find_architecture("fast-c4d2")
    path = packaged(other, random_layers(other), tmp_path / "other.tflite")
    for wanted in ("fast-c4d3", "fast-c8d2", "srcnn-915"):
        with pytest.raises(
            BadData, match=rf"other\.tflite: fast-c4d2-x2 is a fast-c4d2 for x2; give a model of {wanted}"
        ):
            begun(find_architecture(wanted), path)


def test_an_srcnn_of_another_scale_is_refused() -> None:
    with pytest.raises(BadData, match="srcnn-915-x3 is a srcnn-915 for x3; give a model of srcnn-915"):
        begun(find_architecture("srcnn-915", 2), find_model("srcnn-915-x3", 3))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tflite").write_text("hello, this is no model")
    with pytest.raises(NotAModel, match="not a TFLite model"):
        begun(find_architecture("fast-c4d2"), tmp_path / "text.tflite")
    with pytest.raises(NoInput, match="no such file"):
        begun(find_architecture("fast-c4d2"), tmp_path / "nowhere.tflite")
