"""What systemd is told over its socket, and what the journal, people and programs get as a log."""

import json
import logging
import os
import socket

import pytest

from edge_srcnn.service.systemd import Notifier, configure_logging


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


# the log


@pytest.fixture(autouse=True)
def restored():
    root, ours = logging.getLogger(), logging.getLogger("edge_srcnn")
    before = list(root.handlers), root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before


def say():
    log = logging.getLogger("edge_srcnn.somewhere")
    log.info("frames come")
    log.warning("lost")
    try:
        raise ValueError("inner")
    except ValueError:
        log.error("broken", exc_info=True)
    log.debug("details")
    logging.getLogger("aiohttp").info("chatter of others")


def test_the_journal_gets_priorities_and_no_time(capsys):
    configure_logging("auto", environment={"JOURNAL_STREAM": "8:1"})
    say()
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["<6>frames come", "<4>lost", "<3>broken"]
    assert all(line.startswith("<3>") for line in lines[2:])  # a traceback too
    assert "chatter" not in "".join(lines)


def test_people_get_the_time_and_the_level(capsys):
    configure_logging("text", environment={})
    say()
    first = capsys.readouterr().err.splitlines()[0]
    assert first[:2] == "20"
    assert first.endswith("INFO: frames come")


def test_programs_get_one_object_a_line(capsys):
    configure_logging("json", environment={"JOURNAL_STREAM": "8:1"})
    say()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("info", "frames come"),
        ("warning", "lost"),
        ("error", "broken"),
    ]
    assert "ValueError: inner" in lines[2]["traceback"]
    assert lines[0]["time"].endswith("Z")


def test_details_are_for_those_who_ask(capsys):
    logging.getLogger().setLevel(logging.DEBUG)  # as --verbose does
    configure_logging("text", environment={})
    say()
    assert "DEBUG: details" in capsys.readouterr().err
