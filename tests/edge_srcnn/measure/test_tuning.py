"""Which models are tuned, together with which others, and what is kept of it."""

import pytest

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.build import tuning_key
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.processor import Processor
from edge_srcnn.engine.tuning_cache import TuningCache, cache_file
from edge_srcnn.errors import NoInput, UsageError
from edge_srcnn.measure.tuning import Tuning, models_to_tune, runs_of
from edge_srcnn.models import bundled
from tests.edge_srcnn.bundles import make_ladder

TINY = (32, 24)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_file()


def names(groups):
    return [[model.spec.name for model in group] for group in groups]


def test_a_model_that_is_named_is_tuned_alone(tmp_path, model_bytes):
    assert names(models_to_tune("srcnn-915-x3", 2)) == [["srcnn-915-x3"]]
    (tmp_path / "mine.tflite").write_bytes(model_bytes)
    assert names(models_to_tune(str(tmp_path / "mine.tflite"), 3)) == [["srcnn-915-x2"]]


@pytest.mark.usefixtures("with_camera_model")
def test_auto_is_the_best_one_and_that_for_cameras_is_alike():
    assert names(models_to_tune("auto", 2)) == [["srcnn-915-x2", "srcnn-915-x2-camera"]]
    assert names(models_to_tune("auto", 3)) == [["srcnn-915-x3"]]


def test_auto_is_every_model_of_a_ladder(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled, "BUNDLED", make_ladder(tmp_path / "models"))
    # the first two are the same network with other weights, see make_ladder
    assert names(models_to_tune("auto", 2)) == [["fast-s-x2", "fast-m-x2"], ["fast-l-x2"]]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_model_that_auto_may_come_to_is_among_them(scale):
    groups = models_to_tune("auto", scale)
    found = {name for group in names(groups) for name in group}
    for camera in (False, True):
        assert set(bundled.live_ladder(scale, camera=camera)) <= found
        assert bundled.find_model("auto", scale, camera=camera).stem in found
    for group in groups:
        assert len({model.spec.layers for model in group}) == 1
    assert names(groups)[0][0] == bundled.live_ladder(scale)[0], "the fastest comes first"


@pytest.mark.parametrize(("name", "scale", "error"), [("nowhere", 2, NoInput), ("auto", 7, UsageError)])
def test_what_is_no_model_is_refused(name, scale, error):
    with pytest.raises(error):
        models_to_tune(name, scale)


@pytest.mark.usefixtures("with_camera_model")
def test_the_winner_holds_for_all_that_are_alike(engine, cache):
    (models,) = models_to_tune("auto", 2)
    tuning = Tuning(models, EngineOptions(engine, threads=1), TINY)
    best = list(tuning.run())
    assert len(best) == runs_of(len(tuning.trials)) > 5
    tuning.keep()
    assert tuning.ranking[0].milliseconds == best[-1]
    assert {key.size for key in tuning.keys} == {(48, 64)}
    for model in models:
        assert TuningCache().get(tuning_key(model, backend_named(engine), 48, 64)) == tuning.ranking[0].plan


@pytest.mark.parametrize(("name", "plane"), [("srcnn-915-x2", (960, 1280)), ("fast-s-x2", (480, 640))])
def test_tiles_are_of_the_networks_plane(engine, monkeypatch, name, plane):
    monkeypatch.setattr("edge_srcnn.measure.tuning.this_processor", lambda: Processor("some", "some", frozenset(), {}))
    (models,) = models_to_tune(name, 2)
    tuning = Tuning(models, EngineOptions(engine, threads=1), (640, 480))
    assert {trial.plan.tile for trial in tuning.trials} == {(128, 256), (1 << 20, 1 << 20)}
    assert tuning._plane.shape == plane
