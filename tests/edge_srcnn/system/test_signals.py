"""Signals as ordinary calls, whatever the main thread is in the midst of."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from edge_srcnn.system.signals import acting_on

SHORT = """
import os, signal, sys, threading, time
from edge_srcnn.system.signals import acting_on
stopping = threading.Event()
def send():
    while True:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.0005)
with acting_on({signal.SIGINT: stopping.set}):
    threading.Thread(target=send, daemon=True).start()
    for _ in range(100_000):
        stopping.set()
    os._exit(0)
"""


def wait_for(true, *, seconds=5.0):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


def test_each_signal_has_its_action_beside_the_main_thread():
    came = []
    with acting_on(
        {
            signal.SIGUSR1: lambda: came.append((1, threading.current_thread())),
            signal.SIGUSR2: lambda: came.append((2, threading.current_thread())),
        }
    ):
        os.kill(os.getpid(), signal.SIGUSR2)
        wait_for(lambda: len(came) == 1)
        os.kill(os.getpid(), signal.SIGUSR1)
        wait_for(lambda: len(came) == 2)
    assert [number for number, _ in came] == [2, 1]
    assert all(thread is not threading.main_thread() for _, thread in came)


def test_a_lock_that_the_main_thread_holds_keeps_no_action_for_ever():
    lock, done = threading.Lock(), threading.Event()

    def action():
        with lock:
            done.set()

    with acting_on({signal.SIGUSR1: action}):
        with lock:
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.05)
            assert not done.is_set()
        assert done.wait(5)


def test_a_slow_action_does_not_hold_up_another():
    release, stopped = threading.Event(), threading.Event()
    with acting_on({signal.SIGUSR1: release.wait, signal.SIGUSR2: stopped.set}):
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        assert stopped.wait(5)
        release.set()


@pytest.mark.slow
def test_a_flood_of_signals_hangs_nothing():
    subprocess.run([sys.executable, "-c", SHORT], check=True, timeout=60)


def test_afterwards_all_is_as_before():
    before, threads = signal.getsignal(signal.SIGUSR1), set(threading.enumerate())
    came = []

    def handler(number, frame):
        came.append(True)

    signal.signal(signal.SIGUSR1, handler)
    with acting_on({signal.SIGUSR1: lambda: None}):
        assert signal.getsignal(signal.SIGUSR1) is not handler
    assert signal.getsignal(signal.SIGUSR1) is handler
    os.kill(os.getpid(), signal.SIGUSR1)
    wait_for(lambda: came)
    signal.signal(signal.SIGUSR1, before)
    assert signal.set_wakeup_fd(-1) == -1
    assert set(threading.enumerate()) <= threads  # one of an earlier test may have come to its end
