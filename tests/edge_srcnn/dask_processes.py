"""A real scheduler of Dask and real workers, each a process of its own on this machine's loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

ROOT = Path(__file__).parents[2]
START_S = 120

T = TypeVar("T")


class DaskProcesses:
    """Start a scheduler and workers in ``folder``, and end them.

    Parameters
    ----------
    folder
        Of the scheduler file, the workers' temporary files, and what they print.
    options
        Of the scheduler.
    environment
        Of all of them, beside this process's own.
    """

    def __init__(self, folder: Path, options: Sequence[str] = (), environment: dict[str, str] | None = None) -> None:
        self.folder, self.workers = folder, list[subprocess.Popen[bytes]]()
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        self.file = folder / "scheduler.json"
        where = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file))
        self.scheduler = self._start("scheduler", "distributed.cli.dask_scheduler", *where, *options)
        self.address = wait_for(self._address)

    def add_worker(
        self,
        *options: str,
        before: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        threads: int = 1,
        wait: bool = True,
    ) -> "subprocess.Popen[bytes]":
        """Start a worker, without the nanny that would start it again; ``before`` stands before its command."""
        name, count = f"worker-{len(self.workers)}", len(self.workers)
        where = ("--no-nanny", "--no-dashboard", "--nthreads", str(threads), "--local-directory", str(self.folder))
        module, named = "distributed.cli.dask_worker", ("--name", name, *where, *options)
        worker = self._start(name, module, self.address, *named, before=before, environment=environment)
        self.workers.append(worker)
        if wait:
            wait_for(lambda: b"Registered to" in (self.folder / f"worker-{count}.log").read_bytes())
        return worker

    def close(self) -> None:
        """Kill them all."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(
        self,
        name: str,
        module: str,
        *arguments: str,
        before: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("wb") as output:
            return subprocess.Popen(
                [*before, sys.executable, "-m", module, *arguments],
                cwd=self.folder,
                env={**self.environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _address(self) -> str:
        try:
            return str(json.loads(self.file.read_text())["address"])
        except (OSError, ValueError):
            return ""


def wait_for(condition: Callable[[], T]) -> T:
    """Wait until something holds, and give it."""
    end_s = monotonic() + START_S
    while not (found := condition()):
        if monotonic() > end_s:
            raise TimeoutError(f"not within {START_S} s")
        sleep(0.02)
    return found
