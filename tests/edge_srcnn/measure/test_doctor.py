"""The diagnosis tells what is there and what is wrong, and never fails itself."""

import platform
import shutil

import pytest

import edge_srcnn
from edge_srcnn.engine import processor
from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.build import tuning_key
from edge_srcnn.engine.interpreter import TfliteBackend
from edge_srcnn.engine.plan import Blocks, Plan
from edge_srcnn.engine.tuning_cache import TuningCache
from edge_srcnn.measure import doctor
from edge_srcnn.measure.doctor import LiveModel, diagnose
from edge_srcnn.models import bundled
from edge_srcnn.models.file import read_model

pytestmark = pytest.mark.slow

OWN_TEST = {"identical", "within 1 level", *(f"within {levels} levels" for levels in range(2, 7))}


@pytest.fixture
def cpuinfo(monkeypatch, tmp_path):
    """Pretend that this is what the system tells of its processor."""
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")

    def write(text: str) -> None:
        (tmp_path / "cpuinfo").write_text(text)
        processor.this_processor.cache_clear()

    processor.this_processor.cache_clear()
    yield write
    processor.this_processor.cache_clear()


@pytest.fixture
def only(monkeypatch):
    """Pretend that no other engines are installed: ``only("litert")``."""

    def pretend(*engines: str) -> None:
        real = TfliteBackend.version
        monkeypatch.setattr(TfliteBackend, "version", lambda each: real(each) if each.name in engines else None)

    return pretend


def test_a_machine_with_an_engine_is_healthy(only, engine):
    only(engine)
    found = diagnose()
    assert found.healthy
    assert {(test.model, test.engine) for test in found.self_tests} == {
        (name, engine) for name in bundled.bundled_models()
    }
    assert {test.result for test in found.self_tests} <= OWN_TEST


def test_it_tells_versions_processor_and_the_cure_for_what_is_missing(only):
    only()
    found = diagnose()
    assert found.edge_srcnn == edge_srcnn.__version__
    assert found.python == platform.python_version()
    assert platform.machine() in found.processor
    assert found.processors >= 1
    assert set(found.packages) == {"numpy", "opencv-python-headless", "pillow", "flatbuffers", "tflite"}
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
    shutil.copy(bundled.bundled_models()["srcnn-915-x2"], tmp_path / "good.tflite")
    (tmp_path / "cut.tflite").write_bytes(model_bytes[:5000])
    (tmp_path / "lie.tflite").write_bytes(reseal(model_bytes, spec=lambda stored: {**stored, "residual": False}))
    monkeypatch.setattr(bundled, "BUNDLED", tmp_path)
    found = diagnose()
    assert {test.model: test.ok for test in found.self_tests} == {"good": True, "cut": False, "lie": False}
    assert "ends too early" in next(test.result for test in found.self_tests if test.model == "cut")
    assert "computes" in next(test.result for test in found.self_tests if test.model == "lie")
    assert not found.healthy


def test_it_tells_how_a_camera_frame_is_computed_and_whether_that_was_measured(only, engine, monkeypatch, tmp_path):
    only(engine)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = diagnose()
    assert not found.tuned
    assert found.setting.startswith("block ")
    measured = Plan(Blocks((3, 5), (3, 5)), (77, 99), 1)
    best = read_model(bundled.find_model("auto", 2))
    TuningCache().put(tuning_key(best, backend_named(engine), 2 * 480, 2 * 640), 1, measured)
    found = diagnose()
    assert found.tuned
    assert found.setting == "block 3x5, tile 77x99, 1 thread"


def test_it_tells_what_is_known_of_the_models_of_live_video(only, engine, monkeypatch, tmp_path):
    only(engine)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "bundled_models", dict)  # the self-tests are not asked
    names = bundled.live_ladder(2)
    assert diagnose().live == tuple(LiveModel(name, tuned=False, frame_ms=None) for name in names)
    key = tuning_key(read_model(bundled.find_model(names[0], 2)), backend_named(engine), 2 * 480, 2 * 640)
    TuningCache().put(key, 1, Plan(Blocks((1, 1), (1, 1)), (77, 99), 1))
    TuningCache().put(key, 12.5)
    assert diagnose().live[0] == LiveModel(names[0], tuned=True, frame_ms=12.5)
    only()
    assert diagnose().live == ()


def test_a_damaged_tuning_is_warned_of_once(only, engine, monkeypatch, tmp_path, caplog):
    only(engine)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "edge-srcnn").mkdir()
    (tmp_path / "edge-srcnn" / "tuned.json").write_text("damaged")
    monkeypatch.setattr(doctor, "bundled_models", dict)  # the self-tests are not asked
    assert not diagnose().tuned
    assert len([record for record in caplog.records if "tuned.json" in record.getMessage()]) == 1


def test_processor_flags_become_names(only, cpuinfo):
    only()
    cases = {
        "model name\t: Some x86\nflags\t\t: fpu avx2 avx512_vnni\n": ("Some x86", ("AVX2", "AVX-512 VNNI")),
        "processor\t: 0\nFeatures\t: fp asimd asimddp\n\nModel\t\t: Raspberry Pi 5\n": (
            "Raspberry Pi 5",
            ("NEON", "NEON dot product"),
        ),
    }
    for text, (name, features) in cases.items():
        cpuinfo(text)
        found = diagnose()
        assert found.processor.startswith(name)
        assert found.features == features


def test_a_machine_without_cpuinfo_is_described_all_the_same(only, cpuinfo):
    only()
    found = diagnose()
    assert found.features == ()
    assert platform.machine() in found.processor


def test_a_package_that_is_missing_is_called_so(only, monkeypatch):
    only()
    monkeypatch.setattr(doctor, "_PACKAGES", ("no-such-package",))
    assert diagnose().packages == {"no-such-package": "not installed"}
