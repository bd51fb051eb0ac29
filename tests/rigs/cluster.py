"""Runs a batch on a real Dask scheduler with three workers, of which one is killed and one stopped for a while.

Then times one worker and two, each on a processor and with a thread of its own. Every result must be that of one
machine, byte for byte. With EDGE_SRCNN_DATA, photographs are tried, too.

usage: python tests/rigs/cluster.py [--pictures 500] [--seconds 120] [--stop 20] [--timed 80] [--only faults|speed]
"""

import argparse
import filecmp
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from edge_srcnn.batch.cluster.engines import make_recipe  # noqa: E402
from edge_srcnn.batch.cluster.jobs import run_jobs_on  # noqa: E402
from edge_srcnn.batch.cluster.start import open_cluster  # noqa: E402  # the root of the repository must come first
from edge_srcnn.batch.jobs import plan_jobs  # noqa: E402
from edge_srcnn.engine.options import EngineOptions  # noqa: E402
from edge_srcnn.sinks.images import Encoding  # noqa: E402
from tests.edge_srcnn.clips import encode  # noqa: E402
from tests.edge_srcnn.dask_processes import DaskProcesses, wait_for  # noqa: E402

MODEL = "fast-m-x2"
SIZE = (240, 320)
CLIP_SIZE, RATE = (120, 160), 25


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def make_pictures(folder: Path, count: int, size: tuple[int, int] = SIZE) -> None:
    """Draw soft random structure, as PNG and JPEG; of EDGE_SRCNN_DATA, take photographs as well."""
    folder.mkdir(parents=True)
    for number in range(count):
        noise = np.random.default_rng(number).normal(128, 160, (*size, 3))
        pixels = np.clip(cv2.GaussianBlur(noise, (0, 0), 1.0), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:04}.{'jpg' if number % 3 == 0 else 'png'}"), pixels)
    if data := os.environ.get("EDGE_SRCNN_DATA"):
        for name in ("set5", "set14"):
            for path in sorted((Path(data) / "eval" / name).glob("*.[jp][pn]g")):
                shutil.copy(path, folder / f"{name}-{path.name}")


def make_clip(path: Path, seconds: int) -> None:
    """Encode a moving texture with a key frame every two seconds, and a tone."""
    height, width = CLIP_SIZE
    noise = np.random.default_rng(7).normal(128, 90, (height + 64, width + 64))
    scene = np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5), 16, 235).astype(np.uint8)
    grey = np.full((height // 2, width // 2), 128, np.uint8)

    def at(index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        top, left = int(32 + 31 * np.sin(index / 40)), int(32 + 31 * np.cos(index / 55))
        return np.ascontiguousarray(scene[top : top + height, left : left + width]), grey, grey

    frames = (at(index) for index in range(seconds * RATE))
    options = {"preset": "veryfast", "crf": "18", "g": str(2 * RATE)}
    encode(path, frames, rate=Fraction(RATE), options=options, audio_s=seconds)


def upscale(folder: Path, out: str, *options: str) -> "subprocess.Popen[bytes]":
    """Begin to upscale all that is in ``in``."""
    command = [sys.executable, "-m", "edge_srcnn", "upscale", "in", "-o", out, "--videos", "--model", MODEL, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (folder / f"{out}.txt").open("wb") as said:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=said)


def same(one: Path, other: Path) -> int:
    """Compare two folders; how many files they have, or the end of the rig where they differ."""
    names = sorted(path.name for path in one.iterdir())
    if names != sorted(path.name for path in other.iterdir()):
        sys.exit(f"other files: {sorted(set(names) ^ {path.name for path in other.iterdir()})[:10]}")
    _, differ, failed = filecmp.cmpfiles(one, other, names, shallow=False)
    if differ or failed:
        sys.exit(f"other bytes: {(differ + failed)[:10]}")
    return len(names)


def written(folder: Path) -> int:
    """Count results, without hidden files."""
    return len([path for path in folder.glob("[!.]*")])


def faults(folder: Path, wanted: argparse.Namespace) -> None:
    """Kill a worker and stop another one in the middle of a batch."""
    make_pictures(folder / "in", wanted.pictures)
    make_clip(folder / "in" / "clip.mp4", wanted.seconds)
    began_s = monotonic()
    if upscale(folder, "one").wait() != 0:
        sys.exit("one machine failed")
    say(f"one machine: {written(folder / 'one')} results in {monotonic() - began_s:.0f} s")
    with closing(DaskProcesses(folder)) as processes:
        workers = [processes.add_worker() for _ in range(3)]
        began_s = monotonic()
        running = upscale(folder, "many", "--dask", processes.address)
        wait_for(lambda: written(folder / "many") > wanted.pictures // 4)
        workers[0].kill()
        say(f"{monotonic() - began_s:.0f} s: {written(folder / 'many')} results; one worker killed")
        wait_for(lambda: written(folder / "many") > wanted.pictures // 2)
        workers[1].send_signal(signal.SIGSTOP)
        say(f"{monotonic() - began_s:.0f} s: {written(folder / 'many')} results; another one stopped")
        sleep(wanted.stop)
        workers[1].send_signal(signal.SIGCONT)
        say(f"{monotonic() - began_s:.0f} s: {written(folder / 'many')} results; it goes on")
        if (status := running.wait()) != 0:
            sys.exit(f"exit status {status}")
        say(f"{monotonic() - began_s:.0f} s: all done; load {os.getloadavg()[0]:.1f}")
    say(f"{same(folder / 'one', folder / 'many')} results, each as on one machine")


def speed(folder: Path, wanted: argparse.Namespace) -> None:
    """Time one worker and two, in turns; each has a processor and a thread of its own."""
    make_pictures(folder / "in", wanted.timed, (480, 640))
    recipe = make_recipe(MODEL, EngineOptions(threads=1), scale=2, strength=None)
    times: dict[int, list[float]] = {1: [], 2: []}
    with ExitStack() as opened:
        clusters = {}
        for count in times:
            (folder / str(count)).mkdir()
            processes = opened.enter_context(closing(DaskProcesses(folder / str(count))))
            for cpu in range(count):
                processes.add_worker(before=("taskset", "-c", str(cpu)))
            clusters[count] = opened.enter_context(open_cluster(processes.address))
        for turn in range(wanted.turns + 1):
            for count, cluster in clusters.items():
                jobs = plan_jobs([str(folder / "in")], folder / f"out-{count}-{turn}")
                began_s = monotonic()
                outcomes = list(run_jobs_on(cluster, recipe, jobs, Encoding(), overwrite=False))
                if any(outcome.error for outcome in outcomes):
                    sys.exit(f"failed: {next(outcome.error for outcome in outcomes if outcome.error)}")
                if turn:  # in the first one they import and open
                    times[count].append(monotonic() - began_s)
                    say(f"{count}: {times[count][-1]:.1f} s; load {os.getloadavg()[0]:.1f}")
        same(folder / "out-1-0", folder / "out-2-0")
    ratios = [one / two for one, two in zip(times[1], times[2], strict=True)]
    rates = [len(jobs) / median(times[count]) for count in times]
    say(f"{len(jobs)} pictures of 640x480: {rates[0]:.2f} and {rates[1]:.2f} a second (medians)")
    say(f"two workers are {median(ratios):.2f} times as fast as one ({', '.join(f'{r:.2f}' for r in ratios)})")


def main() -> None:
    """Run what was asked for, in a folder that is removed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--stop", type=float, default=20)
    parser.add_argument("--timed", type=int, default=80)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", choices=("faults", "speed"))
    wanted = parser.parse_args()
    for part in (faults, speed):
        if wanted.only in (None, part.__name__):
            with tempfile.TemporaryDirectory() as folder:
                part(Path(folder), wanted)


if __name__ == "__main__":
    main()
