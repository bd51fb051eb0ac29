"""Which models are tuned, and what is kept of it; which settings are tried, how often, and who wins."""

from itertools import combinations
from math import ceil

import numpy as np
import pytest

from edge_srcnn import measure
from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.build import network_of, tuning_key
from edge_srcnn.engine.graph import Network
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.plan import WHOLE_TILE, Blocks, Plan
from edge_srcnn.engine.processor import Processor
from edge_srcnn.engine.tuning_cache import TuningCache, cache_file
from edge_srcnn.errors import NoInput, UsageError
from edge_srcnn.measure.tuning import END_BLOCKS, Trial, Tuning, halve, models_to_tune, plans_to_try, ranked, runs_of
from edge_srcnn.models import bundled
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import parse_model, read_model
from edge_srcnn.models.spec import LUMA_PLANE
from tests.edge_srcnn.bundles import make_ladder
from tests.edge_srcnn.engine.stacks import int8_stack
from tests.edge_srcnn.networks import on_bicubic

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


PLAIN = Blocks((1, 1), (1, 1))
BYTES_PER_PIXEL = 64 + 32  # 9-1-5: what the second layer reads, and what it puts out
CACHES = {1: 32 << 10, 2: 1 << 20, 3: 8 << 20}
FRAMES = (1, 1 + 3, 1 + 3 + 9)
"""What a trial has run when it drops out in the first, the second, the last round."""


@pytest.fixture(scope="module")
def srcnn(model_bytes):
    return network_of(parse_model(model_bytes, "bundled"))


def machine(caches: dict[int, int] | None = None) -> Processor:
    return Processor("some", "some", frozenset(), caches or {})


def tiling(setting: Plan, size: tuple[int, int]) -> tuple[int, ...]:
    """Height and width of the tiles: as many as the setting's tile needs, as even as whole blocks allow."""
    sides = []
    for side, wanted, grain in zip(size, setting.tile, setting.blocks.outer, strict=True):
        whole = ceil(side / grain) * grain
        sides.append(ceil(ceil(whole / ceil(whole / wanted)) / grain) * grain)
    return tuple(sides)


@pytest.mark.parametrize("size", [(48, 64), (96, 128), (480, 640), (961, 1283)])
@pytest.mark.parametrize("caches", [{}, CACHES])
def test_tiles_that_cut_a_picture_alike_are_tried_once(srcnn, size, caches):
    found = plans_to_try(srcnn, size, machine(caches), 4, EngineOptions())
    assert len(set(found)) == len(found)
    for one, other in combinations(found, 2):
        if (one.blocks, one.threads) == (other.blocks, other.threads):
            assert tiling(one, size) != tiling(other, size)


def test_a_picture_smaller_than_every_tile_is_tried_whole_only(srcnn):
    found = plans_to_try(srcnn, (48, 64), machine({2: 64 << 20}), 1, EngineOptions(blocks=PLAIN))
    assert len(found) == 1


def test_tiles_whose_activations_fit_the_caches_are_among_them(srcnn):
    found = plans_to_try(srcnn, (1440, 1920), machine(CACHES), 1, EngineOptions(blocks=PLAIN))
    areas = [setting.tile[0] * setting.tile[1] * BYTES_PER_PIXEL for setting in found]
    for cache in (CACHES[2], CACHES[3]):
        assert any(cache / 4 < area <= cache for area in areas), cache


def test_the_whole_picture_is_tried_where_it_is_small_enough(srcnn):
    # 960 x 1280 x 96 bytes are 118 million, 1440 x 1920 x 96 bytes are 265 million
    for size, small in (((960, 1280), True), ((1440, 1920), False)):
        found = plans_to_try(srcnn, size, machine(CACHES), 1, EngineOptions())
        assert any(tiling(setting, size) >= size for setting in found) == small


def test_a_first_level_cache_makes_no_tile_and_a_tiny_one_none_that_is_mostly_halo(srcnn):
    size = (1440, 1920)
    without = plans_to_try(srcnn, size, machine(), 1, EngineOptions())
    assert plans_to_try(srcnn, size, machine({1: 48 << 10}), 1, EngineOptions()) == without
    for setting in plans_to_try(srcnn, size, machine({2: 4 << 10}), 1, EngineOptions()):
        assert min(setting.tile) >= 32


@pytest.mark.parametrize(("threads", "tried"), [(1, {1}), (2, {1, 2}), (5, {1, 2, 3, 4, 5}), (6, {1, 2, 3, 4, 6})])
def test_one_thread_all_of_them_and_numbers_in_between_are_tried(srcnn, threads, tried):
    found = plans_to_try(srcnn, (96, 128), machine(CACHES), threads, EngineOptions())
    assert {setting.threads for setting in found} == tried


def test_no_packing_is_among_the_packings(srcnn):
    found = {setting.blocks for setting in plans_to_try(srcnn, (96, 128), machine(), 1, EngineOptions())}
    assert PLAIN in found
    assert len(found) > 5


def test_every_packing_of_the_ends_is_among_those_of_a_network_on_the_cameras_grid(networks):
    graph = int8_stack(0, [(5, 5), (3, 3), (3, 3)], (1, 4, 4, 4), [True, True, False])
    found = plans_to_try(Network(graph, LUMA_PLANE, 1, 2, True), (96, 128), machine(), 1, EngineOptions())
    assert {str(setting.blocks) for setting in found} == set(END_BLOCKS)


def test_options_narrow_what_is_tried(srcnn):
    size, blocks = (480, 640), Blocks((4, 2), (4, 4))
    everything = set(plans_to_try(srcnn, size, machine(CACHES), 4, EngineOptions()))
    only_blocks = plans_to_try(srcnn, size, machine(CACHES), 4, EngineOptions(blocks=blocks))
    assert set(only_blocks) == {setting for setting in everything if setting.blocks == blocks}
    only_threads = plans_to_try(srcnn, size, machine(CACHES), 4, EngineOptions(threads=3))
    assert set(only_threads) == {setting for setting in everything if setting.threads == 3}
    only_tile = plans_to_try(srcnn, size, machine(CACHES), 4, EngineOptions(tile=(33, 55)))
    assert {setting.tile for setting in only_tile} == {(33, 55)}
    assert {setting.blocks for setting in only_tile} == {setting.blocks for setting in everything}
    all_three = plans_to_try(srcnn, size, machine(CACHES), 4, EngineOptions(blocks=blocks, tile=(33, 55), threads=7))
    assert all_three == (Plan(blocks, (33, 55), 7),)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 7, 10, 11, 30])
def test_the_runs_that_are_announced_are_those_that_come(engine, networks, texture, number):
    trials = [Trial(Plan(PLAIN, (8, 8 + column), 1)) for column in range(number)]
    seen = list(halve(on_bicubic(networks.tap(2, 2)), backend_named(engine), trials, texture(8, 10)))
    assert len(seen) == runs_of(number)
    assert seen[:number] == trials
    # a third goes on, but never fewer than three (or all that there are)
    second = min(max(round(number / 3), 3), number)
    third = min(max(round(second / 3), 3), second)
    assert runs_of(number) == number + second + third
    order = ranked(trials)
    assert [len(trial.seconds) for trial in order] == (
        [FRAMES[2]] * third + [FRAMES[1]] * (second - third) + [FRAMES[0]] * (number - second)
    )


def test_no_trials_are_no_runs(engine, networks, texture):
    assert runs_of(0) == 0
    assert list(halve(on_bicubic(networks.tap(2, 2)), backend_named(engine), [], texture(8, 10))) == []


def test_each_trial_really_computes_by_its_plan(monkeypatch, engine, networks, texture):
    plane, frames, counted = texture(48, 64), [], []

    class Watched(TiledInference):
        def run(self, bicubic, base, out, **overlap):
            super().run(bicubic, base, out, **overlap)
            assert (out == networks.moved(plane, 0, 4)).all()
            frames.append((self.statistics.tiles, self.statistics.tiles_reused))

    monkeypatch.setattr(measure, "TiledInference", Watched)
    tiles = {(48, 64): 1, (48, 32): 2, (16, 16): 12}
    trials = [Trial(Plan(Blocks((2, 4), (2, 4)), tile, 1)) for tile in tiles]
    before = plane.copy()
    for trial in halve(on_bicubic(networks.tap(0, 4)), backend_named(engine), trials, plane):
        assert min(trial.seconds) > 0
        number = tiles[trial.plan.tile]
        # one to warm up, and 1, 3 or 9 that count; every tile of every frame is computed
        assert frames == [(number * frame, 0) for frame in range(1, len(frames) + 1)]
        counted.append(len(frames) - 1)
        frames.clear()
    assert counted == [1] * 3 + [3] * 3 + [9] * 3, "three are few enough to go on to the end"
    assert (plane == before).all()


@pytest.mark.slow
def test_the_fastest_wins_and_the_slow_ones_drop_out(engine, networks, texture):
    tiles = [(2, 2), (48, 64), (1, 1), (48, 32), (2, 1), (24, 64)]  # from 1 to 3072 invocations a frame
    trials = [Trial(Plan(PLAIN, tile, 1)) for tile in tiles]
    for _ in halve(on_bicubic(networks.tap(2, 2)), backend_named(engine), trials, texture(48, 64)):
        pass
    order = ranked(trials)
    assert {trial.plan.tile for trial in order[:3]} == {(48, 64), (48, 32), (24, 64)}
    assert [len(trial.seconds) for trial in order] == [FRAMES[2]] * 3 + [FRAMES[0]] * 3


def test_those_that_came_furthest_are_ranked_first_and_among_them_the_fastest():
    setting = Plan(PLAIN, WHOLE_TILE, 1)
    slow_finalist = Trial(setting, [0.5] * 13)
    fast_finalist = Trial(setting, [0.4] * 13)
    lucky = Trial(setting, [0.1])
    second_round = Trial(setting, [0.2, 0.9, 0.3, 0.9])
    never_ran = Trial(setting)
    order = ranked([never_ran, lucky, slow_finalist, second_round, fast_finalist])
    assert [id(trial) for trial in order] == [
        id(trial) for trial in (fast_finalist, slow_finalist, second_round, lucky)
    ]
    assert ranked([]) == []


def test_a_trials_time_is_the_median_in_milliseconds():
    assert Trial(Plan(PLAIN, WHOLE_TILE, 1), [0.001, 0.009, 0.002]).milliseconds == pytest.approx(2)


def test_planes_of_one_pixel_can_be_tuned_for(engine, networks):
    settings = plans_to_try(on_bicubic(networks.tap(2, 2)), (1, 1), machine(CACHES), 1, EngineOptions())
    trials = [Trial(setting) for setting in settings]
    plane = np.zeros((1, 1), np.uint8)
    assert len(list(halve(on_bicubic(networks.tap(2, 2)), backend_named(engine), trials, plane))) == runs_of(
        len(settings)
    )


@pytest.mark.parametrize("name", ["fast-s-x2", "fast-l-x3", "srcnn-955-x2"])
def test_networks_with_kernels_in_their_hidden_layers_are_packed_at_the_ends_alone(name):
    network = network_of(read_model(bundled_models()[name]))
    found = {setting.blocks for setting in plans_to_try(network, (480, 640), machine(CACHES), 1, EngineOptions())}
    assert {blocks.inner[0] for blocks in found} == {1}, "rows of blocks are rows of pixels"
    assert PLAIN in found
    assert len(found) > 5
    narrow = network.graph.layers[0].kernel[1] <= 8
    assert any(blocks.window for blocks in found) == narrow, "windows that hold the first kernel"
