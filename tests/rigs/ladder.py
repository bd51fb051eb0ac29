"""Figures of the ladder of models, from outside over HTTP: rates, steps under load and heat, idling. Prints JSON.

usage: python tests/rigs/ladder.py rate | governor [MINUTES] | idle | all [MINUTES]
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.rigs.live import Viewer

SETTLE_S, MEASURED_S = 3.0, 20.0
STEP_S = 40.0
"""So long a load may need until the ladder has found its model."""

CARD = "test:size=640x480,fps={}"
WINDOW_S, MOST_STEPS = 300.0, 4

_BUSY = "while True: pass"
_MAIN = """
import pathlib
from edge_srcnn.system import temperature
def newest(self):
    try:
        return temperature.Heat(float(pathlib.Path("celsius").read_text()), ())
    except (OSError, ValueError):
        return temperature.Heat(50.0, ())
temperature.HeatWatch.newest = newest
from edge_srcnn.cli import main
main()
"""


class Running:
    """``edge-srcnn run`` in a process of its own, with a thermometer that says what we want."""

    def __init__(self, folder: Path, source: str, *options: str) -> None:
        self.folder, self._log = folder, folder / "log"
        command = [sys.executable, "-c", _MAIN, "run", "--source", source, "--sink", "http://127.0.0.1:0", *options]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "XDG_CACHE_HOME": str(folder)}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
        end = time.monotonic() + 60
        while not (found := re.search(r"look at (\S+)", self.log)):
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"it does not begin:\n{self.log}")
            time.sleep(0.05)
        self.address = found[1]

    @property
    def log(self) -> str:
        """Give all that it said."""
        return self._log.read_text(errors="replace")

    def state(self) -> Any:
        """Ask how it goes."""
        with urllib.request.urlopen(f"{self.address}/state", timeout=30) as answer:
            return json.load(answer)

    def cpu_s(self) -> float:
        """Tell the processor's time so far, children included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def set_celsius(self, celsius: float) -> None:
        """Say how hot it is."""
        other = self.folder / "celsius.new"
        other.write_text(str(celsius))
        other.replace(self.folder / "celsius")

    def viewer(self) -> Viewer:
        """Look."""
        viewer = Viewer(self.address.rpartition(":")[2])
        viewer.start()
        return viewer


@contextmanager
def running(source: str, *options: str) -> Iterator[Running]:
    """Run it until the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        started = Running(Path(folder), source, *options)
        try:
            yield started
        finally:
            started.process.terminate()
            started.process.wait(30)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many cores busy."""
    loops = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(started: Running, viewer: Viewer, fps: int) -> dict[str, Any]:
    """Look for a while: what is dropped, how old pictures are, and what a viewer gets."""
    before, since = started.state(), time.time()
    viewer.latencies.clear()
    time.sleep(MEASURED_S)
    after = started.state()
    came, dropped = (after[name] - before[name] for name in ("frames_in", "dropped"))
    engine_ms = after["enhance"]["median_ms"]
    return {
        "model": after["model"],
        "dropped_percent": round(100 * dropped / max(came, 1), 1),
        "viewer_fps": round(viewer.rate(since), 1),
        "engine_ms": round(engine_ms, 1),
        "latency_ms": round(statistics.median(viewer.latencies.copy()) * 1000, 1) if viewer.latencies else None,
        "allowed_latency_ms": round(engine_ms + 1500 / fps, 1),
        "steps": after["ladder"] and after["ladder"]["steps"],
        "last_step": after["ladder"] and after["ladder"]["last_step"],
        "too_slow": after["ladder"] and after["ladder"]["too_slow"],
    }


def rate() -> dict[str, Any]:
    """Acceptance 4: 15 and 30 frames a second with one viewer, and 15 beside a busy loop on one core."""
    figures: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "load_before": os.getloadavg()[0]}
    for fps in (15, 30):
        with running(CARD.format(fps)) as started:
            viewer = started.viewer()
            time.sleep(SETTLE_S)
            figures[f"fps_{fps}"] = measure(started, viewer, fps)
            figures["models"] = started.state()["ladder"]["models"]
            if fps == 15:
                with busy(1):
                    time.sleep(STEP_S)
                    figures["fps_15_beside_a_busy_core"] = measure(started, viewer, fps)
            viewer.ended = True
    return figures


def governor(minutes: float = 10) -> dict[str, Any]:
    """Acceptance 5: random load and heat; each step with its time, the longest gap, and steps in any five minutes."""
    dice, steps, last = random.Random(16), [], None
    with running(CARD.format(15)) as started:
        viewer = started.viewer()
        time.sleep(SETTLE_S)
        begun, began_on = time.monotonic(), started.state()["model"]
        gaps, seen = [0.0], time.time()
        while time.monotonic() - begun < minutes * 60:
            started.set_celsius(dice.choice((50.0, 50.0, 77.0, 82.0)))
            with busy(dice.choice((0, 0, 2, 4))):
                end = time.monotonic() + dice.uniform(2, 45)
                while time.monotonic() < end:
                    time.sleep(0.5)
                    with suppress(OSError):
                        state = started.state()
                        now = sum(each["count"] for each in state["ladder"]["steps"])
                        if now != last and last is not None:
                            at_s = round(time.monotonic() - begun, 1)
                            steps.append({"at_s": at_s, "model": state["model"], "why": state["ladder"]["last_step"]})
                        last = now
            arrivals = [arrival for arrival in viewer.arrivals.copy() if arrival >= seen]
            gaps += [after - before for before, after in pairwise(arrivals)]
            seen = arrivals[-1] if arrivals else seen
        viewer.ended, ended_on = True, started.state()["model"]
    times = [step["at_s"] for step in steps]
    most = max((sum(0 <= other - at_s <= WINDOW_S for other in times) for at_s in times), default=0)
    return {
        "minutes": minutes,
        "began_on": began_on,
        "ended_on": ended_on,
        "steps": steps,
        "most_steps_in_5_minutes": most,
        "allowed_steps": MOST_STEPS,
        "longest_gap_s": round(max(gaps), 2),
        "gaps_over_half_a_second": sum(gap > 0.5 for gap in gaps),
    }


def idle() -> dict[str, Any]:
    """Acceptance 6: the processor's time of a service without viewers, of that with one; and the first picture."""
    with running(CARD.format(15)) as started:
        time.sleep(SETTLE_S)
        without_s = _cpu_of(started)
        state, asked = started.state(), time.time()
        viewer = started.viewer()
        while not viewer.arrivals:
            time.sleep(0.005)
        first_s = viewer.arrivals[0] - asked
        time.sleep(SETTLE_S)
        with_s = _cpu_of(started)
        viewer.ended = True
    return {
        "idle": state["idle"],
        "idle_frames": state["idle_frames"],
        "enhanced_without_viewer": state["frames_out"],
        "cpu_share_without": round(without_s / MEASURED_S, 3),
        "cpu_share_with": round(with_s / MEASURED_S, 3),
        "percent": round(100 * without_s / with_s, 1),
        "allowed_percent": 15,
        "first_picture_after_s": round(first_s, 3),
    }


def _cpu_of(started: Running) -> float:
    before = started.cpu_s()
    time.sleep(MEASURED_S)
    return started.cpu_s() - before


def everything(minutes: float = 10) -> dict[str, Any]:
    """All of them."""
    return {"rate": rate(), "idle": idle(), "governor": governor(minutes)}


if __name__ == "__main__":
    measures: dict[str, Any] = {"rate": rate, "governor": governor, "idle": idle, "all": everything}
    if len(sys.argv) < 2 or sys.argv[1] not in measures:
        sys.exit(__doc__)
    print(json.dumps(measures[sys.argv[1]](*map(float, sys.argv[2:])), indent=1))  # noqa: T201  # its purpose
