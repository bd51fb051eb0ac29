"""What the doctor tells of Edge TPUs; libedgetpu may abort, and he does not."""

import json
from time import monotonic

import pytest
import typer

from edge_srcnn.cli.first_steps import doctor
from edge_srcnn.engine.edgetpu import EdgeTpuReport, report_edgetpu
from edge_srcnn.measure import doctor as doctor_module
from tests.edge_srcnn.delegates.build import build


def test_library_version_and_devices(coral, traces):
    coral.setenv("CORAL_DEVICES", "usb:/sys/bus/usb/devices/2-1 pci:/dev/apex_0")
    assert report_edgetpu() == EdgeTpuReport(
        "BuildLabel(a stand-in), RuntimeVersion(14)", ("usb /sys/bus/usb/devices/2-1", "pci /dev/apex_0")
    )


@pytest.mark.slow
def test_a_library_without_a_device(coral):
    coral.setenv("CORAL_DEVICES", "")
    found = report_edgetpu()
    assert found.library == "BuildLabel(a stand-in), RuntimeVersion(14)"
    assert "no Edge TPU is there; is it plugged in?" in found.problem


@pytest.mark.parametrize("place", ["version", "list"])
def test_a_library_that_aborts(coral, traces, capfd, place):
    coral.setenv("CORAL_ABORTS", place)
    found = report_edgetpu()
    assert (found.library, found.devices) == (None, ())
    assert found.problem == "libedgetpu.so.1: breaks when it is asked (its process died (SIGABRT)); install it again"
    assert capfd.readouterr().err == ""


def test_another_library_of_that_name(coral, tmp_path):
    build(tmp_path / "libedgetpu.so.1", "other.c")
    coral.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert "is another library of that name" in report_edgetpu().problem


def test_no_library_is_told_soon(coral, tmp_path):
    coral.setenv("LD_LIBRARY_PATH", str(tmp_path))
    began = monotonic()
    assert report_edgetpu().problem.startswith("libedgetpu.so.1: there is no such library; install libedgetpu1-std")
    assert monotonic() - began < 3


@pytest.mark.slow
def test_the_doctor_shows_it(coral, monkeypatch, capsys):
    monkeypatch.setattr(doctor_module, "bundled_models", dict)  # the self-tests are not asked
    for place in ("", "list"):
        coral.setenv("CORAL_ABORTS", place)
        with pytest.raises(typer.Exit):
            doctor(json=bool(place))
    shown, _, told = capsys.readouterr().out.partition("{")
    assert "Edge TPU: BuildLabel(a stand-in), RuntimeVersion(14), usb /sys/bus/usb/devices/2-1\n" in shown
    report = json.loads("{" + told)["edge_tpu"]
    assert (report["library"], report["devices"]) == (None, [])
    assert "SIGABRT" in report["problem"]
