import os
import socket

import pytest

from edge_srcnn.service.systemd import Notifier


@pytest.fixture
def systemd(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(5)
        yield receiver


def received(systemd):
    return systemd.recv(4096).decode().splitlines()


def test_it_speaks_as_systemd_wants(systemd):
    notifier = Notifier({"NOTIFY_SOCKET": systemd.getsockname()})
    notifier.ready("live: 640x480")
    assert received(systemd) == ["READY=1", "STATUS=live: 640x480"]
    notifier.status("two\nlines")
    assert received(systemd) == ["STATUS=two lines"]
    notifier.watchdog()
    assert received(systemd) == ["WATCHDOG=1"]
    notifier.reloading()
    first, second = received(systemd)
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdecimal()
    notifier.stopping()
    assert received(systemd)[0] == "STOPPING=1"


def test_an_abstract_socket_is_reached():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0edge-srcnn-test-{os.getpid()}")
        receiver.settimeout(5)
        Notifier({"NOTIFY_SOCKET": f"@edge-srcnn-test-{os.getpid()}"}).watchdog()
        assert received(receiver) == ["WATCHDOG=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_systemd_it_is_silent(environment):
    notifier = Notifier(environment)
    notifier.ready("live")
    assert notifier.watchdog_s is None


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),  # meant for another process
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_of_this_process(environment, seconds):
    assert Notifier(environment).watchdog_s == seconds


def test_a_full_socket_does_not_hold_it_up(systemd):
    notifier = Notifier({"NOTIFY_SOCKET": systemd.getsockname()})
    for _ in range(10_000):
        notifier.watchdog()
