"""Delegates at the command line: what fails is told in a line, and a service goes on."""

import cv2
import pytest

from tests.edge_srcnn.machine import SLOWER

pytestmark = pytest.mark.slow

MODEL = "--model", "srcnn-915-x2"
SOURCE = "test:size=64x48,fps=max,frames=40"
BAD = (
    ("refuses", (), "the accelerator is asleep"),
    ("copies", ("prepare=abort",), "cannot begin (its process died (SIGABRT))"),
    ("copies", ("invoke=err",), "computes srcnn-915-x2 wrongly"),
)
LATER = ("invoke=abort", "after=20"), "lost (its process died (SIGABRT))"


@pytest.fixture
def flags(libraries):
    """Options for a library and its options, and ``MODEL``."""

    def make(name, options=()):
        library = "--delegate", libraries.path(name)
        return (*library, *(part for each in options for part in ("--delegate-option", each)), *MODEL)

    return make


@pytest.fixture
def pictures(tmp_path, texture):
    folder = tmp_path / "small"
    folder.mkdir()
    for number in range(12):
        cv2.imwrite(str(folder / f"{number:02}.png"), texture(48, 64, seed=number))
    return folder


def line_of(done, library):
    """What was said, in a line."""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and "Traceback" not in done.stderr
    assert f"{library}.so" in lines[0]
    return lines[0]


def test_pictures_are_the_same_through_a_delegate(run_cli, flags, pictures, tmp_path, traces):
    for folder, options in {"plain": MODEL, "idle": flags("idle"), "copies": flags("copies")}.items():
        done = run_cli("upscale", pictures, "-o", folder, "--quiet", *options)
        assert (done.returncode, done.stderr) == (0, "")
    for each in (tmp_path / "plain").iterdir():
        assert each.read_bytes() == (tmp_path / "idle" / each.name).read_bytes()
        assert each.read_bytes() == (tmp_path / "copies" / each.name).read_bytes()


@pytest.mark.parametrize(("name", "options", "said"), BAD)
def test_one_that_cannot_begin_ends_both_commands(run_cli, flags, pictures, name, options, said):
    upscaled = run_cli("upscale", pictures, "-o", "large", *flags(name, options))
    ran = run_cli("run", "--source", SOURCE, "--sink", "null:", *flags(name, options))
    for done in (upscaled, ran):
        assert done.returncode == 69
        assert said in line_of(done, name)


def test_pictures_before_a_loss_are_kept_and_those_after_are_told(run_cli, flags, pictures, tmp_path, engine):
    options, said = LATER
    done = run_cli("upscale", pictures, "-o", "large", "--engine", engine, *flags("copies", options))
    written = len(list((tmp_path / "large").glob("*.png")))
    assert done.returncode == 69
    assert 5 <= written < 12
    assert done.stderr.count(said) == 12 - written
    assert "Traceback" not in done.stderr


def test_a_run_ends_with_a_loss_and_a_steady_one_goes_on(run_cli, flags):
    for package in ("aiohttp", "simplejpeg", "prometheus_client"):
        pytest.importorskip(package)
    options, said = LATER
    arguments = ("run", "--sink", "null:", *flags("copies", options))
    done = run_cli(*arguments, "--source", SOURCE)
    assert done.returncode == 69
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    done = run_cli(*arguments, "--source", "test:size=64x48,fps=50", "--steady", "--seconds", 2 * SLOWER)
    assert done.returncode == 0
    assert f"computes, since {flags('copies')[1]} fails: " in done.stderr
    assert f"engine {flags('copies')[1]}: tried again" in done.stderr


def test_options_without_a_delegate_are_a_mistake(run_cli):
    done = run_cli("upscale", "x.png", "-o", "y", "--delegate-option", "a=b")
    assert done.returncode == 2
    assert "goes with --delegate" in done.stderr
    done = run_cli("run", "--source", SOURCE, "--sink", "null:", "--delegate", "x.so", "--delegate-option", "a")
    assert done.returncode == 2
    assert "give NAME=VALUE" in done.stderr
