"""``--strength`` of the commands: 0 is bicubic, 1 what it was, auto less in noise, and nonsense is refused."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")

from tests.edge_srcnn.cli.recordings import USAGE
from tests.edge_srcnn.clips import encode, flat

pytestmark = pytest.mark.slow

FAST = ("--model", "fast-s-x2", "--overwrite", "--quiet")


@pytest.fixture
def upscaled(run_cli, tmp_path):
    """Upscale a file by the command; the pixels of the result."""

    def run(name, *options):
        done = run_cli("upscale", name, "-o", "out.png", *FAST, *options)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        with Image.open(tmp_path / "out.png") as image:
            return np.asarray(image)

    return run


@pytest.mark.parametrize("channels", [None, 3, 4])
def test_a_picture_at_strength_0_is_bicubic_and_at_1_what_it_was(upscaled, tmp_path, texture, channels):
    Image.fromarray(texture(40, 60, channels)).save(tmp_path / "in.png")
    usual, plain = upscaled("in.png"), upscaled("in.png", "--engine", "bicubic")
    assert (upscaled("in.png", "--strength", "0") == plain).all()
    assert (upscaled("in.png", "--strength", "1") == usual).all()
    half = upscaled("in.png", "--strength", "0.5").astype(int)
    inside = (usual > 0) & (usual < 255) & (plain > 0) & (plain < 255)
    assert np.abs(2 * half - usual - plain)[inside].max() <= 1
    assert (half != plain).any()


def test_auto_leaves_a_noisy_picture_to_bicubic_scaling_and_a_clean_one_to_the_network(upscaled, tmp_path, texture):
    noise = np.random.default_rng(0).normal(128, 12, (80, 90))
    Image.fromarray(np.clip(np.rint(noise), 0, 255).astype(np.uint8)).save(tmp_path / "noisy.png")
    drawing = np.full((64, 64), 200, np.uint8)
    drawing[20:44, 20:44] = 30
    Image.fromarray(drawing).save(tmp_path / "clean.png")
    for name, same in (("noisy.png", ("--engine", "bicubic")), ("clean.png", ())):
        assert (upscaled(name, "--strength", "auto") == upscaled(name, *same)).all()


def test_auto_tells_the_strength_that_it_chose(run_cli, tmp_path, texture):
    Image.fromarray(np.full((40, 50), 90, np.uint8)).save(tmp_path / "clean.png")
    noise = np.random.default_rng(0).normal(128, 12, (40, 50, 3))
    Image.fromarray(np.clip(np.rint(noise), 0, 255).astype(np.uint8)).save(tmp_path / "noisy.png")
    done = run_cli("upscale", "clean.png", "noisy.png", "-o", "out", "--model", "fast-s-x2", "--strength", "auto")
    assert [line.rpartition(", ")[2] for line in done.stdout.splitlines()] == ["strength 1.00)", "strength 0.00)"]
    done = run_cli("upscale", "clean.png", "-o", "out2", "--model", "fast-s-x2", "--strength", "0.5")
    assert "strength" not in done.stdout


def test_a_video_at_strength_0_is_bicubic(run_cli, tmp_path):
    av = pytest.importorskip("av")
    encode(tmp_path / "in.mp4", [flat((60 + 40 * n, 100, 150), 48, 64) for n in range(3)])
    planes = []
    for options in (("--strength", "0"), ("--engine", "bicubic")):
        done = run_cli("upscale", "in.mp4", "-o", "out.mp4", *FAST, *options)
        assert done.returncode == 0, done.stderr
        with av.open(str(tmp_path / "out.mp4")) as video:
            planes.append([frame.to_ndarray() for frame in video.decode(video=0)])
    assert len(planes[0]) == 3
    assert all((one == other).all() for one, other in zip(*planes, strict=True))


@pytest.mark.parametrize("command", [("upscale", "in.png", "-o", "out.png"), ("compare", "in.png", "-o", "out.png")])
@pytest.mark.parametrize("asked", ["1.6", "-0.1", "nan", "inf", "strong", ""])
def test_a_strength_that_makes_no_sense_is_refused_before_anything_is_written(
    run_cli, tmp_path, texture, command, asked
):
    Image.fromarray(texture(8, 8)).save(tmp_path / "in.png")
    done = run_cli(*command, "--strength", asked)
    assert (done.returncode, done.stdout) == (USAGE, ""), done.stderr
    assert done.stderr == (
        f"edge-srcnn: strength {asked}: give a number from 0 (bicubic) to 1.5, 1 is as trained; or auto\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_models_are_compared_at_a_strength(run_cli, tmp_path, texture):
    Image.fromarray(texture(60, 80)).save(tmp_path / "in.png")
    done = run_cli("compare", "in.png", "-o", "out.png", "--model", "fast-s-x2", "--strength", "0")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out.png") as image:
        sheet = np.asarray(image.convert("L"))
    left, right = sheet[40:, :640], sheet[40:, 650:1290]
    assert (left == right).all()


def test_a_live_stream_ends_with_the_strength_in_its_line(start):
    running = start("run", "--source", "test:size=64x48,fps=25,frames=20", "--sink", "null:", "--strength", "0.5")
    _, said = running.communicate(timeout=120)
    assert running.returncode == 0, said
    assert b", strength 0.5, " in said
