"""Several engines at one picture: the bytes of one."""

import threading

import numpy as np
import pytest

from edge_srcnn.engine.parallel import ParallelLuma
from edge_srcnn.errors import DelegateLost
from edge_srcnn.imaging import bicubic
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.upscaler import load_model


def lumas(count, name="srcnn-915-x2", **options):
    return [load_model(name, threads=1, tile="32x64", **options)._luma for _ in range(count)]


def noise(height, width):
    return np.random.default_rng(height).integers(0, 256, (height, width), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (7, 30), (64, 80), (100, 131)])
@pytest.mark.parametrize(("name", "tile_columns"), [("srcnn-915-x2", 32), ("fast-s-x2", 64)])
def test_the_bytes_are_those_of_one(engine, count, size, name, tile_columns):
    luma = noise(*size)
    (alone,) = lumas(1, name, engine=engine)
    together = ParallelLuma(lumas(count, name, engine=engine), tile_columns)
    expected = alone.upscale(luma)
    assert (together.upscale(luma) == expected).all()
    out = np.zeros_like(expected)
    assert together.upscale(luma, out) is out
    assert (out == expected).all()
    together.close()


def test_a_region_is_shared_too(engine):
    luma, region = noise(60, 80), Tile(13, 20, 90, 100)
    (alone,) = lumas(1, engine=engine)
    together = ParallelLuma(lumas(3, engine=engine), 32)
    assert (together.upscale(luma, region=region) == alone.upscale(luma, region=region)).all()
    together.close()


def test_each_computes_a_part_of_the_tiles_at_the_same_time(engine):
    parts = lumas(2, engine=engine)
    both = threading.Barrier(2)
    for part in parts:
        whole = part.upscale
        part.upscale = lambda *given, whole=whole, **by_name: (both.wait(10), whole(*given, **by_name))[1]
    together = ParallelLuma(parts, 32)
    together.upscale(noise(64, 64))
    first, second = (part.statistics.tiles for part in parts)
    assert (first, second) == (4, 4)
    assert (together.statistics.tiles, together.statistics.frames) == (8, 1)
    together.close()


def test_one_that_is_lost_is_an_error():
    class Lost:
        scale = 2

        def upscale(self, *given, strength):
            raise DelegateLost("gone")

        def close(self):
            pass

    together = ParallelLuma([*lumas(1), Lost()], 32)
    with pytest.raises(DelegateLost, match="gone"):
        together.upscale(noise(80, 80))
    together.close()


@pytest.mark.parametrize("region", [None, Tile(13, 20, 90, 100)])
@pytest.mark.parametrize("count", [2, 3])
def test_bands_of_a_large_picture_are_those_of_one(engine, monkeypatch, count, region):
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", 20)
    luma = noise(70, 80)
    (alone,) = lumas(1, engine=engine)
    together = ParallelLuma(lumas(count, engine=engine), 64)
    for number in range(4):
        sharp, soft = alone.band(luma, number, region)
        assert [each.tobytes() for each in together.band(luma, number, region)] == [sharp.tobytes(), soft.tobytes()]
    assert together.statistics.frames == alone.statistics.frames == 1
    together.close()
