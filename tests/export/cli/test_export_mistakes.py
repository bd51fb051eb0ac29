"""``edge-srcnn export`` and mistakes: exit statuses, and one line that says what to do."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_srcnn.imaging.luma import UInt8Array
from tests.export.cli.commands import Cli, run
from tests.export.layers import published

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]

Draw = Callable[..., UInt8Array]


def test_a_missing_folder_ends_with_66_and_one_line(tmp_path: Path) -> None:
    done = run("export", "--int8", "--data", tmp_path / "nowhere", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (66, "")
    assert done.stderr == f"edge-srcnn: {tmp_path}/nowhere: no such folder\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arch", "srcnn-999"], "--arch 'srcnn-999': use one of srcnn-915, srcnn-935, srcnn-955"),
        (["--arch", "fast-c16"], "--arch 'fast-c16': use fast-s, fast-m, fast-l, fast-xl, or fast-cWdN"),
        (["--arch", "vdsr"], "--arch 'vdsr': no such network; there are srcnn-915, "),
        (["--arch", "fast-m", "--filters", "8,4"], "--filters is for srcnn alone; fast-m has its width in its name"),
        (["--arch", "fast-m", "--form", "direct"], "fast-m puts out the residual: --form direct and --weights are"),
        (
            ["--arch", "fast-c12d4", "--symmetry", "square"],
            "--symmetry square: filters come in sets of 8, not 12",
        ),
        (["--arch", "fast-m", "--weights", "w.h5"], "fast-m puts out the residual: --form direct and --weights are"),
        (["--filters", "64"], "--filters '64': give two numbers, such as 64,32"),
        (["--filters", "64,zero"], "--filters '64,zero'"),
        (["--filters", "0,32"], "--filters '0,32'"),
        (["--filters", "8²,4"], "--filters '8²,4'"),
        (["--form", "fancy"], "--form 'fancy': use one of residual, direct"),
        (["--degradation", "blur"], "--degradation 'blur': use one of bicubic, cv2, camera"),
        (
            ["--arch", "fast-s", "--scale", "1"],
            "--degradation bicubic: changes nothing at --scale 1; give --degradation camera",
        ),
        (["--scale", "1", "--degradation", "cv2"], "--degradation cv2: changes nothing at --scale 1; give"),
        (["--precision", "int4"], "--precision 'int4': use one of float32, mixed_bfloat16"),
        (["--symmetry", "round"], "--symmetry 'round': use one of none, flips, square"),
        (["--symmetry", "flips", "--filters", "12,6"], "--symmetry flips: filters come in sets of 4, not 12,6; give "),
        (["--edges", "0.1"], "--edges 0.1: is for fast networks for x2 and pictures without noise; leave it out"),
        (
            ["--arch", "fast-s", "--edges", "0.1", "--degradation", "camera"],
            "--edges 0.1: is for fast networks for x2 and pictures without noise; leave it out",
        ),
        (["--arch", "fast-s", "--edges", "1"], "--edges 1: give a share of each batch, from 0 to less than 1"),
        (["--backend", "abacus"], "--backend 'abacus': use one of tensorflow, jax, torch"),
        (["--steps", "0"], "--steps and --minutes must be more than 0"),
        (["--minutes", "-1"], "--steps and --minutes must be more than 0"),
        (["--minutes", "nan"], "--steps and --minutes must be more than 0"),
        (["--minutes", "1", "--steps", "5"], "give either --steps or --minutes"),
        (["--devices", "none"], "--devices 'none': give a number from 1 on, or all"),
        (["--devices", "0"], "--devices '0': give a number from 1 on, or all"),
        (["--cluster", "here"], "--cluster 'here': give HOST:PORT of process 0, such as 10.0.0.1:4711, or auto"),
        (["--cluster", "10.0.0.1:4711"], "--cluster needs --rank K/N: process K, from 0 on, of N"),
        (["--rank", "0/2"], "--rank 0/2: give --cluster HOST:PORT too, the address of process 0"),
        (
            ["--cluster", "10.0.0.1:4711", "--rank", "0/2", "--weights", "w.h5"],
            "--cluster: --weights are packaged as they are, and nothing is trained",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_in_an_option_ends_with_2_and_one_line(
    cli: Cli, tmp_path: Path, arguments: list[str], message: str
) -> None:
    ended = cli("export", "-o", tmp_path / "out", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"edge-srcnn: {message}")
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [["--scale", "5"], ["--scale", "0"], ["--seed", "-1"], ["--steps", "many"], ["--nonsense"]]
)
def test_options_that_make_no_sense_at_all_end_with_2(cli: Cli, arguments: list[str]) -> None:
    ended = cli("export", *arguments)
    assert ended.status == 2
    assert arguments[0] in ended.err


def test_several_processes_on_tensorflow_end_with_2_and_one_line(tmp_path: Path) -> None:
    together = ("--cluster", "127.0.0.1:4711", "--rank", "0/2", "--backend", "tensorflow")
    done = run("export", "--int8", *together, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "edge-srcnn: --cluster: Keras trains in several processes on JAX alone, not on tensorflow; give --backend jax\n"
    )


def test_a_batch_that_the_devices_cannot_share_ends_with_2(tmp_path: Path) -> None:
    done = run("export", "--int8", "--devices", "2", "--batch", "63", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "--devices 2: 2 virtual devices of one processor: to try it out, for they are no faster than one",
        "edge-srcnn: --batch 63: 2 devices share it; give a multiple, such as 64",
    ]


def test_weights_of_another_shape_end_with_65_and_the_options_that_fit(
    cli: Cli, tmp_path: Path, pictures: Path
) -> None:
    weights = published(tmp_path)
    ended = cli("export", "--weights", weights, "--data", pictures, "-o", tmp_path / "out")
    assert (ended.status, ended.out) == (65, "")
    assert ended.err == (
        f"edge-srcnn: {weights}: layer 1 is 9x9x1->8, but srcnn-915 with filters 64,32"
        " wants 9x9x1->64; try --arch srcnn-915 --filters 8,4\n"
    )


def test_missing_weights_end_with_66(cli: Cli, tmp_path: Path, pictures: Path) -> None:
    ended = cli("export", "--weights", tmp_path / "nowhere.h5", "--data", pictures, "-o", tmp_path / "out")
    assert (ended.status, ended.err) == (66, f"edge-srcnn: {tmp_path}/nowhere.h5: no such file\n")


@pytest.fixture
def two_pictures(tmp_path: Path, draw: Draw) -> Path:
    """A folder of two pictures, 100 pixels high."""
    folder = tmp_path / "data"
    folder.mkdir()
    for seed in range(2):
        Image.fromarray(draw(seed, 100, 120)).save(folder / f"{seed}.png")
    return folder


def test_a_picture_that_holds_one_patch_and_its_surroundings_is_enough(
    cli: Cli, tmp_path: Path, two_pictures: Path
) -> None:
    few = ("--filters", "4,2", "--steps", "1", "--data", two_pictures)
    assert cli("export", "--int8", *few, "--patch", 88, "-o", tmp_path / "out").status == 0  # 88 + 2 * 6


def test_pictures_that_hold_no_patch_with_its_surroundings_end_with_65(
    cli: Cli, tmp_path: Path, two_pictures: Path
) -> None:
    few = ("--filters", "4,2", "--steps", "1", "--data", two_pictures)
    ended = cli("export", "--int8", *few, "--patch", 89, "-o", tmp_path / "out")
    assert ended.status == 65
    assert ended.err.endswith("0 usable pictures of 2; training needs 2 or more of 101 pixels\n")


def test_an_interrupt_ends_with_130(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("export.run.run_export", interrupt)
    assert cli("export", "-o", tmp_path / "out").status == 130


@pytest.mark.parametrize(
    "words",
    [
        ["--data", "nowhere"],
        ["--evaluate", "nowhere"],
        ["--weights", "nowhere.h5"],
        ["--start-from", "nowhere.tflite"],
        ["--teacher", "nowhere.tflite"],
        ["--arch", "fast-q"],
        ["--symmetry", "square", "--filters", "12,4"],
        ["--int8", "--steps", "9", "--name", "there", "-o", "."],
    ],
    ids=" ".join,
)
def test_a_mistake_is_told_before_keras_is_loaded_which_takes_seconds(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "there.tflite").touch()
    code = "import sys; from edge_srcnn.cli import main\ntry: main()\nfinally: print('keras' in sys.modules)"
    command = [sys.executable, "-c", code, "export", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode != 0
    assert (done.stdout, done.stderr.count("\n")) == ("False\n", 1)
