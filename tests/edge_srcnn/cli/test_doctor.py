"""The doctor's report, its JSON, and its exit status."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import typer

from edge_srcnn.cli.first_steps import doctor
from edge_srcnn.engine.edgetpu import EdgeTpuReport
from edge_srcnn.measure.doctor import Diagnosis, EngineReport, LiveModel, SelfTest
from edge_srcnn.models.bundled import bundled_models

pytestmark = pytest.mark.slow

OWN_TEST = {"identical", "within 1 level", *(f"within {levels} levels" for levels in range(2, 7))}

NO_EDGE_TPU = EdgeTpuReport(problem="libedgetpu.so.1: there is no such library")


def found(version: str | None, *, ok: bool, edge_tpu: EdgeTpuReport = NO_EDGE_TPU) -> Diagnosis:
    return Diagnosis(
        edge_srcnn="0.1.0",
        python="3.11.2",
        system="Linux 6.1",
        processor="Cortex-A76 (aarch64)",
        processors=4,
        features=("NEON",),
        packages={"numpy": "2.0"},
        engines=(EngineReport("litert", "ai-edge-litert", version, "pip install [ai]-edge-litert"),),
        setting="block 2x2-4x4, tile 64x128, 4 threads",
        tuned=True,
        self_tests=(SelfTest("srcnn-915-x2", "litert", ok, "identical" if ok else "off by 9"),) if version else (),
        edge_tpu=edge_tpu,
    )


@pytest.fixture(scope="module")
def told(cli_environment) -> dict[str, Any]:
    """What the doctor says of this machine, as JSON."""
    command = [sys.executable, "-m", "edge_srcnn", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=cli_environment, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_every_engine_of_this_machine_computes_every_model_right(told):
    assert told["healthy"] is True
    installed = [engine["name"] for engine in told["engines"] if engine["version"]]
    assert {test["engine"] for test in told["self_tests"]} == set(installed)
    assert len(told["self_tests"]) == len(bundled_models()) * len(installed)
    assert all(test["ok"] for test in told["self_tests"])


def test_tensorflow_computes_the_golden_output_too(told):
    results = [test["result"] for test in told["self_tests"] if test["engine"] == "tensorflow"]
    if not results:
        pytest.skip("TensorFlow is not installed")
    assert len(results) == len(bundled_models())
    assert set(results) <= OWN_TEST


@pytest.mark.parametrize(("version", "ok", "status"), [("2.3.0", False, 1), (None, False, 69)])
@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_wrong_shows_in_the_report_and_in_the_exit_status(monkeypatch, capsys, version, ok, status, as_json):
    monkeypatch.setattr("edge_srcnn.measure.doctor.diagnose", lambda: found(version, ok=ok))
    with pytest.raises(typer.Exit) as exit_:
        doctor(json=as_json)
    assert exit_.value.exit_code == status
    told = capsys.readouterr().out
    if as_json:
        assert json.loads(told)["healthy"] is False
    elif version:
        assert "FAILED" in told
        assert "off by 9" in told
    else:
        assert "pip install [ai]-edge-litert" in told


def test_the_models_of_live_video_are_told_with_what_is_known_of_them(monkeypatch, capsys):
    live = LiveModel("fast-s-x2", True, 9.876), LiveModel("fast-m-x2", False, 123.4), LiveModel("fast-l-x2", True, None)
    monkeypatch.setattr("edge_srcnn.measure.doctor.diagnose", lambda: replace(found("2.3.0", ok=True), live=live))
    doctor()
    shown = "fast-s-x2 (9.88 ms, tuned), fast-m-x2 (123 ms), fast-l-x2 (not timed yet, tuned)"
    assert f"live, the fastest first: {shown}\n" in capsys.readouterr().out
    doctor(json=True)
    assert json.loads(capsys.readouterr().out)["live"][1] == {"model": "fast-m-x2", "tuned": False, "frame_ms": 123.4}


def test_a_healthy_machine_is_told_so(monkeypatch, capsys):
    monkeypatch.setattr("edge_srcnn.measure.doctor.diagnose", lambda: found("2.3.0", ok=True))
    doctor()
    told = capsys.readouterr().out
    assert "Cortex-A76 (aarch64), 4 processors; int8: NEON" in told
    assert "block 2x2-4x4, tile 64x128, 4 threads (as tuned here)" in told
    assert "identical" in told


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (NO_EDGE_TPU, "libedgetpu.so.1: there is no such library"),
        (EdgeTpuReport("RuntimeVersion(14)", (), "no Edge TPU is there"), "RuntimeVersion(14), no Edge TPU is there"),
        (EdgeTpuReport("RuntimeVersion(14)", ("usb 2-1", "pci 0")), "RuntimeVersion(14), usb 2-1; pci 0"),
    ],
)
def test_edge_tpus_are_told_and_none_is_no_illness(monkeypatch, capsys, report, shown):
    monkeypatch.setattr("edge_srcnn.measure.doctor.diagnose", lambda: found("2.3.0", ok=True, edge_tpu=report))
    doctor()
    assert f"Edge TPU: {shown}\n" in capsys.readouterr().out
    doctor(json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["healthy"] is True
    assert told["edge_tpu"]["devices"] == list(report.devices)
    assert told["edge_tpu"]["problem"] == report.problem
