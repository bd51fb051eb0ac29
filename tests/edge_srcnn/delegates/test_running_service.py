"""The real service with real delegates that fail: its pages go on, its state says what happened, nothing is left."""

import json
import os
import signal
from pathlib import Path
from time import monotonic

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from tests.edge_srcnn.delegates.conftest import children, in_shared_memory
from tests.edge_srcnn.service.running import Watcher, note, running
from tests.edge_srcnn.web.serving import wait_until

pytestmark = pytest.mark.slow

RECOVERY_S = 2.0


def configuration(**enhance):
    settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in enhance.items())
    return f'source = "test:size=64x48,fps=50"\nsinks = ["http://127.0.0.1:0", "null:"]\n[enhance]\n{settings}'


def states(service):
    """Of its children: a letter each, ``Z`` for a zombie."""
    return [
        Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[0] for each in children(service.process.pid)
    ]


def falls(service, said):
    """Wait until a lesser engine computes; its state then."""
    found = {}

    def fallen():
        found.update(service.state())
        return found["phase"] == "degraded" and any(said in error for error in found["errors"])

    wait_until(fallen, 10)
    return found


def ends(service, shared):
    """It ends when it is told to, and leaves nothing."""
    left = children(service.process.pid)
    assert service.stop() < RECOVERY_S
    wait_until(lambda: not any(Path(f"/proc/{each}").exists() for each in left), 5)
    assert in_shared_memory() <= shared


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("invoke=abort", "after=100"), "lost (its process died (SIGABRT))"),
        (("invoke=hang", "after=100"), "lost (no answer for 1 s)"),
    ],
)
def test_pictures_go_on_while_a_delegate_is_lost_again_and_again(tmp_path, libraries, options, said, record_property):
    library, shared = libraries.path("copies"), in_shared_memory()
    with running(tmp_path, configuration(delegate=library, delegate_options=options)) as service:
        service.wait_for(lambda state: state["engine"] == library)
        with Watcher(service) as watcher:
            state = falls(service, said)
            assert state["engine"] in ("litert", "tflite")
            assert (state["phase"], state["engine_failures"], state["engine_restarts"]) == ("degraded", 1, 1)
            before = service.usage()
            service.wait_for(lambda state: state["engine_restarts"] >= 2)
            after = falls(service, said)
            assert watcher.longest_gap_s() < RECOVERY_S
        assert after["failed"] == after["engine_restarts"]
        assert service.usage()["descriptors"] <= before["descriptors"] + 4  # one may be on its way up
        assert "Z" not in states(service)
        note(record_property, f"delegate {options[0]}", served_again_s=watcher.longest_gap_s(), lost=after["failed"])
        ends(service, shared)


@pytest.mark.parametrize("name", ["refuses", "other"])
def test_one_that_cannot_begin_is_told_and_the_processor_works(tmp_path, libraries, name):
    with running(tmp_path, configuration(delegate=libraries.path(name))) as service:
        service.wait_for_phase("degraded")
        state = service.state()
        assert state["engine"] in ("litert", "tflite")
        assert f"computes, since {libraries.path(name)} fails" in state["errors"][0]
        ends(service, in_shared_memory())


def test_a_killed_engine_costs_a_frame_and_comes_back(tmp_path, libraries, record_property):
    library, shared = libraries.path("copies"), in_shared_memory()
    with running(tmp_path, configuration(delegate=library)) as service:
        service.wait_for(lambda state: state["engine"] == library and state["phase"] == "live")
        with Watcher(service) as watcher:
            watcher.sees(live=True, since_s=0)
            descriptors = service.usage()["descriptors"]
            (engine,) = children(service.process.pid)
            os.kill(engine, signal.SIGKILL)
            killed_s = monotonic()
            state = falls(service, "lost (its process died (SIGKILL))")
            assert (state["engine"] == library, state["failed"]) == (False, 1)
            back_s = service.wait_for(lambda state: state["engine"] == library and state["phase"] == "live")
            assert watcher.longest_gap_s() < RECOVERY_S
            wait_until(lambda: service.usage()["descriptors"] <= descriptors)  # a visitor may still be leaving
        assert len(children(service.process.pid)) == 1
        gap_s, remarks = watcher.longest_gap_s(), f"{back_s - killed_s:.1f} s until the best one is back"
        note(record_property, "engine killed", served_again_s=gap_s, lost=1, remarks=remarks)
        ends(service, shared)


def test_an_edge_tpu_that_is_reset_is_taken_again(tmp_path, coral, compiled_model, record_property):
    coral.setenv("CORAL_LIFE_MS", "1000")
    shared = in_shared_memory()
    with running(tmp_path, configuration(model=str(compiled_model()))) as service:
        service.wait_for(lambda state: state["engine"] == "edgetpu")
        with Watcher(service) as watcher:
            state = falls(service, "engine edgetpu: lost (its process died (SIGABRT))")
            assert state["engine"] in ("litert", "tflite")
            service.wait_for(lambda state: state["engine"] == "edgetpu", 5)
            assert watcher.longest_gap_s() < RECOVERY_S
        note(record_property, "Edge TPU reset", served_again_s=watcher.longest_gap_s(), lost=state["failed"])
        ends(service, shared)


def test_an_edge_tpu_that_is_not_there_is_told(tmp_path, coral, compiled_model):
    coral.setenv("CORAL_DEVICES", "")
    with running(tmp_path, configuration(model=str(compiled_model()), engine="edgetpu:usb")) as service:
        service.wait_for_phase("degraded")
        assert (
            "computes, since edgetpu:usb fails: libedgetpu.so.1: no Edge TPU is there" in service.state()["errors"][0]
        )
