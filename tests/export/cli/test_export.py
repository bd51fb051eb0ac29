"""``edge-srcnn export`` as users run it: a real process for what it makes, its exit statuses, and what it says."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import edge_srcnn.cli
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.system import native_stderr
from export.architectures import find_architecture
from export.training.checkpoints import begin_with
from export.training.network import build_model
from export.training.symmetry import SYMMETRIES, check_symmetric

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]

Draw = Callable[..., UInt8Array]
Process = subprocess.CompletedProcess[str]


def run(*arguments: str | Path) -> Process:
    command = [sys.executable, "-m", "edge_srcnn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@dataclass(frozen=True)
class Ended:
    """How a command ended inside this process."""

    status: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs a command inside this process, which has TensorFlow loaded already."""

    def ended(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(native_stderr, "drop_native_log", lambda: None)  # it would drop pytest's standard error
        monkeypatch.setattr(sys, "argv", ["edge-srcnn", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            edge_srcnn.cli.main()
        printed = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return Ended(caught.value.code, printed.out, printed.err)

    return ended


@pytest.fixture(scope="module")
def exported(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Process]:
    output = tmp_path_factory.mktemp("exported")
    return output, run("export", "--int8", "--filters", "8,4", "--steps", "3", "--data", pictures, "-o", output)


def test_it_makes_a_model_a_card_and_a_report(exported: tuple[Path, Process]) -> None:
    output, done = exported
    assert done.returncode == 0, done.stderr
    assert {path.name for path in output.iterdir()} == {
        "srcnn-915-x2.tflite",
        "srcnn-915-x2.md",
        "srcnn-915-x2.html",
        "srcnn-915-x2.training",
    }


def test_it_says_nothing_on_standard_error(exported: tuple[Path, Process]) -> None:
    assert exported[1].stderr == "", "TensorFlow's chatter is dropped; there is no progress bar without a terminal"


def test_it_prints_what_it_made(exported: tuple[Path, Process]) -> None:
    output, done = exported
    for method in ("bicubic-matlab", "bicubic", "float32", "int8"):
        assert re.search(rf"^held-out +{method} +\d\d\.\d\d +0\.\d{{4}}$", done.stdout, re.MULTILINE)
    for kind, name in (("int8", "srcnn-915-x2.tflite"), ("card", "srcnn-915-x2.md"), ("report", "srcnn-915-x2.html")):
        assert re.search(rf"^{kind} +{re.escape(str(output / name))}  \(\d+ kB\)$", done.stdout, re.MULTILINE)
    assert f"edge-srcnn upscale photo.png -o large.png --model {output}/srcnn-915-x2.tflite" in done.stdout


def test_the_model_it_made_upscales_a_picture(exported: tuple[Path, Process], tmp_path: Path, draw: Draw) -> None:
    Image.fromarray(draw(3, 40, 50)).save(tmp_path / "photo.png")
    model = exported[0] / "srcnn-915-x2.tflite"
    done = run("upscale", tmp_path / "photo.png", "-o", tmp_path / "large.png", "--model", model)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "large.png") as large:
        assert large.size == (100, 80)


def test_the_command_on_the_card_makes_the_same_file_again(
    exported: tuple[Path, Process], pictures: Path, tmp_path: Path
) -> None:
    output, _ = exported
    card = (output / "srcnn-915-x2.md").read_text()
    (command,) = (line for line in card.splitlines() if line.startswith("edge-srcnn "))
    assert command == f"edge-srcnn export --int8 --filters 8,4 --data {pictures.name}/ --steps 3"
    assert "the same file, byte for byte" in card
    words = [*command.split()[1:], "-o", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "edge_srcnn", *words], cwd=pictures.parent, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "srcnn-915-x2.tflite").read_bytes() == (output / "srcnn-915-x2.tflite").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "symmetry"),
    [
        (["--arch", "srcnn-935", "--filters", "8,8"], "square"),
        (["--arch", "srcnn-935", "--filters", "8,8", "--symmetry", "none"], "none"),
        (["--arch", "srcnn-915", "--filters", "8,8"], "none"),
        (["--arch", "srcnn-915", "--filters", "8,8", "--symmetry", "flips"], "flips"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_filters_have_the_symmetry_that_was_asked_for(
    cli: Callable[..., Ended], pictures: Path, tmp_path: Path, arguments: list[str], symmetry: str
) -> None:
    few = ("--steps", "3", "--batch", "8")
    assert cli("export", "--float32", *few, "--data", pictures, "-o", tmp_path, *arguments).status == 0
    (weights,) = tmp_path.glob("*.training/*.weights.h5")
    model = build_model(find_architecture(arguments[1], filters=(8, 8)))
    begin_with(model, find_architecture(arguments[1], filters=(8, 8)), weights)
    assert {name for name in SYMMETRIES if _keeps(model, name)} == {"none", symmetry}


def test_a_network_for_another_scale_begins_with_the_body_of_a_model(
    cli: Callable[..., Ended], pictures: Path, tmp_path: Path
) -> None:
    common = ("export", "--steps", "1", "--batch", "2", "--float32", "--data", pictures, "-o", tmp_path)
    assert cli(*common, "--arch", "fast-s", "--scale", "2").status == 0
    (weights,) = (tmp_path / "fast-s-x2.training").glob("*.weights.h5")
    assert cli(*common, "--arch", "fast-s", "--scale", "3", "--start-from", weights).status == 0
    card = (tmp_path / "fast-s-x3.md").read_text()
    assert card.startswith("# fast-s-x3\n\nA fast network (fast-c")
    assert "--arch fast-s --scale 3" in card


def _keeps(model: keras.Model, name: str) -> bool:
    try:
        check_symmetric(model, SYMMETRIES[name], "exported")
    except UsageError:
        return False
    return True


def test_a_missing_folder_ends_with_66_and_one_line(tmp_path: Path) -> None:
    done = run("export", "--int8", "--data", tmp_path / "nowhere", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (66, "")
    assert done.stderr == f"edge-srcnn: {tmp_path}/nowhere: no such folder\n"
    assert not (tmp_path / "out").exists()


def test_existing_files_end_with_73(exported: tuple[Path, Process], pictures: Path, cli: Callable[..., Ended]) -> None:
    output, _ = exported
    before = (output / "srcnn-915-x2.tflite").read_bytes()
    ended = cli("export", "--int8", "--steps", "3", "--data", pictures, "-o", output)
    assert ended.status == 73
    assert ended.err == f"edge-srcnn: {output}/srcnn-915-x2.tflite: exists already; give --overwrite to replace it\n"
    assert (output / "srcnn-915-x2.tflite").read_bytes() == before


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
        (["--precision", "int4"], "--precision 'int4': use one of float32, mixed_bfloat16"),
        (["--symmetry", "round"], "--symmetry 'round': use one of none, flips, square"),
        (["--symmetry", "flips", "--filters", "12,6"], "--symmetry flips: filters come in sets of 4, not 12,6; give "),
        (["--backend", "abacus"], "--backend 'abacus': use one of tensorflow, jax, torch"),
        (["--steps", "0"], "--steps and --minutes must be more than 0"),
        (["--minutes", "-1"], "--steps and --minutes must be more than 0"),
        (["--minutes", "nan"], "--steps and --minutes must be more than 0"),
        (["--minutes", "1", "--steps", "5"], "give either --steps or --minutes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_in_an_option_ends_with_2_and_one_line(
    cli: Callable[..., Ended], tmp_path: Path, arguments: list[str], message: str
) -> None:
    ended = cli("export", "-o", tmp_path / "out", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"edge-srcnn: {message}")
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--scale", "5"], ["--seed", "-1"], ["--steps", "many"], ["--nonsense"]])
def test_options_that_make_no_sense_at_all_end_with_2(cli: Callable[..., Ended], arguments: list[str]) -> None:
    ended = cli("export", *arguments)
    assert ended.status == 2
    assert arguments[0] in ended.err


def published(folder: Path) -> Path:
    """Weights of the direct form with 8 and 4 filters."""
    convolutions = [keras.layers.Conv2D(n, k) for n, k in ((8, 9), (4, 1), (1, 5))]
    path = folder / "trained_SRCNN.weights.h5"
    keras.Sequential([keras.Input((None, None, 1)), *convolutions]).save_weights(path)
    return path


def test_weights_of_another_shape_end_with_65_and_the_options_that_fit(
    cli: Callable[..., Ended], tmp_path: Path, pictures: Path
) -> None:
    weights = published(tmp_path)
    ended = cli("export", "--weights", weights, "--data", pictures, "-o", tmp_path / "out")
    assert (ended.status, ended.out) == (65, "")
    assert ended.err == (
        f"edge-srcnn: {weights}: layer 1 is 9x9x1->8, but srcnn-915 with filters 64,32"
        " wants 9x9x1->64; try --arch srcnn-915 --filters 8,4\n"
    )


def test_published_weights_become_a_direct_model_of_unstated_licence(
    cli: Callable[..., Ended], tmp_path: Path, pictures: Path
) -> None:
    common = ("export", "--weights", published(tmp_path), "--filters", "8,4", "--float32")
    assert cli(*common, "--data", pictures, "-o", tmp_path / "out").status == 0
    card = (tmp_path / "out" / "srcnn-915-x2.md").read_text()
    assert "the picture itself (the paper's direct form)" in card
    assert "Licence of the training pictures: not stated." in card
    assert {path.name for path in (tmp_path / "out").glob("*.tflite")} == {"srcnn-915-x2-float32.tflite"}


def test_for_an_edge_tpu_without_its_compiler_it_ends_with_69_and_says_what_to_do(
    cli: Callable[..., Ended], tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    common = ("export", "--int8", "--edgetpu", "--weights", published(tmp_path), "--filters", "8,4")
    ended = cli(*common, "--data", pictures, "-o", tmp_path / "out")
    assert ended.status == 69
    assert ended.err.startswith("edge-srcnn: edgetpu_compiler is not on the PATH")
    assert "verdict: full" in ended.out
    assert "edgetpu_compiler -s -t 600 -o . srcnn-915-x2-tpu.tflite" in ended.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"srcnn-915-x2{end}" for end in (".tflite", "-tpu.tflite", ".md", ".html")}


def test_missing_weights_end_with_66(cli: Callable[..., Ended], tmp_path: Path, pictures: Path) -> None:
    ended = cli("export", "--weights", tmp_path / "nowhere.h5", "--data", pictures, "-o", tmp_path / "out")
    assert (ended.status, ended.err) == (66, f"edge-srcnn: {tmp_path}/nowhere.h5: no such file\n")


def test_pictures_that_were_skipped_are_listed_on_standard_error(
    cli: Callable[..., Ended], tmp_path: Path, draw: Draw
) -> None:
    (tmp_path / "data").mkdir()
    for seed in range(2):
        Image.fromarray(draw(seed, 100, 100)).save(tmp_path / "data" / f"{seed}.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "data" / "tiny.png")
    ended = cli(
        "export", "--int8", "--filters", "4,2", "--steps", "1", "--data", tmp_path / "data", "-o", tmp_path / "out"
    )
    assert ended.status == 0
    assert ended.err == f"skipped: {tmp_path}/data/tiny.png: smaller than 48 pixels\n"


@pytest.mark.parametrize("patch", [8, 128])
def test_pictures_must_hold_a_patch_and_its_surroundings(
    cli: Callable[..., Ended], tmp_path: Path, draw: Draw, patch: int
) -> None:
    (tmp_path / "data").mkdir()
    for seed in range(2):
        Image.fromarray(draw(seed, 100, 120)).save(tmp_path / "data" / f"{seed}.png")
    ended = cli(
        *("export", "--int8", "--filters", "4,2", "--steps", "1", "--patch", patch),
        *("--data", tmp_path / "data", "-o", tmp_path / "out"),
    )
    if patch == 8:
        assert ended.status == 0
    else:
        assert ended.status == 65
        assert ended.err.endswith("0 usable pictures of 2; training needs 2 or more of 140 pixels\n")


def test_an_interrupt_ends_with_130(cli: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("export.run.run_export", interrupt)
    assert cli("export", "-o", tmp_path / "out").status == 130


def test_help_shows_examples_without_loading_tensorflow() -> None:
    done = run("export", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "edge-srcnn export --int8 --minutes 5" in " ".join(done.stdout.split())
