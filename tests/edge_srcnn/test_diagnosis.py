"""The diagnosis tells what is there and what is wrong, and never fails itself."""

import platform
import shutil

import pytest

import edge_srcnn
from edge_srcnn import diagnosis, model
from edge_srcnn.diagnosis import diagnose
from edge_srcnn.engine import interpreter


@pytest.fixture
def only(monkeypatch):
    """Pretend that no other engines are installed: ``only("litert")``."""

    def pretend(*engines: str) -> None:
        real = interpreter.installed_version
        for module in (interpreter, diagnosis):
            monkeypatch.setattr(module, "installed_version", lambda name: real(name) if name in engines else None)

    return pretend


def test_a_machine_with_an_engine_is_healthy(only, engine):
    only(engine)
    found = diagnose()
    assert found.healthy
    assert {(test.model, test.engine) for test in found.self_tests} == {
        (name, engine) for name in ("srcnn-915-x2", "srcnn-915-x3", "srcnn-915-x4")
    }
    assert {test.result for test in found.self_tests} <= {"identical", "within 1 level"}


def test_it_tells_versions_processor_and_the_cure_for_what_is_missing(only):
    only()
    found = diagnose()
    assert found.edge_srcnn == edge_srcnn.__version__
    assert found.python == platform.python_version()
    assert platform.machine() in found.processor
    assert found.processors >= 1
    assert set(found.packages) == {"numpy", "opencv-python-headless", "pillow", "flatbuffers"}
    assert [engine.name for engine in found.engines] == ["litert", "tflite", "tensorflow"]
    assert all(engine.version is None and "pip install" in engine.cure for engine in found.engines)


def test_a_machine_without_an_engine_is_not_healthy(only):
    only()
    found = diagnose()
    assert found.self_tests == ()
    assert not found.healthy


def test_damaged_and_wrong_models_are_reported_beside_good_ones(
    only, engine, tmp_path, monkeypatch, model_bytes, reseal
):
    only(engine)
    shutil.copy(model.bundled_models()["srcnn-915-x2"], tmp_path / "good.tflite")
    (tmp_path / "cut.tflite").write_bytes(model_bytes[:5000])
    (tmp_path / "lie.tflite").write_bytes(reseal(model_bytes, spec=lambda stored: {**stored, "residual": False}))
    monkeypatch.setattr(model, "BUNDLED", tmp_path)
    found = diagnose()
    assert {test.model: test.ok for test in found.self_tests} == {"good": True, "cut": False, "lie": False}
    assert "ends too early" in next(test.result for test in found.self_tests if test.model == "cut")
    assert "computes" in next(test.result for test in found.self_tests if test.model == "lie")
    assert not found.healthy


def test_processor_flags_become_names(only, monkeypatch, tmp_path):
    only()
    cases = {
        "model name\t: Some x86\nflags\t\t: fpu avx2 avx512_vnni\n": ("Some x86", ("AVX2", "AVX-512 VNNI")),
        "processor\t: 0\nFeatures\t: fp asimd asimddp\n\nModel\t\t: Raspberry Pi 5\n": (
            "Raspberry Pi 5",
            ("NEON", "NEON dot product"),
        ),
    }
    for text, (name, features) in cases.items():
        (tmp_path / "cpuinfo").write_text(text)
        monkeypatch.setattr(diagnosis, "Path", lambda _: tmp_path / "cpuinfo")
        found = diagnose()
        assert found.processor.startswith(name)
        assert found.features == features


def test_a_machine_without_cpuinfo_is_described_all_the_same(only, monkeypatch, tmp_path):
    only()
    monkeypatch.setattr(diagnosis, "Path", lambda _: tmp_path / "none")
    found = diagnose()
    assert found.features == ()
    assert platform.machine() in found.processor


def test_a_package_that_is_missing_is_called_so(only, monkeypatch):
    only()
    monkeypatch.setattr(diagnosis, "_PACKAGES", ("no-such-package",))
    assert diagnose().packages == {"no-such-package": "not installed"}
