"""``edge-srcnn export`` as users run it: what it makes, and what it says."""

import re
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.bundled import find_model
from export.architectures import find_architecture
from export.training.network import build_model
from export.training.plan import SYMMETRIES
from export.training.start_from import begin_with
from export.training.symmetry import check_symmetric
from tests.export.cli.commands import Cli, Process, run
from tests.export.layers import published

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]

Draw = Callable[..., UInt8Array]


@pytest.fixture(scope="module")
def exported(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Process]:
    output = tmp_path_factory.mktemp("exported")
    return output, run("export", "--int8", "--filters", "8,4", "--steps", "3", "--data", pictures, "-o", output)


def test_it_makes_a_model_a_card_and_a_report(exported: tuple[Path, Process]) -> None:
    output, done = exported
    assert done.returncode == 0, done.stderr
    assert {path.name for path in output.iterdir()} == {
        "srcnn-915-x2-short.tflite",
        "srcnn-915-x2-short.md",
        "srcnn-915-x2-short.html",
        "srcnn-915-x2.training",
    }


def test_it_says_nothing_on_standard_error(exported: tuple[Path, Process]) -> None:
    assert exported[1].stderr == "", "TensorFlow's chatter is dropped; there is no progress bar without a terminal"


def test_it_prints_what_it_made(exported: tuple[Path, Process]) -> None:
    output, done = exported
    for method in ("bicubic-matlab", "bicubic", "float32", "int8"):
        assert re.search(rf"^held-out +{method} +\d\d\.\d\d +0\.\d{{4}}$", done.stdout, re.MULTILINE)
    for kind, name in (
        ("int8", "srcnn-915-x2-short.tflite"),
        ("card", "srcnn-915-x2-short.md"),
        ("report", "srcnn-915-x2-short.html"),
    ):
        assert re.search(rf"^{kind} +{re.escape(str(output / name))}  \(\d+ kB\)$", done.stdout, re.MULTILINE)
    assert f"edge-srcnn upscale photo.png -o large.png --model {output}/srcnn-915-x2-short.tflite" in done.stdout


def test_it_does_not_flatter(exported: tuple[Path, Process]) -> None:
    output, done = exported
    beside = re.search(
        r"^\d\.\d\d dB (below|above) the bundled [a-z0-9-]+ on the held-out pictures\.$", done.stdout, re.M
    )
    assert beside is not None
    short = "Short training: 3 steps, where 5,000 and more are usual."
    assert f"\n{short}\n" in done.stdout
    card = (output / "srcnn-915-x2-short.md").read_text()
    assert card.startswith("# srcnn-915-x2-short\n")
    assert beside[0] in card
    assert short in card
    assert f'<p class="verdict">{beside[0]} {short} ' in (output / "srcnn-915-x2-short.html").read_text()


def test_the_model_it_made_upscales_a_picture(exported: tuple[Path, Process], tmp_path: Path, draw: Draw) -> None:
    Image.fromarray(draw(3, 40, 50)).save(tmp_path / "photo.png")
    model = exported[0] / "srcnn-915-x2-short.tflite"
    done = run("upscale", tmp_path / "photo.png", "-o", tmp_path / "large.png", "--model", model)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "large.png") as large:
        assert large.size == (100, 80)


def test_the_command_on_the_card_makes_the_same_file_again(
    exported: tuple[Path, Process], pictures: Path, tmp_path: Path
) -> None:
    output, _ = exported
    card = (output / "srcnn-915-x2-short.md").read_text()
    (command,) = (line for line in card.splitlines() if line.startswith("edge-srcnn "))
    assert command == f"edge-srcnn export --int8 --filters 8,4 --data {pictures.name}/ --steps 3"
    assert "the same file, byte for byte" in card
    done = run(*command.split()[1:], "-o", tmp_path, folder=pictures.parent)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "srcnn-915-x2-short.tflite").read_bytes() == (output / "srcnn-915-x2-short.tflite").read_bytes()


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
    cli: Cli, pictures: Path, tmp_path: Path, arguments: list[str], symmetry: str
) -> None:
    few = ("--steps", "3", "--batch", "8")
    assert cli("export", "--float32", *few, "--data", pictures, "-o", tmp_path, *arguments).status == 0
    (weights,) = tmp_path.glob("*.training/*.weights.h5")
    model = build_model(find_architecture(arguments[1], filters=(8, 8)))
    begin_with(model, find_architecture(arguments[1], filters=(8, 8)), weights)
    assert {name for name in SYMMETRIES if _keeps(model, name)} == {"none", symmetry}


def test_a_network_for_another_scale_begins_with_the_body_of_a_model(cli: Cli, pictures: Path, tmp_path: Path) -> None:
    common = ("export", "--steps", "1", "--batch", "2", "--float32", "--data", pictures, "-o", tmp_path)
    assert cli(*common, "--arch", "fast-s", "--scale", "2").status == 0
    (weights,) = (tmp_path / "fast-s-x2.training").glob("*.weights.h5")
    assert cli(*common, "--arch", "fast-s", "--scale", "3", "--start-from", weights).status == 0
    card = (tmp_path / "fast-s-x3-short.md").read_text()
    assert card.startswith("# fast-s-x3-short\n\nA fast network (fast-c")
    assert "--arch fast-s --scale 3" in card


def test_a_training_begins_with_a_bundled_model(cli: Cli, pictures: Path, tmp_path: Path) -> None:
    common = ("export", "--steps", "1", "--batch", "2", "--learning-rate", "1e-9", "--float32", "--arch", "fast-s")
    for begun, output in (("fast-s-x2", tmp_path / "a"), (find_model("fast-s-x2", 2), tmp_path / "b")):
        assert cli(*common, "--data", pictures, "--start-from", begun, "-o", output).status == 0
        assert f"--start-from {Path(begun).name} " in (output / "fast-s-x2-short.md").read_text()
    ended = cli(*common, "--data", pictures, "--start-from", "fast-m-x2", "-o", tmp_path / "c")
    assert ended.status == 65
    assert "fast-m-x2 is a fast-c16d4 for x2; give a model of fast-s (fast-c8d4, x2)" in ended.err


def _keeps(model: keras.Model, name: str) -> bool:
    try:
        check_symmetric(model, SYMMETRIES[name], "exported")
    except UsageError:
        return False
    return True


def test_existing_files_end_with_73(exported: tuple[Path, Process], pictures: Path, cli: Cli) -> None:
    output, _ = exported
    before = (output / "srcnn-915-x2-short.tflite").read_bytes()
    ended = cli("export", "--int8", "--steps", "3", "--data", pictures, "-o", output)
    assert ended.status == 73
    told = "exists already; give --overwrite to replace it"
    assert ended.err == f"edge-srcnn: {output}/srcnn-915-x2-short.tflite: {told}\n"
    assert (output / "srcnn-915-x2-short.tflite").read_bytes() == before


def test_published_weights_become_a_direct_model_of_unstated_licence(cli: Cli, tmp_path: Path, pictures: Path) -> None:
    common = ("export", "--weights", published(tmp_path), "--filters", "8,4", "--float32")
    assert cli(*common, "--data", pictures, "-o", tmp_path / "out").status == 0
    card = (tmp_path / "out" / "srcnn-915-x2-own.md").read_text()
    assert "the picture itself (the paper's direct form)" in card
    assert "Licence of the training pictures: not stated." in card
    assert {path.name for path in (tmp_path / "out").glob("*.tflite")} == {"srcnn-915-x2-own-float32.tflite"}


def test_for_an_edge_tpu_without_its_compiler_it_ends_with_69_and_says_what_to_do(
    cli: Cli, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    common = ("export", "--int8", "--edgetpu", "--weights", published(tmp_path), "--filters", "8,4")
    ended = cli(*common, "--data", pictures, "-o", tmp_path / "out")
    assert ended.status == 69
    assert ended.err.startswith("edge-srcnn: edgetpu_compiler is not on the PATH")
    assert "verdict: full" in ended.out
    assert "edgetpu_compiler -s -t 600 -o . srcnn-915-x2-own-tpu.tflite" in ended.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"srcnn-915-x2-own{end}" for end in (".tflite", "-tpu.tflite", ".md", ".html")}


def test_pictures_that_were_skipped_are_listed_on_standard_error(cli: Cli, tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "data").mkdir()
    for seed in range(2):
        Image.fromarray(draw(seed, 100, 100)).save(tmp_path / "data" / f"{seed}.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "data" / "tiny.png")
    ended = cli(
        "export", "--int8", "--filters", "4,2", "--steps", "1", "--data", tmp_path / "data", "-o", tmp_path / "out"
    )
    assert ended.status == 0
    assert ended.err == f"skipped: {tmp_path}/data/tiny.png: smaller than 48 pixels\n"


def test_help_shows_examples_without_loading_tensorflow() -> None:
    done = run("export", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "edge-srcnn export --int8 --minutes 5" in " ".join(done.stdout.split())
