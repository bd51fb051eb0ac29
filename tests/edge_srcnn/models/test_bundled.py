"""A model's name: bundled, a file, guessed at, or refused; and the ladder of models that live video steps between."""

import re

import pytest

from edge_srcnn.errors import NoInput
from edge_srcnn.models import bundled
from edge_srcnn.models.bundled import bundled_models, find_model, ladder_of, live_ladder

CLEAN = {f"fast-{size}-x{scale}" for size in ("s", "m", "l", "xl") for scale in (2, 3, 4)}
CAMERA = {f"fast-{size}-x2-camera" for size in ("s", "m", "l")}
PAPER = {"srcnn-915-x2", "srcnn-915-x3", "srcnn-915-x4", "srcnn-955-x2", "srcnn-915-x2-camera"}
CLEANING = {"fast-s-x1-camera", "fast-m-x1-camera"}
ALL = CLEAN | CAMERA | PAPER


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", [None, "auto"])
def test_the_default_model_is_the_best_one_of_the_scale(name, scale):
    assert find_model(name, scale) == bundled_models()[ladder_of(bundled_models(), scale)[-1]]


@pytest.mark.parametrize("name", [None, "auto"])
def test_the_best_one_is_the_largest_fast_one_and_live_the_largest_that_may_keep_up(name, monkeypatch, tmp_path):
    monkeypatch.setattr(bundled, "BUNDLED", tmp_path)
    families = {"srcnn-915": (2, 3, 4), "srcnn-955": (2, 3, 4), "fast-s": (2, 3), "fast-l": (2,), "fast-xl": (2,)}
    for family, scales in families.items():
        for scale in scales:
            (tmp_path / f"{family}-x{scale}.tflite").touch()
    (tmp_path / "fast-s-x2-camera.tflite").touch()
    assert [find_model(name, scale).stem for scale in (2, 3, 4)] == ["fast-xl-x2", "fast-s-x3", "srcnn-915-x4"]
    assert find_model(name, 2, camera=True).stem == "fast-s-x2-camera"
    assert live_ladder(2) == ("fast-s-x2", "fast-l-x2")
    assert live_ladder(2, camera=True) == ("fast-s-x2-camera",)
    assert live_ladder(3, camera=True) == ("fast-s-x3",)


@pytest.mark.usefixtures("with_camera_model")
@pytest.mark.parametrize("name", [None, "auto"])
def test_cameras_get_the_model_that_was_trained_for_them_where_there_is_one(name):
    assert find_model(name, 2, camera=True).stem == "srcnn-915-x2-camera"
    assert find_model(name, 2).stem == "srcnn-915-x2"
    assert find_model(name, 3, camera=True).stem == "srcnn-915-x3"
    assert find_model("srcnn-915-x4", 2, camera=True).stem == "srcnn-915-x4"
    assert find_model("srcnn-915-x2-camera", 3).stem == "srcnn-915-x2-camera"


@pytest.mark.usefixtures("with_camera_model")
def test_bundled_models_are_in_the_order_of_their_names():
    assert list(bundled_models()) == ["srcnn-915-x2", "srcnn-915-x2-camera", "srcnn-915-x3", "srcnn-915-x4"]


def test_a_file_called_auto_is_named_by_its_path(tmp_path, model_bytes, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "auto").write_bytes(model_bytes)
    assert find_model("auto", 3) == find_model(None, 3)
    assert find_model(None, 3).parent == bundled.BUNDLED
    assert find_model("./auto", 3).resolve() == tmp_path / "auto"


def test_a_model_is_found_by_name_and_by_path(tmp_path, model_bytes):
    mine = tmp_path / "mine.tflite"
    mine.write_bytes(model_bytes)
    assert find_model("srcnn-915-x3", 2) == bundled_models()["srcnn-915-x3"]
    assert find_model(mine, 2) == mine
    assert find_model(str(mine), 2) == mine


@pytest.mark.parametrize("name", ["srcnn-915-x7", "nowhere/model.tflite", "x" * 300, ""])
def test_an_unknown_model_is_no_input_and_the_known_ones_are_named(name):
    with pytest.raises(NoInput, match="srcnn-915-x2"):
        find_model(name, 2)


@pytest.mark.parametrize("name", ["srcnn-915x3", "srcnn-91-x3", "SRCNN-915-X3", "srcnn-915-x3.tflite"])
def test_the_name_that_was_meant_is_guessed(name):
    with pytest.raises(NoInput, match=r"; did you mean srcnn-915-x3\?$"):
        find_model(name, 2)


def test_a_name_unlike_all_others_is_not_guessed_at():
    with pytest.raises(NoInput, match=re.escape(f"({', '.join(bundled_models())})") + "$"):
        find_model("/nowhere/of/mine.onnx", 2)


@pytest.mark.parametrize(
    ("bundled", "scale", "camera", "live", "models"),
    [
        (ALL, 2, False, True, ("fast-s-x2", "fast-m-x2", "fast-l-x2")),
        (ALL, 4, False, True, ("fast-s-x4", "fast-m-x4", "fast-l-x4")),
        (ALL, 2, False, False, ("fast-s-x2", "fast-m-x2", "fast-l-x2", "fast-xl-x2")),
        (ALL, 2, True, True, ("fast-s-x2-camera", "fast-m-x2-camera", "fast-l-x2-camera")),
        (ALL, 2, True, False, ("fast-s-x2-camera", "fast-m-x2-camera", "fast-l-x2-camera")),
        (ALL, 3, True, True, ("fast-s-x3", "fast-m-x3", "fast-l-x3")),
        (CLEAN | PAPER, 2, True, True, ("fast-s-x2", "fast-m-x2", "fast-l-x2")),
        ({"fast-m-x2", "fast-s-x3"}, 2, False, True, ("fast-m-x2",)),
        ({"fast-s-x2", "fast-l-x2", *PAPER}, 2, False, True, ("fast-s-x2", "fast-l-x2")),
        ({"fast-xl-x2", *PAPER}, 2, False, True, ("srcnn-915-x2",)),
        (PAPER, 2, True, True, ("srcnn-915-x2-camera",)),
        (PAPER, 2, False, False, ("srcnn-915-x2",)),
        (PAPER, 3, True, True, ("srcnn-915-x3",)),
        *(
            (ALL | CLEANING, 1, camera, live, ("fast-s-x1-camera", "fast-m-x1-camera"))
            for camera in (False, True)
            for live in (False, True)
        ),
        ({"fast-m-x1-camera"}, 1, False, True, ("fast-m-x1-camera",)),
        ({"fast-s-x1", "fast-m-x1-camera"}, 1, False, True, ("fast-m-x1-camera",)),
        ({"fast-s-x1"}, 1, True, False, ("fast-s-x1",)),
        ((), 4, False, True, ("srcnn-915-x4",)),
    ],
)
def test_the_models_are_those_that_are_bundled_the_fastest_first(bundled, scale, camera, live, models):
    assert ladder_of(bundled, scale, camera=camera, live=live) == models


@pytest.mark.parametrize("name", [None, "auto"])
@pytest.mark.parametrize("camera", [False, True])
def test_without_a_model_that_cleans_scale_1_says_how_to_make_one(monkeypatch, camera_bundle, name, camera):
    monkeypatch.setattr(bundled, "BUNDLED", camera_bundle)
    for find in (lambda: find_model(name, 1, camera=camera), lambda: live_ladder(1, camera=camera)):
        with pytest.raises(NoInput, match=r"no model that cleans at scale 1 is bundled here: train one .*--scale 1"):
            find()
    assert find_model("srcnn-915-x2", 1).stem == "srcnn-915-x2", "a name brings its own scale"
