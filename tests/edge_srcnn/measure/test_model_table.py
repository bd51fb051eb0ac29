"""What is timed for the table of models, in which order, and what is estimated."""

import shutil

import pytest

from edge_srcnn.measure import model_table
from edge_srcnn.measure.model_table import RUNS, list_bundled, time_frames
from edge_srcnn.models import bundled
from edge_srcnn.models.bundled import bundled_models


@pytest.fixture
def clock(monkeypatch):
    """Let a frame take a nanosecond a multiplication, by a clock that nothing else moves; tells the runs by name."""
    now, runs = [0.0], {}
    monkeypatch.setattr(model_table, "perf_counter", lambda: now[0])

    def frame(path, engine, *, runs_of_it):
        seconds = next(each for each in list_bundled() if each.path == path).work * 1e-9
        now[0] += seconds * (runs_of_it + 1)
        runs[path.stem] = runs_of_it
        return seconds * 1000

    monkeypatch.setattr(
        model_table, "time_frame_ms", lambda path, engine, *, runs: frame(path, engine, runs_of_it=runs)
    )
    return now, runs


def timed(**options):
    told = []
    frame_ms, estimated = time_frames(
        list_bundled(), "litert", progress=lambda done, name: told.append((done, name)), **options
    )
    assert told == list(enumerate(frame_ms)), "each is told before its turn"
    return frame_ms, estimated


def test_models_are_listed_by_scale_then_by_kind_of_picture_then_by_work(monkeypatch, tmp_path):
    shipped = [each.spec for each in list_bundled()]
    assert shipped == sorted(shipped, key=lambda spec: (spec.scale, spec.degradation, spec.macs_per_pixel))
    order = ["srcnn-915-x2", "srcnn-955-x2", "srcnn-915-x2-camera", "srcnn-915-x3", "srcnn-955-x3"]
    for name in order:
        shutil.copy(bundled_models()[name], tmp_path)
    monkeypatch.setattr(bundled, "BUNDLED", tmp_path)
    assert [each.spec.name for each in list_bundled()] == order


def test_the_lightest_comes_first_and_what_would_take_too_long_is_estimated(clock):
    now, runs = clock
    times, estimated = timed(limit_s=30.0)
    work = [each.work for name in times for each in list_bundled() if each.spec.name == name]
    assert work == sorted(work)
    assert set(runs) == set(times) - set(estimated)
    assert set(runs.values()) == {1}
    assert now[0] <= 2 * 30.0  # a frame is warmed up to
    assert "srcnn-955-x4" in estimated  # 57,184 multiplications for each of 4.9 million pixels: 281 s
    for each in list_bundled():  # the estimate is right where every multiplication takes as long
        assert times[each.spec.name] == pytest.approx(each.work * 1e-6)


def test_without_a_limit_each_is_measured_several_times(clock):
    _, runs = clock
    assert timed(limit_s=None)[1] == []
    assert set(runs.values()) == {RUNS}


def test_one_is_measured_even_if_there_is_no_time(clock):
    times, estimated = timed(limit_s=0.0)
    assert list(times)[1:] == estimated
