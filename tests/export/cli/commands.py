"""A command in a process of its own, and how one ended."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

Process = subprocess.CompletedProcess[str]


class Ended(NamedTuple):
    """How a command ended inside this process."""

    status: int
    out: str
    err: str


Cli = Callable[..., Ended]


def run(*arguments: str | Path, folder: Path | None = None) -> Process:
    command = [sys.executable, "-m", "edge_srcnn", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
