"""Ask and tell systemd, by its own programs."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edge_srcnn.errors import Unavailable

INSTANCES = "edge-srcnn@*.service"
BOOTED = Path("/run/systemd/system")  # sd_booted(3)
UDEV = Path("/run/udev/control")

_DEFAULT = "edge-srcnn@default.service"
_TIMEOUT_S = 60.0
_PROPERTIES = "Id,LoadState,ActiveState,SubState,StatusText,NRestarts,Result,UnitFileState"


@dataclass(frozen=True)
class UnitState:
    """Hold what systemd knows of a unit.

    Attributes
    ----------
    unit
        Its name, with ``.service``.
    active, sub
        ActiveState and SubState: ``active`` and ``running``, ``failed``, ``activating`` and ``auto-restart``.
    text
        What the service last said of itself.
    restarts
        How often systemd started it again.
    result
        How its last run ended; ``success`` while it runs.
    at_boot
        ``enabled`` when it starts with the computer.
    """

    unit: str
    active: str
    sub: str
    text: str
    restarts: int
    result: str
    at_boot: str


def is_running() -> bool:
    """Tell whether systemd runs this computer."""
    return BOOTED.is_dir()


def tell(*command: str) -> str:
    """Run one of systemd's programs for its standard output; ``Unavailable``: it is missing, hangs, or fails."""
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, env=environment
        )
    except FileNotFoundError as error:
        raise Unavailable(f"{command[0]}: is not installed; apt install systemd") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise Unavailable(f"{' '.join(command)}: {said}")
    return done.stdout


def unit_states() -> list[UnitState]:
    """Read the state of the default instance, and of those in systemd's memory: they run, failed, or are enabled.

    Returns
    -------
    One state an instance, at least one.

    Raises
    ------
    Unavailable
        No systemd is running, or the service is not installed.
    """
    if not is_running():
        raise Unavailable("no systemd is running here; 'edge-srcnn run' serves without it")
    said = tell("systemctl", "show", f"--property={_PROPERTIES}", _DEFAULT, INSTANCES)
    found = {}
    for block in said.strip().split("\n\n"):
        known = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if known.get("LoadState") not in (None, "not-found"):
            state, sub, text = known["ActiveState"], known["SubState"], known["StatusText"]
            ended, at_boot = known["Result"], known["UnitFileState"]
            found[known["Id"]] = UnitState(known["Id"], state, sub, text, int(known["NRestarts"]), ended, at_boot)
    if not found:
        raise Unavailable("the service is not installed; 'edge-srcnn service install' does it, as root")
    return list(found.values())
