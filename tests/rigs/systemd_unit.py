"""Asking systemd about the service, and waiting for what it is to say."""

import os
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

UNIT = "edge-srcnn@default.service"
CONFIGURATIONS = Path("/etc/edge-srcnn")
CARD = "test:?size=160x120&fps=10"
UNLISTED = "/dev/unlisted"
"""A device that everybody may open, and the unit does not list."""
WATCHDOG_S = 2
PROBE = f"""
[Service]
WatchdogSec={WATCHDOG_S}
LoadCredential=token:/etc/edge-srcnn/token
ExecStartPre=/home/rig/venv/bin/python3 {Path(__file__).with_name("systemd_probe.py")} probe.json
"""


def done(*command: str, status: int | None = 0) -> "subprocess.CompletedProcess[str]":
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert status is None or result.returncode == status, f"{command}: {result}"
    return result


def shown(name: str, unit: str = UNIT) -> str:
    return done("systemctl", "show", "--value", "--property", name, unit).stdout.strip()


def main_pid(unit: str = UNIT) -> int:
    pid = int(shown("MainPID", unit))
    assert pid > 1, f"{unit} does not run; {journal()}"  # 0 would be this very process group
    return pid


def wait_until(true: Callable[[], bool], limit_s: float) -> float:
    """Wait for it, and give how long it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < limit_s, f"not within {limit_s} s; {journal()}"
        time.sleep(0.05)
    return time.monotonic() - began


def journal() -> str:
    return done("journalctl", "--boot", "--no-pager", "--output=cat", "--lines=30", f"--unit={UNIT}").stdout


def configure(name: str = "default", source: str = CARD, sinks: str = '"null:"') -> None:
    (CONFIGURATIONS / f"{name}.toml").write_text(f'source = "{source}"\nsinks = [{sinks}]\n')


def add_probe() -> None:
    """Let the unit look around before each start, with things in its way that it must not see or touch."""
    (CONFIGURATIONS / "token").write_text("secret")
    (CONFIGURATIONS / "token").chmod(0o600)
    drop_in = Path("/etc/systemd/system/edge-srcnn@default.service.d/rig.conf")
    drop_in.parent.mkdir()
    drop_in.write_text(PROBE)
    for home in ("/home", "/home/rig", "/root"):
        Path(home, "letters").touch()
    os.mknod(UNLISTED, stat.S_IFCHR, os.makedev(1, 11))
    os.chmod(UNLISTED, 0o666)


def started_again(restarts: int) -> Callable[[], bool]:
    return lambda: shown("NRestarts") == str(restarts) and shown("ActiveState") == "active"


def tell(sentence: str) -> None:
    print(f"       {sentence}", flush=True)  # noqa: T201  # what the checks found, beside what checks.run prints
