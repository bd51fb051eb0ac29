"""The demonstration and the diagnosis as a user starts them."""

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
from edge_srcnn.sources.images import read_picture

pytestmark = pytest.mark.slow


def test_the_demonstration_writes_a_picture_and_tells_what_it_shows(run_cli, tmp_path):
    done = run_cli("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path / "edge-srcnn-demo.png") in done.stdout
    assert done.stdout.startswith("test card 320x240 -> 640x480 in ")
    assert done.stdout.count(" dB") == 2
    # three pictures of 640 and two gaps of 8; caption 36, picture 480, gap 8, detail 480
    assert read_picture(tmp_path / "edge-srcnn-demo.png").pixels.shape == (1004, 1936, 3)


def test_as_json_it_is_one_document(run_cli, tmp_path):
    done = run_cli("demo", "--json", "-o", "new/card.png")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["picture"] == str(tmp_path / "new" / "card.png")
    assert (told["input"], told["output"]) == ([320, 240], [640, 480])
    assert told["edge-srcnn"]["psnr"] > told["bicubic"]["psnr"]
    assert told["milliseconds"] > 0
    assert told["engine"] in ("litert", "tflite", "tensorflow")
    assert (tmp_path / "new" / "card.png").is_file()


def test_the_bicubic_engine_needs_no_network(run_cli, tmp_path):
    done = run_cli("demo", "--json", "-e", "bicubic", "-s", "4", "-o", "card.png")
    told = json.loads(done.stdout)
    assert (done.returncode, told["engine"], told["model"]) == (0, "bicubic", "no network")
    assert told["edge-srcnn"] == told["bicubic"]
    assert told["input"] == [160, 120]


@pytest.mark.parametrize(
    ("options", "status"),
    [(["-s", "7"], 2), (["-m", "nowhere"], 66)],
)
def test_options_that_make_no_sense_end_in_one_line(run_cli, tmp_path, options, status):
    done = run_cli("demo", *options)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("edge-srcnn: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


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
