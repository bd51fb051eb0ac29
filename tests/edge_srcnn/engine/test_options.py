"""What ``auto`` comes to, and what takes the place of an engine that fails: one list for loading and fail-over."""

from dataclasses import replace

import pytest

from edge_srcnn.engine.backends import Delegate
from edge_srcnn.engine.interpreter import TfliteBackend
from edge_srcnn.engine.options import EngineOptions, candidates, may_be_missing
from edge_srcnn.errors import UsageError
from edge_srcnn.models.edgetpu import TpuForm
from edge_srcnn.models.file import parse_model

FORM = TpuForm(b"", (2, 4), (8, 16), (2, 2, 4, 4), compiler="16.0")
DELEGATE = Delegate("/usr/lib/libvx_delegate.so")


@pytest.fixture
def plain(model_bytes):
    return parse_model(model_bytes, "bundled")


@pytest.fixture
def compiled(plain):
    return replace(plain, tpu=FORM)


@pytest.fixture(autouse=True)
def only_litert(monkeypatch):
    """Pretend that LiteRT is what is installed."""
    monkeypatch.setattr(TfliteBackend, "version", lambda backend: "2" if backend.name == "litert" else None)


def names(options, model=None):
    return [(each.engine, each.isolate, each.delegate) for each in candidates(options, model)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [("litert", False, None), ("bicubic", False, None)]),
        ({"engine": "tflite"}, [("tflite", False, None), ("bicubic", False, None)]),
        ({"engine": "bicubic"}, [("bicubic", False, None)]),
        ({"engine": "bicubic", "isolate": True}, [("bicubic", False, None)]),
        ({"isolate": True}, [("litert", True, None), ("litert", False, None), ("bicubic", False, None)]),
        ({"engine": "edgetpu:usb"}, [("edgetpu:usb", False, None), ("litert", False, None), ("bicubic", False, None)]),
        ({"delegate": DELEGATE}, [("litert", False, DELEGATE), ("litert", False, None), ("bicubic", False, None)]),
    ],
    ids=str,
)
def test_the_processor_comes_after_what_was_asked_for_and_bicubic_last(plain, options, expected):
    assert names(EngineOptions(**options), plain) == expected


def test_auto_is_an_edge_tpu_where_the_model_is_compiled_for_one(compiled):
    assert [name for name, _, _ in names(EngineOptions(), compiled)] == ["edgetpu", "litert", "bicubic"]
    assert [name for name, _, _ in names(EngineOptions(delegate=DELEGATE), compiled)] == ["litert", "litert", "bicubic"]
    ready = replace(compiled, tpu=replace(FORM, compiler=None))  # to be compiled
    assert [name for name, _, _ in names(EngineOptions(), ready)] == ["litert", "bicubic"]


def test_only_devices_may_be_missing(compiled):
    assert [may_be_missing(each) for each in candidates(EngineOptions(), compiled)] == [True, False, False]
    assert [may_be_missing(each) for each in candidates(EngineOptions(delegate=DELEGATE))] == [True, False, False]
    assert not any(may_be_missing(each) for each in candidates(EngineOptions(isolate=True)))


def test_other_options_stay(plain):
    asked = EngineOptions(threads=3, tile=(8, 8), reuse=True, isolate=True)
    assert {(each.threads, each.tile, each.reuse) for each in candidates(asked, plain)} == {(3, (8, 8), True)}


@pytest.mark.parametrize("options", [{}, {"engine": "edgetpu"}, {"delegate": DELEGATE}], ids=str)
def test_without_an_interpreter_there_is_one_warning_with_the_cure(monkeypatch, caplog, plain, options):
    monkeypatch.setattr(TfliteBackend, "version", lambda backend: None)
    assert names(EngineOptions(**options), plain)[-1] == ("bicubic", False, None)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "pip install ai-edge-litert" in caplog.text


@pytest.mark.parametrize("options", [{"threads": 0}, {"tile": (0, 5)}, {"engine": "onnx"}, {"engine": "edgetpu:gpu"}])
def test_options_that_make_no_sense_are_refused_at_once(options):
    with pytest.raises(UsageError):
        EngineOptions(**options)
