"""One export from beginning to end: the plan of its job, and what it leaves behind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import edge_srcnn
from edge_srcnn.errors import BadData, OutputExists, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.file import read_model
from export.architectures import find_architecture
from export.data.patches import PatchSampler
from export.job import ExportJob
from export.packaging import model_card
from export.run import Exported, run_export
from export.training.schedule import Progress
from tests.export.exports import PLAN, files_of
from tests.export.trainings import TINY

Draw = Callable[..., UInt8Array]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]


def stages_of(job: ExportJob) -> list[str]:
    """The stages that an export goes through until it ends or fails."""
    stages: list[str] = []
    try:
        run_export(job, on_stage=stages.append)
    except edge_srcnn.EdgeSrcnnError:
        stages.append("failed")
    return stages


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ExportJob, Exported, list[str]]:
    """An export of both kinds with a training of two steps."""
    output = tmp_path_factory.mktemp("out") / "new" / "folder"
    job = ExportJob(TINY, PLAN, output, data=(data,), licence="CC0-1.0", float32=True)
    stages: list[str] = []
    return job, run_export(job, on_stage=stages.append), stages


# --- the plan of a job ---


def test_a_job_names_its_files_by_what_is_wanted(tmp_path: Path) -> None:
    job = ExportJob(find_architecture("srcnn-955", 3), PLAN, tmp_path)
    assert {kind: path.name for kind, path in job.targets().items()} == {
        "int8": "srcnn-955-x3-own.tflite",
        "card": "srcnn-955-x3-own.md",
        "report": "srcnn-955-x3-own.html",
    }
    both = replace(job, float32=True).targets()
    assert both["float32"] == tmp_path / "srcnn-955-x3-own-float32.tflite"
    assert "int8" not in replace(job, int8=False, float32=True).targets()
    assert job.training_folder == tmp_path / "srcnn-955-x3.training"


def test_patches_fit_the_network_and_the_degradation(tmp_path: Path) -> None:
    patches = ExportJob(find_architecture("srcnn-955", 3), PLAN, tmp_path, degradation="cv2").patches
    assert (patches.scale, patches.halo_px, patches.degradation) == (3, 8, "cv2")


def test_a_network_for_cameras_is_evaluated_by_what_cameras_deliver(data: Path, tmp_path: Path) -> None:
    made = run_export(ExportJob(TINY, PLAN, tmp_path, data=(data,), degradation="camera"))
    assert made.files["int8"].name == "srcnn-915-x2-camera-short.tflite"
    assert {(score.set, score.degrade) for score in made.scores} == {("held-out camera", "camera")}
    assert "a camera's lens, sensor" in made.files["card"].read_text()
    (quality,) = read_model(made.files["int8"]).spec.quality
    assert quality.set == "held-out camera"


def test_a_network_for_a_cameras_stream_is_called_and_evaluated_as_one_for_cameras(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    told: list[Progress] = []
    job = ExportJob(TINY, PLAN, tmp_path, data=(data,), degradation="camera-video")
    made = run_export(job, on_progress=told.append)
    assert made.files["int8"].name == "srcnn-915-x2-camera-short.tflite"
    assert {(score.set, score.degrade) for score in made.scores} == {("held-out camera", "camera")}
    spec = read_model(made.files["int8"]).spec
    assert (spec.degradation, spec.training.degradation) == ("camera", "camera-video")
    card = made.files["card"].read_text()
    assert "training: `camera-video`" in card
    assert "a camera's lens, sensor" in card
    assert "mean over time" in card
    assert [progress.done for progress in told if progress.step == 0][:3] == [0, 0.2, 0.4], "reading takes a while"


# --- an export ---


def test_it_goes_from_pictures_to_files(done: tuple[ExportJob, Exported, list[str]]) -> None:
    job, made, stages = done
    assert stages == ["reading pictures", "training", "quantizing", "evaluating", "writing"]
    names = {
        "srcnn-915-x2-short.tflite",
        "srcnn-915-x2-short-float32.tflite",
        "srcnn-915-x2-short.md",
        "srcnn-915-x2-short.html",
    }
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


def test_every_method_is_evaluated_on_the_held_out_pictures(done: tuple[ExportJob, Exported, list[str]]) -> None:
    _, made, _ = done
    assert [(score.set, score.method) for score in made.scores] == [
        ("held-out", method) for method in ("bicubic-matlab", "bicubic", "fast-s-x2", "float32", "int8")
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
    assert made.files["card"].read_text() == model_card(spec, made.remarks)
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
    with pytest.raises(OutputExists, match=r"srcnn-915-x2-short\.tflite: exists already; give --overwrite"):
        run_export(job)
    assert made.files["card"].read_bytes() == before


def test_other_settings_need_a_restart(data: Path, tmp_path: Path) -> None:
    job = ExportJob(TINY, PLAN, tmp_path, data=(data,), int8=False, float32=True)
    run_export(job)
    other = replace(job, plan=replace(PLAN, seed=5), overwrite=True)
    with pytest.raises(UsageError, match="--restart"):
        run_export(other)
    made = run_export(replace(other, restart=True))
    assert read_model(made.files["float32"]).spec.training.seed == 5


def test_a_training_of_another_length_is_continued_and_the_card_says_so(data: Path, tmp_path: Path) -> None:
    job = ExportJob(TINY, PLAN, tmp_path, data=(data,), qat_steps=2, command="edge-srcnn export")
    assert "the same file, byte for byte:" in run_export(replace(job, qat_steps=0)).files["card"].read_text()
    made = run_export(replace(job, plan=replace(PLAN, steps=4), overwrite=True))
    card = made.files["card"].read_text()
    assert "its bytes differ: this one was continued after a training of another length:" in card
    assert "pictures of holidays; 4 steps, then 2 steps with the weights quantized, seed 0." in card


def test_a_folder_given_as_a_dot_has_its_name_in_the_card(
    data: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    made = run_export(ExportJob(TINY, PLAN, tmp_path, data=(Path("."),), int8=False, float32=True))
    assert "pictures of holidays;" in made.files["card"].read_text()


# --- fast networks ---


def test_a_fast_network_goes_the_whole_way(data: Path, tmp_path: Path, draw: Draw) -> None:
    network = find_architecture("fast-c4d1", 2)
    job = ExportJob(
        network, PLAN, tmp_path, data=(data,), degradation="camera", qat_steps=2, command="edge-srcnn export"
    )
    made = run_export(job)
    assert made.files["int8"].name == "fast-c4d1-x2-camera-short.tflite"
    spec = read_model(made.files["int8"]).spec
    assert (spec.family, spec.architecture, spec.layers) == ("fast", "fast-c4d1", ((5, 4), (3, 4)))
    assert (spec.plane, spec.unshuffle, spec.shuffle, spec.halo_px, spec.residual) == ("luma", 1, 2, 3, True)
    with edge_srcnn.load_model(made.files["int8"]) as upscaler:
        assert upscaler.self_test() == "identical"
        assert upscaler.upscale(draw(3, 60, 70)).shape == (120, 140)
    card = made.files["card"].read_text()
    assert "convolutions 5x5, 3x3, 4 channels,\non luma as the camera gives it: 61 multiplications" in card  # 244 / 4
    assert "Puts out the residual over the bicubic picture, 2x2 pixels at a time. Numbers: int8." in card
    for words in ("conv1", "conv2", "5x5 3x3", "held-out camera 1"):
        assert words in made.files["report"].read_text()
    again = run_export(replace(job, overwrite=True))
    assert read_model(again.files["int8"]).spec == spec, "its training and its fine-tuning were read"


# --- scale 1 ---


@pytest.mark.parametrize(
    ("name", "layers", "plane", "words"),
    [
        ("fast-c4d1", ((5, 4), (3, 1)), "luma", "Puts out the residual over the input picture. Numbers: int8."),
        (
            "srcnn-915",
            ((9, 4), (1, 2), (5, 1)),
            "bicubic",
            "on the luma plane of the picture. Puts out the residual over",
        ),
    ],
)
def test_a_network_that_cleans_goes_the_whole_way(
    data: Path, tmp_path: Path, draw: Draw, name: str, layers: tuple[tuple[int, int], ...], plane: str, words: str
) -> None:
    filters = (4, 2) if plane == "bicubic" else None
    job = ExportJob(
        find_architecture(name, 1, filters=filters), PLAN, tmp_path, data=(data,), degradation="camera", qat_steps=2
    )
    made = run_export(job)
    spec = read_model(made.files["int8"]).spec
    assert (spec.name, spec.scale, spec.layers) == (f"{name}-x1-camera-short", 1, layers)
    assert (spec.plane, spec.unshuffle, spec.shuffle, spec.residual) == (plane, 1, 1, True)
    assert [(score.set, score.degrade, score.method) for score in made.scores] == [
        ("held-out camera", "camera", method) for method in ("input", "fast-s-x1-camera", "float32", "int8")
    ]
    scores = {score.method: score for score in made.scores}
    (quality,) = spec.quality
    assert quality.bicubic_psnr == pytest.approx(scores["input"].psnr, abs=1e-4)
    with edge_srcnn.load_model(made.files["int8"]) as upscaler:
        assert upscaler.self_test() == "identical"
        assert upscaler.upscale(draw(3, 60, 70)).shape == (60, 70)
    card, report = made.files["card"].read_text(), made.files["report"].read_text()
    assert words in card
    assert "against ground truths spoiled by a camera's lens" in card
    assert "| set | input | float32 | int8 |" in card
    assert "It makes nothing larger" in card
    assert "cleaned" in report
    assert "bicubic" not in (card + report).replace("`bicubic`", "")


# --- published weights ---


def test_published_weights_are_packaged_without_a_training(data: Path, weights: Path, tmp_path: Path) -> None:
    direct = replace(TINY, residual=False)
    job = ExportJob(direct, PLAN, tmp_path, data=(data,), evaluate_on=(data,), weights=weights)
    with pytest.raises(BadData, match=r"broken\.png"):
        run_export(job)  # a benchmark must be whole

    job = replace(job, evaluate_on=())
    stages: list[str] = []
    made = run_export(job, on_stage=stages.append)
    assert "training" not in stages
    assert files_of(tmp_path) == {"srcnn-915-x2-own.tflite", "srcnn-915-x2-own.md", "srcnn-915-x2-own.html"}
    spec = read_model(made.files["int8"]).spec
    assert (spec.residual, spec.training.weights, spec.training.pictures) == (False, "trained_SRCNN.weights.h5", 0)
    assert "nothing was trained" in made.files["report"].read_text()
    assert "The weights are as published." in made.files["card"].read_text()
    # weights that pass the picture through give bicubic, but for int8
    scores = {score.method: score.psnr for score in made.scores}
    assert scores["float32"] == pytest.approx(scores["bicubic"], abs=0.01)
    assert scores["int8"] == pytest.approx(scores["bicubic"], abs=0.3)


def test_published_weights_that_were_trained_on_name_the_pictures(data: Path, weights: Path, tmp_path: Path) -> None:
    direct = replace(TINY, residual=False)
    made = run_export(ExportJob(direct, PLAN, tmp_path, data=(data,), weights=weights, qat_steps=2))
    card = made.files["card"].read_text()
    n = read_model(made.files["int8"]).spec.training.pictures
    assert n > 0
    assert "Weights: published weights `trained_SRCNN.weights.h5`, then 2 steps with the weights quantized on" in card
    assert f" on {n} pictures of holidays." in card
    assert "as published" not in card
