"""Each library through ``load_model``: what works has the processor's bytes, what does not is told in a line."""

from time import monotonic

import numpy as np
import pytest

from edge_srcnn.engine import isolated
from edge_srcnn.errors import DelegateLost, SelfTestFailed, Unavailable
from edge_srcnn.system import worker_process
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.delegates.conftest import PLAIN

pytestmark = pytest.mark.slow

PLANE = np.random.default_rng(0).integers(0, 256, (48, 64)).astype(np.uint8)
MANY = 24  # planes of 48x64, each of one tile with two RESHAPE nodes; the self-test is the first


@pytest.fixture
def expected(upscalers, engine):
    return upscalers(engine=engine, name=PLAIN).upscale(PLANE)


@pytest.mark.parametrize("name", ["idle", "copies"])
def test_a_delegate_that_works_gives_the_same_bytes(engine, libraries, expected, traces, name):
    with load_model(PLAIN, engine=engine, delegate=libraries.delegate(name)) as upscaler:
        assert upscaler.engine == libraries.path(name)
        assert upscaler.self_test() == "identical" or engine == "tflite"
        assert all((upscaler.upscale(PLANE) == expected).all() for _ in range(3))


def test_its_options_arrive(engine, libraries, tmp_path):
    options = {"notes": tmp_path / "notes", "empty": "", "x": "1=2", "text": "two words"}
    load_model(PLAIN, engine=engine, delegate=libraries.delegate("copies", **options)).close()
    assert (tmp_path / "notes").read_text() == f"notes={tmp_path}/notes\nempty=\nx=1=2\ntext=two words\n"


@pytest.mark.parametrize(
    ("name", "options", "error", "said"),
    [
        ("refuses", {}, Unavailable, "refuses; its options may be wrong.*the accelerator is asleep"),
        ("copies", {"create": "refuse"}, Unavailable, "the accelerator is asleep"),
        ("other", {}, Unavailable, "is no TFLite delegate; it lacks tflite_plugin_create_delegate"),
        ("nowhere", {}, Unavailable, "there is no such library; install it, or give its path"),
        ("copies", {"create": "abort"}, DelegateLost, "cannot begin .its process died .SIGABRT"),
        ("copies", {"prepare": "abort"}, DelegateLost, "cannot begin .its process died .SIGABRT"),
        ("copies", {"prepare": "segfault"}, DelegateLost, "cannot begin .its process died .SIGSEGV"),
        ("copies", {"prepare": "refuse"}, Unavailable, "refuses the network"),
        ("copies", {"invoke": "abort"}, DelegateLost, "cannot begin .its process died .SIGABRT"),
        ("copies", {"invoke": "refuse"}, Unavailable, "the accelerator is tired"),
        ("copies", {"invoke": "err"}, SelfTestFailed, "computes srcnn-915-x2 wrongly .off by up to"),
    ],
)
def test_one_that_cannot_begin_says_why_in_a_line(engine, libraries, traces, capfd, name, options, error, said):
    with pytest.raises(error, match=said) as raised:
        load_model(PLAIN, engine=engine, delegate=libraries.delegate(name, **options))
    assert raised.type is error
    assert libraries.path(name) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("when", ["create", "prepare", "invoke"])
def test_one_that_hangs_at_the_start_is_given_up(engine, libraries, traces, monkeypatch, when):
    monkeypatch.setattr(worker_process, "START_S", 1.0)
    began = monotonic()
    with pytest.raises(DelegateLost, match=r"cannot begin \(no answer for 1 s\)"):
        load_model(PLAIN, engine=engine, delegate=libraries.delegate("copies", **{when: "hang"}))
    assert monotonic() - began < 2


@pytest.mark.parametrize(
    ("invoke", "said", "limit_s"),
    [
        ("abort", "its process died .SIGABRT", 0.5),
        ("segfault", "its process died .SIGSEGV", 0.5),
        ("refuse", "the accelerator is tired", 0.5),
        ("hang", "no answer for 1 s", 1.5),
    ],
)
def test_one_that_fails_later_is_lost_soon_and_stays_so(engine, libraries, expected, traces, invoke, said, limit_s):
    with load_model(PLAIN, engine=engine, delegate=libraries.delegate("copies", invoke=invoke, after=MANY)) as upscaler:
        with pytest.raises(DelegateLost, match=f"copies.so: lost .*{said}"):
            for _ in range(MANY):
                began = monotonic()
                assert (upscaler.upscale(PLANE) == expected).all()
        assert monotonic() - began < limit_s
        with pytest.raises(DelegateLost, match=said):
            upscaler.upscale(PLANE)
        assert upscaler.statistics.frames > 5


def test_one_that_hangs_at_its_first_plane_is_given_up_too(libraries, traces, monkeypatch):
    monkeypatch.setattr(isolated, "FIRST_S", 0.5)
    with load_model(PLAIN, delegate=libraries.delegate("copies", invoke="hang", after=2)) as upscaler:
        began = monotonic()
        with pytest.raises(DelegateLost, match=r"no answer for 0\.561 s"):
            upscaler.upscale(PLANE)
    assert monotonic() - began < 1.5


def test_a_picture_that_changes_after_a_still_one_is_no_hang(texture, monkeypatch):
    monkeypatch.setattr(isolated, "_LEAST_S", 0.001)  # what counts is how long whole pictures took
    plane = texture(480, 640)
    with load_model("fast-s-x2", isolate=True, reuse=True) as upscaler:
        for _ in range(6):
            upscaler.upscale(plane)
        assert upscaler.upscale(255 - plane).shape == (960, 1280)


def test_twenty_losses_leave_nothing(libraries, traces):
    for number in range(20):
        delegate = libraries.delegate("copies", invoke=("abort", "segfault", "refuse")[number % 3], after=2)
        with load_model(PLAIN, delegate=delegate) as upscaler, pytest.raises(DelegateLost):
            upscaler.upscale(PLANE)
