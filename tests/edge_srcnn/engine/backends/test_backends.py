"""The table of engines: what each tells, and how they are refused."""

import cv2
import pytest

from edge_srcnn.engine.backends import INTERPRETERS, Delegate, backend_named, installed_interpreter
from edge_srcnn.engine.interpreter import TfliteBackend
from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.models.bundled import find_model
from edge_srcnn.models.file import read_model
from edge_srcnn.upscaler import load_model, open_model


def test_an_unknown_engine_is_refused_with_the_names_of_all():
    for name in ("onnx", "litert:0", "bicubic:usb"):
        with pytest.raises(UsageError, match="auto, litert, tflite, tensorflow, edgetpu, bicubic"):
            backend_named(name)


@pytest.mark.parametrize("name", INTERPRETERS)
def test_an_engine_that_was_asked_for_by_name_is_never_replaced(monkeypatch, name):
    monkeypatch.setattr(TfliteBackend, "version", lambda backend: None)
    with pytest.raises(Unavailable, match=f"engine {name}: .* is not installed: .*pip install"):
        load_model(engine=name)


def test_an_engine_that_cannot_be_imported_is_unavailable(engine, monkeypatch):
    backend = backend_named(engine)
    monkeypatch.setattr(type(backend), "module", "no_such_module")
    with pytest.raises(Unavailable, match=r"is not installed .*no_such_module.*: .*pip install"):
        backend.prepare()


def test_the_version_is_that_of_the_installed_package(engine):
    assert backend_named(engine).version().split(".")[0].isdigit()
    assert backend_named("bicubic").version() == cv2.__version__


def test_the_first_interpreter_that_is_installed_is_the_usual_one(monkeypatch):
    for there, first in ((INTERPRETERS, "litert"), (("tensorflow", "tflite"), "tflite"), ((), None)):
        monkeypatch.setattr(
            TfliteBackend, "version", lambda backend, there=there: "1" if backend.name in there else None
        )
        assert installed_interpreter() == first


def test_what_may_crash_runs_in_a_process_of_its_own():
    assert not backend_named("litert").isolated
    assert backend_named("litert", Delegate("/usr/lib/libvx_delegate.so")).isolated
    assert backend_named("edgetpu").isolated
    assert backend_named("edgetpu:0,1").parts() == ("edgetpu:0", "edgetpu:1")
    assert backend_named("litert").parts() == ("litert",)


def test_an_edge_tpu_needs_an_interpreter(monkeypatch):
    monkeypatch.setattr(TfliteBackend, "version", lambda backend: None)
    with pytest.raises(
        Unavailable, match=r"engine edgetpu: needs an interpreter, and none is installed: .*pip install"
    ):
        backend_named("edgetpu").prepare()


def test_bicubic_scaling_compiles_nothing(networks):
    with pytest.raises(UsageError, match="there is no network"):
        backend_named("bicubic").compile(networks.tap(0, 0), 1)


def test_a_named_model_without_an_interpreter_warns_once(monkeypatch, caplog):
    monkeypatch.setattr(TfliteBackend, "version", lambda backend: None)
    for load in (lambda: load_model("srcnn-915-x2"), load_model, lambda: open_model(read_model(find_model("auto", 2)))):
        caplog.clear()
        with load() as upscaler:
            assert (upscaler.engine, upscaler.model) == ("bicubic", None)
        (record,) = caplog.records
        assert (record.levelname, "pip install ai-edge-litert" in record.getMessage()) == ("WARNING", True)
