"""An engine in a process of its own gives the processor's bytes, whatever is asked of it."""

import cv2
import numpy as np
import pytest

from edge_srcnn.imaging.bicubic import BAND_ROWS, WHOLE_PIXELS
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.upscaler import load_model

pytestmark = pytest.mark.slow

SIZES = ((48, 64), (120, 160), (33, 47), (3, 5), (1, 1), (481, 641))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_planes_of_all_sizes_and_pictures_with_colours(engine, upscalers, texture, scale, traces):
    here = upscalers(scale, engine)
    with load_model(scale=scale, engine=engine, isolate=True) as there:
        assert (there.engine, there.scale) == (here.engine, scale)
        assert there.self_test() == here.self_test()
        for height, width in SIZES[: 6 if scale == 2 else 4]:
            plane = texture(height, width)
            assert (there.upscale(plane) == here.upscale(plane)).all()
            assert (there.run_network(plane) == here.run_network(plane)).all()
        for channels in (2, 3, 4):
            picture = texture(50, 70, channels)
            assert (there.upscale(picture) == here.upscale(picture)).all()


def test_a_region_and_a_place_for_the_result(engine, upscalers, texture):
    here, plane, out = upscalers(2, engine), texture(90, 130), np.zeros((180, 260), np.uint8)
    with load_model(engine=engine, isolate=True) as there:
        for region in (Tile(10, 20, 100, 120), Tile(0, 0, 1, 1), None):
            assert there.upscale(plane, out, region) is out
            assert (out == here.upscale(plane, region=region)).all()


def test_a_large_picture_comes_in_bands(engine, upscalers, texture):
    picture = np.tile(texture(430, 200, 3), (5, 10, 1))
    assert picture[..., 0].size > WHOLE_PIXELS
    with load_model("fast-s-x2", engine=engine, isolate=True) as there:
        bands = list(there.bands(picture))
    assert [top for top, _ in bands] == list(range(0, 2 * len(picture), 2 * BAND_ROWS))
    expected = upscalers(engine=engine, name="fast-s-x2").upscale(picture)
    assert (np.vstack([band for _, band in bands]) == expected).all()


@pytest.mark.parametrize("delegated", [False, True])
def test_reuse_of_still_tiles(engine, upscalers, texture, libraries, delegated):
    here, plane = upscalers(2, engine), texture(240, 320)
    delegate = libraries.delegate("copies") if delegated else None
    with load_model(engine=engine, isolate=True, reuse=True, delegate=delegate) as there:
        for step in range(4):
            plane[step * 3 : step * 3 + 5, 40:60] += 31
            assert (there.upscale(plane) == here.upscale(plane)).all()
        assert 0 < there.statistics.tiles_reused < there.statistics.tiles
        assert there.statistics.frames == 4


def test_frames_of_video(engine, upscalers, texture):
    chroma = (texture(30, 40, seed=1), texture(30, 40, seed=2))
    frame = Frame(texture(60, 80), chroma, Colour(), 0, 0.0, 0.0)
    with load_model(engine=engine, isolate=True) as there:
        ours, theirs = upscalers(2, engine).upscale_frame(frame), there.upscale_frame(frame)
    assert (ours.luma == theirs.luma).all()
    assert all((one == other).all() for one, other in zip(ours.chroma, theirs.chroma, strict=True))


def test_its_statistics_can_be_begun_anew(engine, texture):
    with load_model(engine=engine, isolate=True) as there:
        for _ in range(3):
            there.upscale(texture(48, 64))
        assert there.statistics.frames == 3
        there.statistics.clear()
        there.upscale(texture(48, 64))
        assert there.statistics.frames == there.statistics.tiles == 1
        assert there.statistics.invoke_s > 0


def test_pictures_at_the_command_line(run_cli, tmp_path, texture):
    cv2.imwrite(str(tmp_path / "small.png"), texture(60, 90, 3))
    for name, options in {"here": (), "there": ("--isolate",)}.items():
        done = run_cli("upscale", "small.png", "-o", f"{name}.png", *options)
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "here.png").read_bytes() == (tmp_path / "there.png").read_bytes()


def test_a_stream_at_the_command_line(run_cli, tmp_path):
    for name, options in {"here": (), "there": ("--isolate", "--reuse")}.items():
        source = "test:size=64x48,fps=max,frames=10"
        done = run_cli("run", "--source", source, "--sink", f"y4m:{name}.y4m", *options)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "here.y4m").stat().st_size > 10 * 128 * 96
    assert (tmp_path / "here.y4m").read_bytes() == (tmp_path / "there.y4m").read_bytes()
