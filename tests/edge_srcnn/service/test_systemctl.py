"""Asking systemd, with a program of the tests' own in place of systemctl."""

import os
from pathlib import Path

import pytest

from edge_srcnn.errors import Unavailable
from edge_srcnn.service import systemctl
from edge_srcnn.service.systemctl import UnitState, tell, unit_states

SHOWN = """\
Id=edge-srcnn@default.service
LoadState=loaded
ActiveState=active
SubState=running
StatusText=live = good
NRestarts=2
Result=success
UnitFileState=enabled

Id=edge-srcnn@front.service
LoadState=loaded
ActiveState=failed
SubState=failed
StatusText=
NRestarts=0
Result=exit-code
UnitFileState=disabled
"""


@pytest.fixture
def fake_systemctl(tmp_path, monkeypatch):
    """``fake_systemctl("echo done; exit 5")`` is what systemctl does from then on."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(systemctl, "BOOTED", tmp_path)

    def write(script: str) -> None:
        (tmp_path / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "systemctl").chmod(0o755)

    return write


def test_what_a_program_prints_is_given():
    assert tell("echo", "done") == "done\n"


def test_a_program_that_fails_is_an_error_that_says_why():
    with pytest.raises(Unavailable, match=r"^sh -c .*: no such unit$"):
        tell("sh", "-c", "echo warning >&2; echo no such unit >&2; exit 4")
    with pytest.raises(Unavailable, match=r"^false: exit status 1$"):
        tell("false")


def test_a_program_that_is_missing_is_an_error_with_a_cure():
    with pytest.raises(Unavailable, match=r"^systemd-nothing: is not installed; apt install systemd$"):
        tell("systemd-nothing")


def test_a_program_that_hangs_is_an_error(monkeypatch):
    monkeypatch.setattr(systemctl, "_TIMEOUT_S", 0.1)
    with pytest.raises(Unavailable, match=r"sleep 9: .*timed out"):
        tell("sleep", "9")


def test_units_are_told_apart_and_read(fake_systemctl):
    fake_systemctl(f"cat <<'END'\n{SHOWN}END")
    assert unit_states() == [
        UnitState(
            "edge-srcnn@default.service",
            "active",
            "running",
            "live = good",
            2,
            "success",
            "enabled",
        ),
        UnitState("edge-srcnn@front.service", "failed", "failed", "", 0, "exit-code", "disabled"),
    ]


def test_a_service_that_is_not_installed_is_an_error_with_a_cure(fake_systemctl):
    fake_systemctl("echo Id=edge-srcnn@default.service; echo LoadState=not-found; echo ActiveState=inactive")
    with pytest.raises(Unavailable, match="not installed; 'edge-srcnn service install' does it"):
        unit_states()


def test_without_systemd_there_is_no_state(monkeypatch):
    monkeypatch.setattr(systemctl, "BOOTED", Path("/nowhere"))
    with pytest.raises(Unavailable, match="no systemd is running here; 'edge-srcnn run' serves without it"):
        unit_states()
