"""The packaged model: the same bytes each time, readable by the runtime, proven by its golden output."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_srcnn
from edge_srcnn.errors import SelfTestFailed
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.file import Model, golden_plane, read_model, seal_model
from edge_srcnn.models.spec import Quality, Training
from edge_srcnn.upscaler import open_model
from export.architectures import find_architecture
from export.packaging import describe, model_card, model_name, quality_rows
from export.provenance import differs
from export.training.checkpoints import TrainingState

Draw = Callable[..., UInt8Array]

TRAINING = Training(
    data=("kodak", "holidays"), licence="CC0-1.0", pictures=42, steps=900, minutes=12.3, seed=7, held_out_psnr=31.25
)
QUALITY = (
    Quality("set5", 33.941, 0.9312, 36.212, 0.9512, 36.189, 0.9508),
    Quality("set14", 30.53, 0.871, 32.24, 0.9001, 32.231, 0.8999),
)


@pytest.fixture(scope="module")
def models(small: Any) -> dict[str, Model]:
    graphs = {"int8": small.int8, "float32": small.float32}
    return {
        kind: describe(
            small.architecture, graph, quantization=kind, degradation="bicubic", training=TRAINING
        )
        for kind, graph in graphs.items()
    }  # fmt: skip


def sealed(model: Model) -> bytes:
    return seal_model(model.spec, model.graph, model.golden)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("architecture", "scale", "name"),
    [
        ("srcnn-915", 2, "srcnn-915-x2"),
        ("srcnn-955", 4, "srcnn-955-x4"),
        ("fast-m", 3, "fast-m-x3"),
        ("fast-s", 1, "fast-s-x1"),
    ],
)
def test_a_model_is_named_for_its_network_and_scale(architecture: str, scale: int, name: str) -> None:
    found = find_architecture(architecture, scale)
    assert model_name(found) == model_name(found, "bicubic") == name
    assert model_name(found, "camera") == f"{name}-camera"


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_the_spec_says_what_the_network_is(models: dict[str, Model], kind: str) -> None:
    spec = models[kind].spec
    assert (spec.name, spec.architecture, spec.scale) == ("srcnn-915-x2", "srcnn-915", 2)
    assert (spec.layers, spec.halo_px, spec.residual) == (((9, 8), (1, 4), (5, 1)), 6, True)
    assert (spec.quantization, spec.degradation, spec.training) == (kind, "bicubic", TRAINING)
    assert spec.created_by == f"edge-srcnn {edge_srcnn.__version__}"
    assert {"python", "keras", "tensorflow", "ai-edge-litert", "numpy"} <= spec.versions.keys()
    assert spec.graph_sha256 == sha256(models[kind].graph)


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_the_golden_output_is_what_the_network_makes_of_the_golden_input(models: dict[str, Model], kind: str) -> None:
    model = models[kind]
    assert model.spec.golden_input_sha256 == sha256(golden_plane().tobytes())
    assert model.spec.golden_output_sha256 == sha256(model.golden.tobytes())
    with open_model(model) as upscaler:
        assert np.array_equal(upscaler.run_network(golden_plane()), model.golden)
    assert not np.array_equal(model.golden, golden_plane()), "it does something"


def test_packaging_twice_gives_the_same_bytes(small: Any, models: dict[str, Model]) -> None:
    again = describe(small.architecture, small.int8, quantization="int8", degradation="bicubic", training=TRAINING)
    assert sealed(again) == sealed(models["int8"])


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_the_runtime_reads_back_what_was_packaged(models: dict[str, Model], kind: str, tmp_path: Path) -> None:
    model = replace(models[kind], spec=replace(models[kind].spec, quality=QUALITY))
    path = tmp_path / "model.tflite"
    path.write_bytes(sealed(model))
    found = read_model(path)
    assert found.spec == model.spec
    assert found.graph == model.graph
    assert np.array_equal(found.golden, model.golden)


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_load_model_uses_the_file_and_its_self_test_is_identical(
    models: dict[str, Model], kind: str, tmp_path: Path, draw: Draw
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(sealed(models[kind]))
    with edge_srcnn.load_model(path) as upscaler:
        assert upscaler.scale == 2
        assert upscaler.self_test() == "identical"
        sharp = upscaler.upscale(draw(3, 60, 70))
    assert sharp.shape == (120, 140)
    assert not np.array_equal(sharp, upscale_bicubic(draw(3, 60, 70), 2))


def test_float32_and_int8_give_nearly_the_same_picture(models: dict[str, Model], draw: Draw) -> None:
    pictures = []
    for model in models.values():
        with open_model(model) as upscaler:
            pictures.append(upscaler.upscale(draw(4, 60, 70)).astype(int))
    assert np.mean(np.abs(pictures[0] - pictures[1])) < 1.0


def test_another_golden_output_fails_the_self_test(models: dict[str, Model]) -> None:
    model = models["int8"]
    wrong = replace(
        model,
        golden=model.golden ^ np.uint8(0x40),
        spec=replace(model.spec, golden_output_sha256="0" * 64),
    )
    with open_model(wrong) as upscaler, pytest.raises(SelfTestFailed, match="srcnn-915-x2"):
        upscaler.self_test()


def test_the_file_is_a_tflite_and_a_zip_at_once(models: dict[str, Model], tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    path = tmp_path / "model.tflite"
    path.write_bytes(sealed(models["int8"]))
    Interpreter(model_path=str(path)).allocate_tensors()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["edge_srcnn.json", "golden.bin"]
        described = json.loads(archive.read("edge_srcnn.json"))
        golden = Image.frombytes("L", (64, 48), archive.read("golden.bin"))
    assert described["training"]["licence"] == "CC0-1.0"
    assert np.array_equal(np.asarray(golden), models["int8"].golden)


def test_the_card_holds_data_licence_and_numbers(models: dict[str, Model]) -> None:
    card = model_card(replace(models["int8"].spec, quality=QUALITY))
    assert card.startswith("# srcnn-915-x2\n")
    assert "SRCNN (Dong et al., 2015) for x2: convolutions 9x9, 1x1, 5x5, 8 and 4 filters" in card
    assert "Puts out the residual over the bicubic picture. Numbers: int8." in card
    assert "Weights: 42 pictures of kodak, holidays; 900 steps, seed 7." in card
    assert "Licence of the training pictures: CC0-1.0." in card
    assert "held out (31.25 dB)" in card
    assert "| set5 | 33.94 / 0.9312 | 36.21 / 0.9512 | 36.19 / 0.9508 |" in card
    assert "| set14 | 30.53 / 0.8710 | 32.24 / 0.9001 | 32.23 / 0.8999 |" in card
    assert models["int8"].spec.graph_sha256 in card
    assert "keras" in card


def test_the_card_of_published_weights_names_their_file(models: dict[str, Model]) -> None:
    published = Training((), "not stated", 0, 0, 0.0, 0, weights="trained_SRCNN_weights.h5")
    card = model_card(replace(models["int8"].spec, training=published, residual=False))
    assert "Weights: published weights `trained_SRCNN_weights.h5`." in card
    assert "the picture itself (the paper's direct form)" in card
    assert "held out" not in card


def test_quality_rows_put_bicubic_float_and_shipped_side_by_side() -> None:
    scores = {
        ("a", "bicubic"): (30.0, 0.80),
        ("a", "bicubic-matlab"): (29.0, 0.79),
        ("a", "float32"): (32.0, 0.90),
        ("a", "int8"): (31.9, 0.89),
        ("b", "bicubic"): (20.0, 0.60),
        ("b", "float32"): (22.0, 0.70),
        ("b", "int8"): (21.9, 0.69),
    }
    assert quality_rows(scores, ["a", "b"], "int8", "bicubic") == (
        Quality("a", 30.0, 0.80, 32.0, 0.90, 31.9, 0.89),
        Quality("b", 20.0, 0.60, 22.0, 0.70, 21.9, 0.69),
    )
    assert quality_rows(scores, ["b"], "float32", "bicubic") == (Quality("b", 20.0, 0.60, 22.0, 0.70, 22.0, 0.70),)


def test_a_score_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        quality_rows({("a", "bicubic"): (30.0, 0.8)}, ["a"], "int8", "bicubic")


@pytest.mark.parametrize(
    ("lengths", "threads", "why"),
    [
        (((9, None), (12, None)), None, "continued after a training of another length"),
        (((9, None),), "1", "TF_NUM_INTRAOP_THREADS=1"),
    ],
)
def test_what_keeps_the_same_command_from_the_same_bytes_is_said(
    monkeypatch: pytest.MonkeyPatch, lengths: tuple[tuple[int, None], ...], threads: str | None, why: str
) -> None:
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    if threads:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", threads)
    assert why in (differs(TrainingState(lengths=lengths)) or "")


def test_the_same_command_gives_the_same_bytes_where_nothing_keeps_it_from_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    assert differs(TrainingState(lengths=((9, None),))) is None
    assert differs(TrainingState(lengths=((9, None),), devices=(1,))) is None


@pytest.mark.parametrize("devices", [(2,), (1, 2), (2, 1)])
def test_several_devices_keep_the_same_command_from_the_same_bytes(devices: tuple[int, ...]) -> None:
    assert "trained on 2 devices" in (differs(TrainingState(lengths=((9, None),), devices=devices)) or "")
