"""One export from beginning to end: what it leaves behind, and what it refuses before it costs time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import edge_srcnn
from edge_srcnn.errors import BadData, CannotWrite, NoInput, OutputExists, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.model import read_model
from export import exporting
from export.architecture import Architecture
from export.checkpoints import STATE_NAME
from export.dataset import PatchSampler
from export.exporting import Exported, run_export
from export.job import ExportJob
from export.packaging import model_card
from export.plan import TrainingPlan
from tests.export.edgetpu import compilers, flatbuffers

Draw = Callable[..., UInt8Array]

pytestmark = pytest.mark.usefixtures("prompt_clean_up")

TINY = Architecture("srcnn-915", (4, 2))
PLAN = TrainingPlan(steps=2, batch=4, epoch_steps=2)


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def stages_of(job: ExportJob) -> list[str]:
    """The stages that an export goes through until it ends or fails."""
    stages: list[str] = []
    try:
        run_export(job, on_stage=stages.append)
    except edge_srcnn.EdgeSrcnnError:
        stages.append("failed")
    return stages


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, draw: Draw) -> Path:
    """Four pictures, and one that is none."""
    folder = tmp_path_factory.mktemp("data") / "holidays"
    folder.mkdir()
    for seed in range(4):
        Image.fromarray(draw(seed, 100, 110)).save(folder / f"{seed}.png")
    (folder / "broken.png").write_text("hello")
    return folder


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ExportJob, Exported, list[str]]:
    """An export of both kinds with a training of two steps."""
    output = tmp_path_factory.mktemp("out") / "new" / "folder"
    job = ExportJob(TINY, 2, PLAN, output, data=(data,), licence="CC0-1.0", float32=True)
    stages: list[str] = []
    return job, run_export(job, on_stage=stages.append), stages


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published weights that pass the picture through."""
    convolutions = [
        keras.layers.Conv2D(n, k, activation=a) for n, k, a in ((4, 9, "relu"), (2, 1, "relu"), (1, 5, None))
    ]
    model = keras.Sequential([keras.Input((None, None, 1)), *convolutions])
    for layer in model.layers:
        kernel, bias = (np.zeros_like(w) for w in layer.get_weights())
        kernel[kernel.shape[0] // 2, kernel.shape[1] // 2, 0, 0] = 1
        layer.set_weights([kernel, bias])
    path = tmp_path_factory.mktemp("weights") / "trained_SRCNN.weights.h5"
    model.save_weights(path)
    return path


# --- the plan of a job ---


def test_a_job_names_its_files_by_what_is_wanted(tmp_path: Path) -> None:
    job = ExportJob(Architecture("srcnn-955"), 3, PLAN, tmp_path)
    assert {kind: path.name for kind, path in job.targets().items()} == {
        "int8": "srcnn-955-x3.tflite",
        "card": "srcnn-955-x3.md",
        "report": "srcnn-955-x3.html",
    }
    both = replace(job, float32=True).targets()
    assert both["float32"] == tmp_path / "srcnn-955-x3-float32.tflite"
    assert "int8" not in replace(job, int8=False, float32=True).targets()
    assert job.training_folder == tmp_path / "srcnn-955-x3.training"


def test_patches_fit_the_network_and_the_degradation(tmp_path: Path) -> None:
    patches = ExportJob(Architecture("srcnn-955"), 3, PLAN, tmp_path, degradation="cv2").patches
    assert (patches.scale, patches.halo_px, patches.degradation) == (3, 8, "cv2")


def test_a_network_for_cameras_is_judged_by_what_cameras_deliver(data: Path, tmp_path: Path) -> None:
    made = run_export(ExportJob(TINY, 2, PLAN, tmp_path, data=(data,), degradation="camera"))
    assert made.files["int8"].name == "srcnn-915-x2-camera.tflite"
    assert {(score.set, score.degrade) for score in made.scores} == {("held-out camera", "camera")}
    assert "a camera's lens, sensor" in made.files["card"].read_text()
    (quality,) = read_model(made.files["int8"]).spec.quality
    assert quality.set == "held-out camera"


# --- an export ---


def test_it_goes_from_pictures_to_files(done: tuple[ExportJob, Exported, list[str]]) -> None:
    job, made, stages = done
    assert stages == ["reading pictures", "training", "quantizing", "judging", "writing"]
    names = {"srcnn-915-x2.tflite", "srcnn-915-x2-float32.tflite", "srcnn-915-x2.md", "srcnn-915-x2.html"}
    assert files_of(job.output) == {*names, "srcnn-915-x2.training"}
    assert {path.name for path in made.files.values()} == names


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_both_models_upscale_and_prove_themselves(
    done: tuple[ExportJob, Exported, list[str]], kind: str, draw: Draw
) -> None:
    path = done[1].files[kind]
    with edge_srcnn.load_model(path) as upscaler:
        assert upscaler.self_test() == "identical"
        assert upscaler.upscale(draw(9, 20, 30)).shape == (40, 60)
    assert read_model(path).spec.quantization == kind


def test_the_model_knows_where_it_comes_from(done: tuple[ExportJob, Exported, list[str]]) -> None:
    training = read_model(done[1].files["int8"]).spec.training
    assert (training.data, training.licence, training.pictures) == (("holidays",), "CC0-1.0", 4)
    assert (training.steps, training.seed, training.weights) == (2, 0, None)
    assert training.held_out_psnr is not None
    assert training.held_out_psnr > 20


def test_pictures_that_could_not_be_used_are_told(done: tuple[ExportJob, Exported, list[str]]) -> None:
    (skipped,) = done[1].skipped
    assert "broken.png" in skipped


def test_every_method_is_judged_on_the_held_out_pictures(done: tuple[ExportJob, Exported, list[str]]) -> None:
    _, made, _ = done
    assert [(score.set, score.method) for score in made.scores] == [
        ("held-out", method) for method in ("bicubic-matlab", "bicubic", "float32", "int8")
    ]
    scores = {score.method: score.psnr for score in made.scores}
    assert scores["float32"] == pytest.approx(scores["bicubic"], abs=1.0), "two steps from bicubic"
    (quality,) = read_model(made.files["int8"]).spec.quality
    assert quality.set == "held-out"
    assert [quality.bicubic_psnr, quality.float_psnr, quality.psnr] == pytest.approx(
        [scores["bicubic"], scores["float32"], scores["int8"]], abs=1e-4
    )


def test_card_and_report_tell_of_the_shipped_model(done: tuple[ExportJob, Exported, list[str]]) -> None:
    _, made, _ = done
    spec = read_model(made.files["int8"]).spec
    assert made.files["card"].read_text() == model_card(spec)
    html = made.files["report"].read_text()
    for words in ("srcnn-915-x2", "holidays", "CC0-1.0", spec.graph_sha256, "held-out 1", "patches", "int8"):
        assert words in html


def test_exporting_again_reads_the_training_and_makes_the_same_bytes(
    done: tuple[ExportJob, Exported, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, made, _ = done
    before = {kind: path.read_bytes() for kind, path in made.files.items()}
    monkeypatch.setattr(PatchSampler, "batch", lambda *_: pytest.fail("trained again"))
    again = run_export(replace(job, overwrite=True))
    assert {kind: path.read_bytes() for kind, path in again.files.items()} == before


def test_files_that_exist_are_refused_before_a_picture_is_read(done: tuple[ExportJob, Exported, list[str]]) -> None:
    job, made, _ = done
    before = made.files["card"].read_bytes()
    assert stages_of(job) == ["failed"]
    with pytest.raises(OutputExists, match=r"srcnn-915-x2\.tflite: exists already; give --overwrite"):
        run_export(job)
    assert made.files["card"].read_bytes() == before


def test_other_settings_need_a_restart(data: Path, tmp_path: Path) -> None:
    job = ExportJob(TINY, 2, PLAN, tmp_path, data=(data,), int8=False, float32=True)
    run_export(job)
    other = replace(job, plan=replace(PLAN, seed=5), overwrite=True)
    with pytest.raises(UsageError, match="--restart"):
        run_export(other)
    made = run_export(replace(other, restart=True))
    assert read_model(made.files["float32"]).spec.training.seed == 5


# --- published weights ---


def test_published_weights_are_packaged_without_a_training(data: Path, weights: Path, tmp_path: Path) -> None:
    direct = replace(TINY, residual=False)
    job = ExportJob(direct, 2, PLAN, tmp_path, data=(data,), evaluate_on=(data,), weights=weights)
    with pytest.raises(BadData, match=r"broken\.png"):
        run_export(job)  # a benchmark must be whole

    job = replace(job, evaluate_on=())
    stages: list[str] = []
    made = run_export(job, on_stage=stages.append)
    assert "training" not in stages
    assert files_of(tmp_path) == {"srcnn-915-x2.tflite", "srcnn-915-x2.md", "srcnn-915-x2.html"}
    spec = read_model(made.files["int8"]).spec
    assert (spec.residual, spec.training.weights, spec.training.pictures) == (False, "trained_SRCNN.weights.h5", 0)
    assert "nothing was trained" in made.files["report"].read_text()
    # weights that pass the picture through give bicubic, but for int8
    scores = {score.method: score.psnr for score in made.scores}
    assert scores["float32"] == pytest.approx(scores["bicubic"], abs=0.01)
    assert scores["int8"] == pytest.approx(scores["bicubic"], abs=0.3)


# --- the Edge TPU ---


def tpu_job(data: Path, weights: Path, output: Path) -> ExportJob:
    return ExportJob(replace(TINY, residual=False), 2, PLAN, output, data=(data,), weights=weights, edgetpu=True)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "find_compiler", lambda: None)


def test_without_a_compiler_the_form_for_the_tpu_waits_beside_the_model(
    data: Path, weights: Path, tmp_path: Path, no_compiler: None
) -> None:
    job = tpu_job(data, weights, tmp_path)
    made = run_export(job)
    assert files_of(tmp_path) == {f"srcnn-915-x2{end}" for end in (".tflite", "-tpu.tflite", ".md", ".html")}
    plain, packed = (read_model(made.files[kind]) for kind in ("int8", "edgetpu"))
    assert packed.tpu is not None
    assert (packed.spec, packed.graph, packed.tpu.tile, packed.tpu.compiler) == (
        *(plain.spec, plain.graph),
        (128, 128),
        None,
    )
    assert made.tpu is not None
    assert (made.tpu.preflight.verdict, made.tpu.compiled, made.tpu.failure) == ("full", None, "")
    html = made.files["report"].read_text()
    for words in ("<h2>Edge TPU</h2>", "full, every operation runs on the Edge TPU", "there was no compiler"):
        assert words in html
    with pytest.raises(OutputExists, match=r"srcnn-915-x2.*\.tflite: exists already"):
        run_export(job)


def test_the_compiler_s_result_and_log_are_kept(
    data: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = flatbuffers.compiled((70, 70, 4), (64, 64, 4))
    compiler = compilers.stand_in(tmp_path, compilers.SUCCESS, output=graph)
    monkeypatch.setattr(exporting, "find_compiler", lambda: compiler)
    made = run_export(tpu_job(data, weights, tmp_path / "out"))
    compiled = read_model(made.files["compiled"]).tpu
    assert compiled is not None
    assert (compiled.graph, compiled.compiler) == (graph, "16.0.384591198")
    assert "Compilation succeeded!" in made.files["report"].read_text()
    (tmp_path / "out" / "srcnn-915-x2.tflite").unlink()
    with pytest.raises(OutputExists):
        run_export(tpu_job(data, weights, tmp_path / "out"))


def test_a_compiler_that_fails_does_not_spoil_the_export(
    data: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = compilers.stand_in(tmp_path, compilers.INTERNAL)
    monkeypatch.setattr(exporting, "find_compiler", lambda: compiler)
    made = run_export(tpu_job(data, weights, tmp_path / "out"))
    assert made.tpu is not None
    assert "the compiler broke down" in made.tpu.failure
    assert "compiled" not in made.files
    html = made.files["report"].read_text()
    assert "the compiler broke down" in html
    assert "Internal compiler error. Aborting!" in html


def test_a_tpu_wants_int8(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--edgetpu needs --int8"):
        run_export(ExportJob(TINY, 2, PLAN, tmp_path, int8=False, float32=True, edgetpu=True))


# --- what is refused, and when ---


def test_nothing_to_write_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give --int8 or --float32"):
        run_export(ExportJob(TINY, 2, PLAN, tmp_path, int8=False))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"data": (Path("nowhere"),)}, NoInput),
        ({"evaluate_on": (Path("nowhere"),)}, NoInput),
        ({"weights": Path("nowhere.h5")}, NoInput),
        ({"start_from": Path("nowhere.weights.h5")}, NoInput),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_missing_is_told_before_the_training(
    data: Path, tmp_path: Path, change: dict[str, Any], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatchSampler, "batch", lambda *_: pytest.fail("it trained"))
    with pytest.raises(error, match="nowhere"):
        run_export(replace(ExportJob(TINY, 2, PLAN, tmp_path, data=(data,)), **change))
    assert files_of(tmp_path) == set()


def test_pictures_too_small_to_quantize_by_are_told_before_the_training(
    tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small").mkdir()
    for seed in range(3):
        Image.fromarray(draw(seed, 56, 56)).save(tmp_path / "small" / f"{seed}.png")
    monkeypatch.setattr(PatchSampler, "batch", lambda *_: pytest.fail("it trained"))
    with pytest.raises(BadData, match="76x60"):
        run_export(ExportJob(TINY, 2, PLAN, tmp_path / "out", data=(tmp_path / "small",)))


def test_an_output_that_is_a_file_cannot_be_written(data: Path, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    job = ExportJob(TINY, 2, PLAN, tmp_path / "file", data=(data,))
    with pytest.raises(CannotWrite):
        run_export(job)
    with pytest.raises(CannotWrite):
        run_export(replace(job, architecture=replace(TINY, residual=False), weights=weights))


def test_a_failure_at_the_end_leaves_the_training_to_go_on_from(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BadData("no luck")

    monkeypatch.setattr(exporting, "layer_noise", fail)
    with pytest.raises(BadData):
        run_export(ExportJob(TINY, 2, PLAN, tmp_path, data=(data,)))
    assert files_of(tmp_path) == {"srcnn-915-x2.training"}
    assert (tmp_path / "srcnn-915-x2.training" / STATE_NAME).is_file()


def test_a_folder_given_as_a_dot_has_its_name_in_the_card(
    data: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    made = run_export(ExportJob(TINY, 2, PLAN, tmp_path, data=(Path("."),), int8=False, float32=True))
    assert "pictures of holidays;" in made.files["card"].read_text()
