"""Block, tile and threads: what was asked for goes before what was tuned, that before the table; the bytes stay."""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.build import plan_for, tuning_key
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.plan import REUSE_TILE, WHOLE_TILE, Blocks, Plan
from edge_srcnn.engine.processor import available_processors, this_processor
from edge_srcnn.engine.tuning_cache import TuningCache, cache_file
from edge_srcnn.imaging import bicubic
from edge_srcnn.models.file import digest, parse_model
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.cleaning import BUNDLED_CLEANING

NAME = "srcnn-915-x2"
MEASURED = Plan(Blocks((2, 2), (4, 4)), (8, 12), 1)


@pytest.fixture
def model(model_bytes):
    return parse_model(model_bytes, "bundled")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_file()


@pytest.fixture
def measured(cache, model, engine):
    """A tuning for results of 40 x 60 pixels."""
    TuningCache().put(tuning_key(model, backend_named(engine), 40, 60), 1, MEASURED)
    return MEASURED


@pytest.mark.parametrize("threads", [1, 1024])
def test_every_number_of_threads_that_is_allowed_can_be_tuned_for(cache, model, threads):
    key, setting = (
        tuning_key(model, backend_named("litert"), 10, 10),
        EngineOptions.parse(threads=threads).applied_to(MEASURED),
    )
    TuningCache().put(key, 1, setting)
    assert TuningCache().get(key) == setting


def test_the_number_of_threads_does_not_change_the_bytes(engine, texture):
    picture = texture(30, 40)
    results = []
    for threads in (1, 2, 5):
        with load_model(engine=engine, threads=threads) as upscaler:
            results.append(upscaler.upscale(picture))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [f"{family}-x{scale}" for family in ("srcnn-915", "fast-s") for scale in (2, 3, 4)] + BUNDLED_CLEANING
)
def test_block_and_tile_do_not_change_the_bytes(engine, upscalers, texture, name):
    picture = texture(23, 31)
    expected = upscalers(engine=engine, name=name).upscale(picture)
    for block in ("1x1", "2x2", "2x4-4x4", "1x4-4x4", "3x5", "8x8-16x16", Blocks((4, 2), (4, 4)), "auto"):
        for tile in ("whole", "16x40", (33, 20), "auto"):
            with load_model(name, engine=engine, block=block, tile=tile) as upscaler:
                assert (upscaler.upscale(picture) == expected).all(), (block, tile)


def test_a_tile_larger_than_any_picture_is_the_whole_picture(upscalers, texture):
    for sides in (1 << 30, 10**30, 10**400):
        with load_model(tile=(sides, sides)) as upscaler:
            assert (upscaler.upscale(texture(9, 7)) == upscalers().upscale(texture(9, 7))).all()
            assert upscaler.statistics.tiles == 1


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, EngineOptions()),
        ({"threads": 3}, EngineOptions(threads=3)),
        ({"block": "2x4"}, EngineOptions(blocks=Blocks((2, 4), (2, 4)))),
        ({"block": Blocks((2, 4), (4, 4))}, EngineOptions(blocks=Blocks((2, 4), (4, 4)))),
        ({"tile": "128x256"}, EngineOptions(tile=(128, 256))),
        ({"tile": (128, 256)}, EngineOptions(tile=(128, 256))),
        ({"tile": "whole"}, EngineOptions(tile=WHOLE_TILE)),
        (
            {"block": "1x1", "tile": "whole", "threads": 1},
            EngineOptions(blocks=Blocks((1, 1), (1, 1)), tile=WHOLE_TILE, threads=1),
        ),
    ],
    ids=str,
)
def test_what_people_write_becomes_options(options, asked):
    assert EngineOptions.parse(**options) == asked


def test_a_tuning_is_for_this_model_this_processor_and_this_interpreter(model, engine):
    key = tuning_key(model, backend_named(engine), 40, 60)
    assert key.model == digest(model.graph)
    assert this_processor().name in key.processor
    assert str(available_processors()) in key.processor
    assert key.interpreter.split()[0] == engine
    assert key.interpreter.split()[1][0].isdigit()
    assert (key.height, key.width) == (40, 60)


def test_what_was_tuned_goes_before_the_table_and_what_was_asked_for_before_both(model, engine, measured):
    assert plan_for(model, EngineOptions(engine), 40, 60) == measured
    assert plan_for(model, EngineOptions(engine, threads=9), 40, 60) == replace(measured, threads=9)
    asked = EngineOptions(engine, blocks=Blocks((1, 1), (1, 1)), tile=(5, 6), threads=7)
    assert plan_for(model, asked, 40, 60) == Plan(Blocks((1, 1), (1, 1)), (5, 6), 7)


def test_without_a_tuning_the_table_tells_and_all_processors_work(model, engine, cache):
    setting = plan_for(model, EngineOptions(engine), 40, 60)
    assert setting.threads == available_processors()
    assert not cache.exists()


def test_an_upscaler_uses_what_was_tuned_and_gives_the_same_bytes(engine, measured, upscalers, texture):
    with load_model(NAME, engine=engine) as upscaler:
        out = upscaler.upscale(texture(20, 30))
        assert upscaler.statistics.tiles == ceil(40 / 8) * ceil(60 / 12)
        with load_model(NAME, engine=engine, block="1x1", tile="whole") as other:
            assert (out == other.upscale(texture(20, 30))).all()
            assert other.statistics.tiles == 1


def test_an_upscaler_uses_what_was_tuned_for_each_size(engine, measured, model, texture):
    TuningCache().put(tuning_key(model, backend_named(engine), 80, 60), 1, replace(measured, tile=(20, 60)))
    with load_model(NAME, engine=engine) as upscaler:
        for shape, tiles in (((20, 30), 25), ((40, 30), 4), ((20, 30), 25)):
            upscaler.statistics.clear()
            upscaler.upscale(texture(*shape))
            assert upscaler.statistics.tiles == tiles


@pytest.mark.slow
def test_a_damaged_tuning_is_warned_of_once_however_many_sizes_come(engine, cache, upscalers, texture, caplog):
    pictures = [texture(9, 7), texture(7, 9), texture(9, 7), texture(30, 2)]
    expected = [upscalers(2, engine).upscale(picture) for picture in pictures]
    cache.parent.mkdir(parents=True)
    cache.write_text("damaged")
    with load_model(engine=engine) as upscaler:
        for picture, sharp in zip(pictures, expected, strict=True):
            assert (upscaler.upscale(picture) == sharp).all()
    assert len(caplog.records) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "plane"), [(NAME, BICUBIC_PLANE), ("fast-s-x2", LUMA_PLANE)])
def test_with_reuse_the_bytes_are_the_same_and_still_tiles_are_not_computed_again(
    engine, upscalers, texture, name, plane
):
    still = texture(150, 140)
    moved = still.copy()
    moved[8:12, 8:12] += np.uint8(9)
    upsampling, (height, width) = 2 if plane == LUMA_PLANE else 1, REUSE_TILE[plane]
    tiles = ceil(300 // upsampling / height) * ceil(280 // upsampling / width)
    assert tiles > 1
    with load_model(name, engine=engine, reuse=True) as upscaler:
        for picture, reused in ((still, 0), (still, tiles), (moved, tiles - 1), (moved, tiles)):
            upscaler.statistics.clear()
            assert (upscaler.upscale(picture) == upscalers(engine=engine, name=name).upscale(picture)).all()
            assert (upscaler.statistics.tiles, upscaler.statistics.tiles_reused) == (tiles, reused)


@pytest.mark.parametrize(("name", "tiles"), [(NAME, 4), ("fast-s-x2", 1)])
def test_with_reuse_a_tile_that_was_asked_for_is_taken(engine, texture, name, tiles):
    with load_model(name, engine=engine, reuse=True, tile=(40, 48)) as upscaler:
        upscaler.upscale(texture(40, 48))
        assert upscaler.statistics.tiles == tiles  # 80 x 96 on the upscaled plane, 40 x 48 on the camera's


def test_reuse_changes_the_tile_and_nothing_else():
    for plane in (LUMA_PLANE, BICUBIC_PLANE):
        plan = EngineOptions(reuse=True).applied_to(MEASURED, plane)
        assert plan == Plan(MEASURED.blocks, MEASURED.tile, MEASURED.threads, REUSE_TILE[plane])


def test_bands_of_a_large_picture_are_tuned_like_pictures_of_their_size(
    monkeypatch, engine, measured, upscalers, texture
):
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", 20)
    picture = texture(40, 30)
    with load_model(NAME, engine=engine) as upscaler:
        assert (upscaler.upscale(picture) == upscalers(engine=engine, name=NAME).upscale(picture)).all()
        assert upscaler.statistics.tiles == 2 * 25
