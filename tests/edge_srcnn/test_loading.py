"""From the name of a model to an upscaler that is ready: what was asked for, then what was tuned, then the table."""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest

from edge_srcnn.engine.flatbuffer_writer import write_graph
from edge_srcnn.engine.graph import Graph
from edge_srcnn.engine.packing import Blocks
from edge_srcnn.engine.setting import REUSE_TILE, WHOLE_TILE, Setting, Wish
from edge_srcnn.engine.tuned import Tuned, cache_file, recall, remember
from edge_srcnn.errors import ModelUnsupported, NoInput, UsageError
from edge_srcnn.imaging import bicubic
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.loading import (
    graph_of,
    load_model,
    occasion_of,
    open_model,
    setting_for,
    upscale,
    wish_for,
    with_reuse,
)
from edge_srcnn.model import digest, parse_model
from edge_srcnn.processor import available_processors, this_processor

MEASURED = Setting(Blocks((2, 2), (4, 4)), (8, 12), 1)


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
    remember(Tuned(occasion_of(model, engine, 40, 60), MEASURED, 1))
    return MEASURED


def test_a_named_model_brings_its_own_scale(texture):
    for engine in ("auto", "bicubic"):
        with load_model("srcnn-915-x3", scale=2, engine=engine) as upscaler:
            assert upscaler.scale == 3
            assert upscaler.upscale(texture(4, 5)).shape == (12, 15)


def test_auto_says_what_it_came_to(engine, monkeypatch):
    monkeypatch.setattr("edge_srcnn.engine.interpreter.installed_version", lambda name: "1" if name == engine else None)
    with load_model() as upscaler:
        assert upscaler.engine == engine
        assert upscaler.spec is not None
        assert upscaler.spec.name == "srcnn-915-x2"


def test_a_model_may_be_a_path(tmp_path, model_bytes, texture, upscalers):
    (tmp_path / "mine.tflite").write_bytes(model_bytes)
    expected = upscalers().upscale(texture(9, 7))
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
        ({"scale": 7}, UsageError, "2, 3, 4"),
        ({"scale": 1}, UsageError, "2, 3, 4"),
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


@pytest.mark.parametrize("threads", [1, 1024])
def test_every_number_of_threads_that_is_allowed_can_be_tuned_for(cache, model, threads):
    occasion, setting = occasion_of(model, "litert", 10, 10), wish_for(threads=threads).applied_to(MEASURED)
    remember(Tuned(occasion, setting, 1))
    assert recall(occasion) == setting


def test_the_number_of_threads_does_not_change_the_bytes(engine, texture):
    picture = texture(30, 40)
    results = []
    for threads in (1, 2, 5):
        with load_model(engine=engine, threads=threads) as upscaler:
            results.append(upscaler.upscale(picture))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_block_and_tile_do_not_change_the_bytes(engine, upscalers, texture, scale):
    picture = texture(23, 31)
    expected = upscalers(scale, engine).upscale(picture)
    for block in ("1x1", "2x2", "2x4-4x4", "1x4-4x4", "3x5", "8x8-16x16", Blocks((4, 2), (4, 4)), "auto"):
        for tile in ("whole", "16x40", (33, 20), "auto"):
            with load_model(scale=scale, engine=engine, block=block, tile=tile) as upscaler:
                assert (upscaler.upscale(picture) == expected).all(), (block, tile)


def test_a_tile_larger_than_any_picture_is_the_whole_picture(upscalers, texture):
    for sides in (1 << 30, 10**30, 10**400):
        with load_model(tile=(sides, sides)) as upscaler:
            assert (upscaler.upscale(texture(9, 7)) == upscalers().upscale(texture(9, 7))).all()
            assert upscaler.statistics.tiles == 1


@pytest.mark.parametrize(
    ("options", "wish"),
    [
        ({}, Wish()),
        ({"threads": 3}, Wish(threads=3)),
        ({"block": "2x4"}, Wish(blocks=Blocks((2, 4), (2, 4)))),
        ({"block": Blocks((2, 4), (4, 4))}, Wish(blocks=Blocks((2, 4), (4, 4)))),
        ({"tile": "128x256"}, Wish(tile=(128, 256))),
        ({"tile": (128, 256)}, Wish(tile=(128, 256))),
        ({"tile": "whole"}, Wish(tile=WHOLE_TILE)),
        ({"block": "1x1", "tile": "whole", "threads": 1}, Wish(Blocks((1, 1), (1, 1)), WHOLE_TILE, 1)),
    ],
    ids=str,
)
def test_what_was_asked_for_is_a_wish(options, wish):
    assert wish_for(**options) == wish


def test_a_tuning_is_for_this_model_this_processor_and_this_interpreter(model, engine):
    occasion = occasion_of(model, engine, 40, 60)
    assert occasion.model == digest(model.graph)
    assert this_processor().name in occasion.processor
    assert str(available_processors()) in occasion.processor
    assert occasion.interpreter.split()[0] == engine
    assert occasion.interpreter.split()[1][0].isdigit()
    assert (occasion.height, occasion.width) == (40, 60)


def test_what_was_tuned_goes_before_the_table_and_what_was_asked_for_before_both(model, engine, measured):
    assert setting_for(model, engine, 40, 60, Wish()) == measured
    assert setting_for(model, engine, 40, 60, Wish(threads=9)) == replace(measured, threads=9)
    asked = Wish(Blocks((1, 1), (1, 1)), (5, 6), 7)
    assert setting_for(model, engine, 40, 60, asked) == Setting(Blocks((1, 1), (1, 1)), (5, 6), 7)


def test_without_a_tuning_the_table_tells_and_all_processors_work(model, engine, cache):
    setting = setting_for(model, engine, 40, 60, Wish())
    assert setting.threads == available_processors()
    assert not cache.exists()


def test_an_upscaler_uses_what_was_tuned_and_gives_the_same_bytes(engine, measured, upscalers, texture):
    with load_model(engine=engine) as upscaler:
        out = upscaler.upscale(texture(20, 30))
        assert upscaler.statistics.tiles == ceil(40 / 8) * ceil(60 / 12)
        with load_model(engine=engine, block="1x1", tile="whole") as other:
            assert (out == other.upscale(texture(20, 30))).all()
            assert other.statistics.tiles == 1


def test_an_upscaler_uses_what_was_tuned_for_each_size(engine, measured, model, texture):
    remember(Tuned(occasion_of(model, engine, 80, 60), replace(measured, tile=(20, 60)), 1))
    with load_model(engine=engine) as upscaler:
        for shape, tiles in (((20, 30), 25), ((40, 30), 4), ((20, 30), 25)):
            upscaler.statistics.clear()
            upscaler.upscale(texture(*shape))
            assert upscaler.statistics.tiles == tiles


def test_a_damaged_tuning_is_warned_of_once_however_many_sizes_come(engine, cache, upscalers, texture, caplog):
    pictures = [texture(9, 7), texture(7, 9), texture(9, 7), texture(30, 2)]
    expected = [upscalers(2, engine).upscale(picture) for picture in pictures]
    cache.parent.mkdir(parents=True)
    cache.write_text("damaged")
    with load_model(engine=engine) as upscaler:
        for picture, sharp in zip(pictures, expected, strict=True):
            assert (upscaler.upscale(picture) == sharp).all()
    assert len(caplog.records) == 1


def test_with_reuse_the_bytes_are_the_same_and_still_tiles_are_not_computed_again(engine, upscalers, texture):
    still = texture(150, 100)
    moved = still.copy()
    moved[10:14, 20:24] += np.uint8(9)
    tiles = ceil(300 / REUSE_TILE[0]) * ceil(200 / REUSE_TILE[1])
    with load_model(engine=engine, reuse=True) as upscaler:
        for picture, reused in ((still, 0), (still, tiles), (moved, tiles - 1), (moved, tiles)):
            upscaler.statistics.clear()
            assert (upscaler.upscale(picture) == upscalers(2, engine).upscale(picture)).all()
            assert (upscaler.statistics.tiles, upscaler.statistics.tiles_reused) == (tiles, reused)


def test_with_reuse_a_tile_that_was_asked_for_is_taken(engine, texture):
    with load_model(engine=engine, reuse=True, tile=(40, 50)) as upscaler:
        upscaler.upscale(texture(40, 50))
        assert upscaler.statistics.tiles == 4


def test_reuse_changes_the_tile_and_nothing_else():
    assert with_reuse(MEASURED) == Setting(MEASURED.blocks, REUSE_TILE, MEASURED.threads)


def test_bands_of_a_large_picture_are_tuned_like_pictures_of_their_size(
    monkeypatch, engine, measured, upscalers, texture
):
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", 20)
    picture = texture(40, 30)
    with load_model(engine=engine) as upscaler:
        assert (upscaler.upscale(picture) == upscalers(2, engine).upscale(picture)).all()
        assert upscaler.statistics.tiles == 2 * 25


@pytest.mark.parametrize("halo_px", [0, 5, 7])
def test_a_network_with_another_halo_than_its_description_is_refused(model_bytes, reseal, halo_px):
    lie = parse_model(reseal(model_bytes, spec=lambda stored: {**stored, "halo_px": halo_px}), "")
    with pytest.raises(ModelUnsupported, match=rf"6x6 px .* description says {halo_px}"):  # 9-1-5: 4 + 0 + 2
        open_model(lie)


def test_a_network_of_other_channels_is_refused(model):
    layers = graph_of(model).layers
    for part, says in ((layers[:1], "1 channels in, 64 out"), (layers[2:], "32 channels in, 1 out")):
        channels = part[0].weights.shape[3]
        graph = Graph((20, 20, channels), graph_of(model).input, part)
        with pytest.raises(ModelUnsupported, match=says):
            open_model(replace(model, graph=write_graph(graph)))


def test_a_graph_that_is_none_is_refused(model):
    with pytest.raises(ModelUnsupported):
        open_model(replace(model, graph=b"\x1c\0\0\0TFL3" + bytes(64)))


def test_the_bicubic_engine_needs_no_graph(model, texture):
    with open_model(replace(model, graph=b""), engine="bicubic") as upscaler:
        assert (upscaler.upscale(texture(5, 4)) == upscale_bicubic(texture(5, 4), 2)).all()


def test_one_call_up_scales_one_picture(engine, upscalers, texture):
    for scale in (2, 3, 4):
        expected = upscalers(scale, engine).upscale(texture(9, 7, 3))
        assert (upscale(texture(9, 7, 3), scale=scale, engine=engine) == expected).all()
        assert (upscale(texture(9, 7, 3), f"srcnn-915-x{scale}", engine=engine) == expected).all()
