"""An export for the Edge TPU, with a compiler, without one, and with one that fails."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_srcnn.errors import OutputExists, UsageError
from edge_srcnn.models.file import read_model
from export import run as exporting
from export.job import ExportJob
from export.run import run_export
from tests.export.edgetpu import compilers, flatbuffers
from tests.export.exports import PLAN, files_of
from tests.export.trainings import TINY

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]


def tpu_job(data: Path, weights: Path, output: Path) -> ExportJob:
    return ExportJob(replace(TINY, residual=False), PLAN, output, data=(data,), weights=weights, edgetpu=True)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "find_compiler", lambda: None)


def test_without_a_compiler_the_form_for_the_tpu_waits_beside_the_model(
    data: Path, weights: Path, tmp_path: Path, no_compiler: None
) -> None:
    job = tpu_job(data, weights, tmp_path)
    made = run_export(job)
    assert files_of(tmp_path) == {f"srcnn-915-x2-own{end}" for end in (".tflite", "-tpu.tflite", ".md", ".html")}
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
    (tmp_path / "out" / "srcnn-915-x2-own.tflite").unlink()
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
        run_export(ExportJob(TINY, PLAN, tmp_path, int8=False, float32=True, edgetpu=True))
