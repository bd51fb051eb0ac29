"""Figures of trainings on several devices, and of training sets larger than memory. Prints Markdown.

usage: python tests/rigs/training_devices.py devices FOLDER [--steps 600] [--backend tensorflow]
       python tests/rigs/training_devices.py memory FOLDER [--million-pixels 230] [--limit-mb 1000 ...]

``devices`` trains fast-s x2 on the pictures of a folder: on one device, on two, in two processes on loopback (JAX
only), and half on one number of devices and half on another; each line says how far the held-out PSNR of its last
evaluation is from that of the first line, and at most over the curve. Two devices are virtual ones of one processor.

``memory`` writes photographs until they hold so many pixels, cut out of the pictures of the folder, and trains on them
from memory and from the cache, in turns; each in a process of its own, which tells its memory and steps a second.
With ``--limit-mb`` from the cache alone, in a control group that gets no more memory than that (root).
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EPOCH_STEPS = 100
SIDE_PX = 2000
"""Side of a picture for the figures of memory."""


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def in_process(backend: str, *words: object, group: Path | None = None) -> "subprocess.Popen[str]":
    """Start this file with other words, in a control group."""
    env = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, *map(str, words)]
    if group is not None:
        command = ["sh", "-c", f'echo $$ >"{group}/cgroup.procs" && exec "$@"', "sh", *command]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@contextmanager
def limited(megabytes: int) -> Iterator[Path | None]:
    """Make a control group that gets no more memory, files that are mapped or cached included; None: it cannot be."""
    first = Path("/sys/fs/cgroup/memory")
    group = (first if first.is_dir() else Path("/sys/fs/cgroup")) / f"edge-srcnn-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if first.is_dir() else "memory.max")).write_text(str(megabytes * 10**6))
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        group.rmdir()


def answer(process: "subprocess.Popen[str]") -> Any:
    """Read the JSON of a process' last line."""
    out, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{process.args}: ended with {process.returncode}")
    return json.loads(out.splitlines()[-1])


def figures_of_devices(data: Path, steps: int, backend: str) -> None:
    """Print how near the curves of several devices are to that of one."""
    half = steps // 2 // EPOCH_STEPS * EPOCH_STEPS
    with tempfile.TemporaryDirectory() as temporary:

        def trained(name: str, runs: list[tuple[int, int, int]]) -> Any:
            found = None
            for until, devices, processes in runs:
                with socket.create_server(("127.0.0.1", 0)) as server:
                    address = f"127.0.0.1:{server.getsockname()[1]}"
                started = [
                    in_process(
                        *(backend, "train", data, f"{temporary}/{name}", steps, until, devices),
                        *((address, rank, processes) if processes > 1 else ()),
                    )
                    for rank in range(processes)
                ]
                found, *_ = [answer(process) for process in started]
            return found

        plans = {
            "one device": [(steps, 1, 1)],
            "two devices": [(steps, 2, 1)],
            "half on one, half on two": [(half, 1, 1), (steps, 2, 1)],
            "half on two, half on one": [(half, 2, 1), (steps, 1, 1)],
        }
        if backend == "jax":
            plans["two processes"] = [(steps, 1, 2)]
            plans["half in two processes, half on one device"] = [(half, 1, 2), (steps, 1, 1)]
        say(f"| {backend}, {steps} steps | held-out PSNR | beside one device | at most on the curve | steps/s |")
        say("|---|---|---|---|---|")
        first = None
        for name, runs in plans.items():
            found = trained(name.replace(" ", "-"), runs)
            first = first or found
            curve = [(a[1] - b[1]) for a, b in zip(found["history"], first["history"], strict=True)]
            most = max(curve, key=abs)
            rate = f"{found['rate']:.1f}"
            say(f"| {name} | {found['history'][-1][1]:.4f} | {curve[-1]:+.4f} | {most:+.4f} | {rate} |")


def train_here(words: list[str]) -> None:
    """Train in this process until a step, and print the curve as JSON."""
    data, folder, steps, until, devices, *together = words
    from export.architectures import find_architecture
    from export.data.pairs import load_split
    from export.data.patch_spec import patch_spec
    from export.training.cluster import Cluster
    from export.training.devices import open_devices
    from export.training.plan import TrainingPlan, usual_rate
    from export.training.schedule import Progress
    from export.training.train import train

    cluster = Cluster(together[0], int(together[1]), int(together[2])) if together else None
    opened = open_devices(int(devices), cluster)
    architecture = find_architecture("fast-s", 2)
    rate = usual_rate("muon", architecture)
    plan = TrainingPlan(steps=int(steps), epoch_steps=EPOCH_STEPS, learning_rate=rate, expand=architecture.expand)
    spec = patch_spec(architecture)
    split = load_split([Path(data)], spec)
    told: list[tuple[int, float]] = []
    history: list[Any] = []

    class Enough(BaseException):
        pass

    def on_progress(progress: Progress) -> None:
        told.append((progress.step, progress.seconds))
        if progress.step % EPOCH_STEPS == 0 and len(told) > 1 and told[-2][0] == progress.step:
            history.append([progress.step, progress.psnr])
            if progress.step >= int(until) < int(steps):
                raise Enough

    try:
        trained = train(architecture, spec, split, plan, Path(folder), on_progress, devices=opened)
        history = [list(row) for row in trained.state.history]
    except Enough:
        pass
    opened.close()
    middle = next((at for at in told if at[0] >= told[-1][0] // 2), told[0])
    seconds = told[-1][1] - middle[1]
    say(json.dumps({"history": history, "rate": (told[-1][0] - middle[0]) / seconds if seconds else 0.0}))


def figures_of_memory(data: Path, million_pixels: int, limits: list[int]) -> None:
    """Print what a training takes from memory and from the cache, or from the cache within limits in MB."""
    from PIL import Image

    from edge_srcnn.sources.images import find_pictures

    Image.MAX_IMAGE_PIXELS = None
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as temporary:
        folder = Path(temporary) / "pictures"
        folder.mkdir()
        found = find_pictures(data)
        count = round(million_pixels * 1e6 / SIDE_PX**2 / 0.6725)  # both shrunk sizes: 0.5² + 0.65²
        for number in range(count):
            with Image.open(found[number % len(found)]) as picture:
                grey = picture.convert("L").rotate(number // len(found) * 7, expand=False)
                grey.resize((SIDE_PX, SIDE_PX)).save(folder / f"{number:05}.jpg", quality=92)
        say(f"{count} pictures of {SIDE_PX}x{SIDE_PX} pixels\n")
        say("| | pixels of ground truth | places | prepared in | anonymous | RSS | RSS at most | steps/s |")
        say("|---|---|---|---|---|---|---|---|")
        cache = Path(temporary) / "cache"
        rows: list[tuple[str, Path | str, int]] = [("memory", "", 0), ("cache, made", cache, 0)] * (not limits)
        rows += [("memory", "", 0), ("cache, read", cache, 0)] * (not limits)
        rows += [(f"cache, with {limit} MB in all", cache, limit) for limit in limits]
        for name, where, limit in rows:
            with limited(limit) if limit else nullcontext() as group:
                if limit and group is None:
                    say(f"{name}: no control group of memory can be made here")
                    continue
                told = answer(in_process("tensorflow", "measure", folder, where, group=group))
            mega = {key: f"{told[key] / 1e6:.0f} MB" for key in ("anonymous", "rss", "most")}
            say(
                f"| {name} | {told['pixels'] / 1e6:.0f} million | {told['places']:,} | {told['seconds']:.0f} s"
                f" | {mega['anonymous']} | {mega['rss']} | {mega['most']} | {told['rate']:.2f} |"
            )


def measure_here(words: list[str]) -> None:
    """Train some steps in this process, and print what memory it takes as JSON."""
    import numpy as np

    from export.architectures import find_architecture
    from export.data.pairs import load_split
    from export.data.patch_spec import patch_spec
    from export.data.patches import PatchSampler
    from export.data.plane_cache import PlaneCache
    from export.training.plan import TrainingPlan, usual_rate
    from export.training.schedule import Progress
    from export.training.train import train

    folder, where = words
    architecture = find_architecture("fast-s", 2)
    spec = patch_spec(architecture)
    began = time.monotonic()
    split = load_split([Path(folder)], spec, cache=PlaneCache(Path(where), above=0, is_kept=True) if where else None)
    seconds = time.monotonic() - began
    rate = usual_rate("muon", architecture)
    plan = TrainingPlan(steps=300, epoch_steps=100, learning_rate=rate, expand=architecture.expand)
    told: list[tuple[int, float]] = []

    def on_progress(progress: Progress) -> None:
        told.append((progress.step, progress.seconds))

    with tempfile.TemporaryDirectory() as temporary:
        train(architecture, spec, split, plan, Path(temporary), on_progress)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    sizes = {key: int(status[name].split()[0]) * 1024 for key, name in MEMORY.items()}
    early, late = next(at for at in told if at[0] == 20), next(at for at in told if at[0] == 100)
    pixels = sum({id(pair.hr): pair.hr.size for pair in split.train}.values())
    places = len(PatchSampler(split.train, spec))
    assert isinstance(split.train[0].hr, np.ndarray)
    rate = (late[0] - early[0]) / (late[1] - early[1])
    say(json.dumps({**sizes, "pixels": pixels, "places": places, "seconds": seconds, "rate": rate}))


MEMORY = {"anonymous": "RssAnon", "rss": "VmRSS", "most": "VmHWM"}
"""What Linux tells in ``/proc/self/status``."""


def main() -> None:
    """Read the command line."""
    if sys.argv[1:2] == ["train"]:
        return train_here(sys.argv[2:])
    if sys.argv[1:2] == ["measure"]:
        return measure_here(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("devices", "memory"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--backend", default="tensorflow", choices=("tensorflow", "jax"))
    parser.add_argument("--million-pixels", type=int, default=230)
    parser.add_argument("--limit-mb", type=int, nargs="+", default=[], help="try the cache within so much memory")
    words = parser.parse_args()
    if words.what == "devices":
        return figures_of_devices(words.folder, words.steps, words.backend)
    return figures_of_memory(words.folder, words.million_pixels, words.limit_mb)


if __name__ == "__main__":
    main()
