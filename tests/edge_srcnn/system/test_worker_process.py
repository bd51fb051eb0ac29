"""A child process: its owner gets answers, errors or a bounded wait; nothing of it is left."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from edge_srcnn.errors import BadData
from edge_srcnn.system.worker_process import Child
from tests.edge_srcnn.machine import SLOWER

WORKERS = "tests.edge_srcnn.workers:"
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def child():
    made = Child(f"{WORKERS}misbehaves")
    yield made
    made.close()


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_it_answers_in_another_process_and_keeps_what_it_knows():
    child = Child(f"{WORKERS}adds", start=40)
    pid, first = child.call(5, 1)
    assert (first, child.call(5, number=1)[1]) == (41, 42)
    assert pid != os.getpid()
    child.close()
    child.close()
    assert not is_running(pid)


def test_arrays_go_there_and_back():
    child = Child(f"{WORKERS}echoes")
    plane = np.arange(1280 * 960, dtype=np.uint8).reshape(960, 1280)[:, ::2]
    assert (child.call(10, plane) == plane).all()
    child.close()


def test_an_error_of_ours_comes_through_and_it_lives_on(child):
    with pytest.raises(BadData, match="no, thank you"):
        child.call(5, "refuses")
    assert child.call(5, "well") == "well"


def test_a_worker_that_cannot_start_says_why():
    before = descriptors()
    with pytest.raises(BadData, match="not today"):
        Child(f"{WORKERS}refuses_to_start")
    assert descriptors() == before


def test_a_child_inherits_no_address_and_its_traceback_tells_none(monkeypatch, capfd):
    monkeypatch.setenv("EDGE_SRCNN_SOURCE", "rtsp://eye:canary-1@camera/x")
    monkeypatch.setenv("EDGE_SRCNN_SINKS", "rtmp://server/live/canary-2")
    child = Child(f"{WORKERS}reveals")
    assert "canary" not in str(child.call(20 * SLOWER, ""))
    with pytest.raises(ConnectionError):
        child.call(20 * SLOWER, "rtsp://eye:canary-3@camera/x?pwd=canary-4")
    child.close()
    said = capfd.readouterr().err
    assert "KeyError: 'rtsp://***@camera/x?***'" in said
    assert "canary" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ("hangs", TimeoutError, "no answer for 0.5 s"),
        ("dies", ConnectionError, "SIGKILL"),
        ("aborts", ConnectionError, "SIGABRT"),
        ("breaks", ConnectionError, "exit status 1"),
        ("misses", ConnectionError, "exit status 1"),
        ("stops", TimeoutError, "no answer"),
    ],
)
def test_a_child_that_hangs_or_dies_is_noticed_and_gone(how, error, said):
    before = descriptors()
    child = Child(f"{WORKERS}misbehaves")
    began = monotonic()
    with pytest.raises(error, match=said):
        child.call(0.5, how)
    assert monotonic() - began < 5
    child.close()
    assert descriptors() == before
    with pytest.raises((TimeoutError, ConnectionError)):
        child.call(1, "well")


@pytest.mark.slow
def test_a_child_that_is_stopped_takes_no_large_request(child):
    os.kill(child._process.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError, match="nothing was taken"):
        child.call(0.5, bytes(8_000_000))
    assert not is_running(child._process.pid)


@pytest.mark.slow
def test_while_it_hangs_other_threads_of_the_owner_go_on(child):
    ticks = []
    ended = threading.Event()

    def tick():
        while not ended.wait(0.01):
            ticks.append(monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    with pytest.raises(TimeoutError):
        child.call(0.5, "hangs")
    ended.set()
    thread.join()
    assert len(ticks) >= 10


def test_it_ends_when_its_owner_is_killed():
    code = (
        "from edge_srcnn.system.worker_process import Child; import time;"
        f"child = Child('{WORKERS}adds'); print(child.call(5, 1)[0], flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        pid = int(owner.stdout.readline())
        owner.kill()
    end = monotonic() + 10
    while is_running(pid) and monotonic() < end:
        sleep(0.05)
    assert not is_running(pid)


def test_a_signal_from_the_keyboard_is_for_the_owner(child):
    os.kill(child._process.pid, signal.SIGINT)
    assert child.call(5, "well") == "well"
