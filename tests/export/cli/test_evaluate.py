"""``edge-srcnn evaluate`` as users run it: one JSON list, a table, and the exit statuses of mistakes."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.metrics import psnr
from edge_srcnn.models.bundled import find_model
from edge_srcnn.models.file import seal_model
from edge_srcnn.models.spec import Training
from export.data.degradation import matlab_bicubic
from export.evaluation.evaluate import bicubic_matlab, read_ground_truths
from export.packaging import describe
from tests.export.cli.commands import Cli, run

Draw = Callable[..., UInt8Array]


@pytest.fixture
def evaluate(cli: Cli) -> Cli:
    """Runs the command inside this process."""
    return partial(cli, "evaluate")


@pytest.fixture(scope="module")
def mine(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of our own for x2."""
    facts = Training(("drawn",), "CC0-1.0", 6, 90, 0.1, 0)
    model = describe(small.architecture, small.int8, quantization="int8", degradation="bicubic", training=facts)
    path = tmp_path_factory.mktemp("model") / "mine.tflite"
    path.write_bytes(seal_model(model.spec, model.graph, model.golden))
    return path


@pytest.mark.slow
def test_json_is_one_list_and_nothing_else(pictures: Path) -> None:
    done = run("evaluate", "--data", pictures, "--scale", "2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [row["method"] for row in rows] == ["bicubic-matlab", "bicubic", find_model(None, 2).stem]
    for row in rows:
        assert list(row) == ["set", "scale", "degrade", "method", "psnr", "ssim", "gmsd", "flat_noise"]
        assert (row["set"], row["scale"], row["degrade"]) == (pictures.name, 2, "matlab")
        assert 15 < row["psnr"] < 60
        assert 0.5 < row["ssim"] < 1
        assert 0 < row["gmsd"] < 0.5
        assert 0 <= row["flat_noise"] < 40
    figures = {row["method"]: row["psnr"] for row in rows}
    assert figures[find_model(None, 2).stem] > figures["bicubic"], "the bundled network sharpens drawn edges too"


@pytest.mark.slow
def test_a_perfect_picture_is_null_since_json_knows_no_infinity(evaluate: Cli, mine: Path, tmp_path: Path) -> None:
    Image.new("L", (40, 40), 90).save(tmp_path / "flat.png")
    _, out, _ = evaluate("--data", tmp_path, "--model", mine, "--json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    (matlab, *_) = json.loads(out, parse_constant=refuse)
    assert (matlab["psnr"], matlab["ssim"], matlab["gmsd"], matlab["flat_noise"]) == (None, 1.0, 0.0, 0.0)


def test_the_figures_are_those_of_the_protocol(evaluate: Cli, pictures: Path, mine: Path) -> None:
    status, out, _ = evaluate("--data", pictures, "--model", mine, "--scale", "2", "--json")
    assert status == 0
    (matlab, *_) = json.loads(out)
    hr_planes = read_ground_truths(pictures, 2)
    shaved = [(bicubic_matlab(matlab_bicubic(hr, 2), 2)[2:-2, 2:-2], hr[2:-2, 2:-2]) for hr in hr_planes]
    assert matlab["psnr"] == pytest.approx(np.mean([psnr(*pair) for pair in shaved]))


def test_sets_and_models_may_be_repeated(evaluate: Cli, pictures: Path, mine: Path, tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "other").mkdir()
    Image.fromarray(draw(50, 64, 64)).save(tmp_path / "other" / "one.png")
    status, out, _ = evaluate(
        "--data", pictures, "--data", tmp_path / "other", "--model", mine, "--model", mine, "--degrade", "cv2", "--json"
    )  # fmt: skip
    assert status == 0
    rows = json.loads(out)
    assert [row["set"] for row in rows] == [pictures.name] * 4 + ["other"] * 4
    assert [row["method"] for row in rows[:4]] == ["bicubic-matlab", "bicubic", "mine", "mine (3)"]
    assert rows[2]["psnr"] == rows[3]["psnr"]
    assert {row["degrade"] for row in rows} == {"cv2"}


def test_a_camera_is_harder_than_interpolation_and_always_alike(evaluate: Cli, pictures: Path, mine: Path) -> None:
    documents = [
        evaluate("--data", pictures, "--model", mine, "--degrade", degrade, "--json")[1]
        for degrade in ("camera", "camera", "matlab")
    ]
    assert documents[0] == documents[1]
    camera, _, matlab = map(json.loads, documents)
    assert {row["degrade"] for row in camera} == {"camera"}
    assert all(hard["psnr"] < easy["psnr"] for hard, easy in zip(camera, matlab, strict=True))


def test_without_json_it_is_a_table(evaluate: Cli, pictures: Path, mine: Path) -> None:
    status, out, err = evaluate("--data", pictures, "--model", mine)
    lines = [line.split() for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert lines[0] == ["set", "scale", "degrade", "method", "PSNR", "dB", "SSIM", "GMSD", "flat", "noise"]
    assert [line[3] for line in lines[1:]] == ["bicubic-matlab", "bicubic", "mine"]
    assert all(line[:3] == [pictures.name, "x2", "matlab"] for line in lines[1:])


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--scale", "3"], 2, "is for x2, not --scale 3"),
        (["--scale", "1"], 2, "--degrade matlab: changes nothing at --scale 1; give --degrade camera"),
        (["--scale", "1", "--degrade", "camera"], 2, "is for x2, not --scale 1"),
        (["--degrade", "blur"], 2, "--degrade 'blur': use one of matlab, cv2, camera"),
        (["--engine", "abacus"], 2, "no engine is called 'abacus'"),
        (["--model", "nowhere.tflite"], 66, "nowhere.tflite: neither a file nor one of the bundled models"),
        (["--data", "nowhere"], 66, "nowhere: no such folder"),
    ],
)
def test_mistakes_end_with_one_line_and_their_status(
    evaluate: Cli, pictures: Path, mine: Path, arguments: list[str], status: int, message: str
) -> None:
    ended, out, err = evaluate("--data", pictures, "--model", mine, "--json", *arguments)
    assert (ended, out) == (status, "")
    assert err.startswith("edge-srcnn: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["--data", "x", "--scale", "5"]])
def test_options_that_make_no_sense_at_all_end_with_2(evaluate: Cli, arguments: list[str]) -> None:
    assert evaluate(*arguments)[0] == 2


def test_pictures_that_are_too_small_or_damaged_end_with_65(
    evaluate: Cli, mine: Path, tmp_path: Path, draw: Draw
) -> None:
    Image.fromarray(draw(0, 4, 4)).save(tmp_path / "tiny.png")
    status, _, err = evaluate("--data", tmp_path, "--model", mine)
    assert status == 65
    assert "too small to be evaluated at x2" in err
    (tmp_path / "tiny.png").write_text("hello")
    assert evaluate("--data", tmp_path, "--model", mine)[0] == 65


def test_the_grid_ends_with_1_where_a_model_is_below_bicubic(
    evaluate: Cli, mine: Path, tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    monkeypatch.setattr("export.evaluation.grid.SIGMAS", (0, 40))
    monkeypatch.setattr("export.evaluation.grid.JPEG_QUALITIES", (95,))
    monkeypatch.setattr("export.evaluation.grid.CRFS", ())
    (tmp_path / "set").mkdir()
    Image.fromarray(draw(0, 80, 100)).save(tmp_path / "set" / "one.png")
    bundled = find_model("srcnn-915-x2", 2)
    status, out, err = evaluate("--data", tmp_path / "set", "--model", bundled, "--grid")
    assert status == 1, "the model for well-made pictures sharpens noise"
    assert "below bicubic: srcnn-915-x2, set, one, JPEG 95, noise 40: " in err
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["set", "frames", "codec", "noise", "bicubic", "dB", "srcnn-915-x2"]
    assert [line[:-2] for line in lines[1:]] == [
        ["set", *frames.split(), "JPEG", "95", sigma] for frames in ("one", "mean of 16") for sigma in ("0", "40")
    ]
    assert [line[-1][0] for line in lines[1:3]] == ["+", "-"]

    monkeypatch.setattr("export.evaluation.grid.SIGMAS", (0,))
    status, out, err = evaluate("--data", tmp_path / "set", "--model", bundled, "--grid", "--json")
    assert (status, err) == (0, "")
    assert [row["degrade"] for row in json.loads(out)[::3]] == ["one, JPEG 95, noise 0", "mean of 16, JPEG 95, noise 0"]
