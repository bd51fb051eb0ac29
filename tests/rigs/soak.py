"""The service for an hour, with a fault every 20 seconds. Prints one JSON object; exits with 1 when something stayed.

usage: python -m tests.rigs.soak [MINUTES]                 (from the repository's root; as root for the full disk)
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from tests.edge_srcnn.service.faulty_camera import FaultyCamera
from tests.edge_srcnn.service.running import Service, Watcher, config, running
from tests.edge_srcnn.service.test_http_faults import dial, garbage, status_of
from tests.edge_srcnn.sources.test_network_video import FPS, TIMES, timed
from tests.edge_srcnn.web.serving import Viewer

MINUTES = 60.0
EVERY_S = 20.0
WARM_S = 60.0
BACK_S, SINK_BACK_S = 2.0, 12.0
"""Allowed after a repair: until viewers see live pictures; until a recorder or an engine is healthy again."""

GROWN_KB, GROWN_THREADS, GROWN_FILES = 5_000, 3, 4
"""Allowed from the third quarter to the last, each by its median: until then arenas fill up to what was ever needed."""

DISK_MB = 16
BARE = 1100
FOLDERS = ("recordings", "pictures")
SIZES = ((160, 120), (128, 96), (176, 144))
BAD = "[enhance]\nscale = 7\n"
Mend = Callable[[], None]


class Faults:
    """Each breaks something, and gives what mends it and after how many seconds."""

    def __init__(self, service: Service, camera: FaultyCamera, folder: Path, dice: random.Random) -> None:
        self.service, self.camera, self.folder, self.dice = service, camera, folder, dice
        self._good = service.config.read_text()
        self._wrong_clocks = [timed(change) for name, change in TIMES.items() if name != "good"]
        self._scale = 2

    def camera_vanishes(self) -> Mend:
        self.camera.vanish()
        return self.camera.appear

    def camera_stalls(self) -> Mend:
        self.camera.stall()
        return self.camera.work

    def camera_talks_nonsense(self) -> Mend:
        self.camera.talk_nonsense()
        return self.camera.work

    def camera_drops_the_connection(self) -> Mend:
        self.camera.drop()
        return nothing

    def camera_changes_its_size(self) -> Mend:
        self.camera.resize(*self.dice.choice(SIZES))
        return nothing

    def camera_tears_pictures(self) -> Mend:
        self.camera.tear()
        return self.camera.work

    def camera_claims_huge_pictures(self) -> Mend:
        self.camera.claim_too_much()
        return self.camera.work

    def camera_chatters(self) -> Mend:
        self.camera.chatter()
        return self.camera.work

    def camera_with_a_wrong_clock(self) -> Mend:
        self.camera.show_times_of(self.dice.choice(self._wrong_clocks), FPS)
        return self._work_anew

    def disk_full(self) -> Mend:
        ballast = self.folder / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65_536))
        return ballast.unlink

    def recordings_removed(self) -> Mend:
        shutil.rmtree(self.folder / "recordings", ignore_errors=True)
        return nothing

    def odd_entries(self) -> Mend:
        folder = self.folder / "recordings"
        folder.mkdir(exist_ok=True)
        numbers = [int(path.stem.partition("-")[2]) for path in folder.glob("front-*.mkv")]
        odd = [folder / f"front-{max(numbers, default=0) + index:05}.mkv" for index in range(1, 7)]
        made = []
        for path, make in zip(odd, (os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere")) * 2, strict=True):
            with suppress(FileExistsError):  # a segment came first
                make(path)
                made.append(path)
        return lambda: [path.rmdir() if path.is_dir() else path.unlink() for path in made] and None

    def stopped_for_a_while(self) -> Mend:
        self.service.send(signal.SIGSTOP)
        return lambda: self.service.process.send_signal(signal.SIGCONT)

    def bad_configuration(self) -> Mend:
        self.service.config.write_text(BAD + self._good)
        self.service.send(signal.SIGHUP)
        return lambda: self._configure(self._good)

    def another_engine(self) -> Mend:
        self._scale = 5 - self._scale
        return lambda: self._configure(self._good.replace("[enhance]", f"[enhance]\nscale = {self._scale}"))

    def garbage_requests(self) -> Mend:
        for _ in range(100):
            status_of(self.service, garbage(self.dice), leaves=self.dice.random() < 0.5)
        return nothing

    def a_siege(self) -> Mend:
        visitors = [dial(self.service) for _ in range(150)]
        deaf = [Viewer(self.service, receive_bytes=4096) for _ in range(10)]
        return lambda: [each.close() for each in (*visitors, *deaf)] and None

    def bare_connections(self) -> Mend:
        visitors = []
        with suppress(OSError):
            for _ in range(BARE):
                visitors.append(dial(self.service))
        return lambda: [each.close() for each in visitors] and None

    def state_asked_for(self) -> Mend:
        self.service.send(signal.SIGUSR1)
        return nothing

    def _work_anew(self) -> None:
        self.camera.work()
        self.camera.drop()

    def _configure(self, text: str) -> None:
        self.service.config.write_text(text)
        self.service.send(signal.SIGHUP)


def nothing() -> None:
    """It mends itself."""


def is_healthy(service: Service, folder: Path) -> bool:
    """Live, no sink has an error, and recordings and pictures really grow."""
    with suppress(OSError, AssertionError, ValueError):
        state = service.state()
        newest = (max(each.stat().st_mtime for each in (folder / name).iterdir()) for name in FOLDERS)
        grow = all(time.time() - changed < SINK_BACK_S for changed in newest)
        return bool(state["phase"] == "live" and grow and not any(sink["error"] for sink in state["sinks"]))
    return False


def within(limit_s: float, happens: Callable[[], bool]) -> float | None:
    """Seconds until it happens; None when it does not in time."""
    began = monotonic()
    while not happens():
        if monotonic() - began > limit_s:
            return None
        time.sleep(0.05)
    return monotonic() - began


def typical(usages: list[dict[str, int]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: median(each[name] for each in usages) for name in usages[0]}


@contextmanager
def disk() -> Iterator[tuple[Path, bool]]:
    """A small disk of its own, or a folder where only root could have one."""
    folder = Path(tempfile.mkdtemp(prefix="soak"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield folder, mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def soak(minutes: float) -> dict[str, Any]:
    """Faults, and what became of them."""
    dice = random.Random()
    injected, grown, failures, returns = Counter[str](), Counter[str](), list[str](), list[float]()
    with ExitStack() as stack:
        folder, small = stack.enter_context(disk())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        camera = stack.enter_context(FaultyCamera(size=SIZES[0]))
        sinks = (f"{folder}/recordings/front.mkv?segment=5&keep_mb=4", f"{folder}/pictures/?every=1&keep=20")
        text = config(camera.uri(), *sinks, engine="auto", retry_sink_s=5)
        temporary = folder / "tmp"  # full when the disk is
        temporary.mkdir()
        service = stack.enter_context(running(home, text, watchdog_s=10, environment={"TMPDIR": str(temporary)}))
        viewer = stack.enter_context(Watcher(service))
        viewer.sees(live=True, since_s=0.0)
        faults = Faults(service, camera, folder, dice)
        kinds = [name for name in vars(Faults) if not name.startswith("_") and (small or name != "disk_full")]
        began, first, usages = monotonic(), service.usage(), list[dict[str, int]]()
        left: list[str] = []
        while monotonic() - began < minutes * 60:
            slot = monotonic()
            if not left:
                left = dice.sample(kinds, len(kinds))
            kind = left.pop()
            injected[kind] += 1
            mend = getattr(faults, kind)()
            time.sleep(dice.uniform(0.2, 6))
            mend()
            mended = monotonic()
            seen = within(BACK_S, lambda since_s=mended: any(p.live and p.at_s > since_s for p in viewer.parts[-5:]))
            if seen is None:
                failures.append(f"{kind}: no live picture within {BACK_S} s of the repair")
            else:
                returns.append(seen)
            if within(SINK_BACK_S, lambda: is_healthy(service, folder)) is None:
                failures.append(f"{kind}: not well within {SINK_BACK_S} s: {service.state()['status']}")
            if viewer.broken is not None or service.process.poll() is not None:
                failures.append(f"{kind}: the viewer was cut off ({viewer.broken}), or the service ended")
                break
            usages.append(service.usage())
            grown[kind] += usages[-1]["memory_kb"] - (usages[-2] if len(usages) > 1 else first)["memory_kb"]
            if slot - began <= WARM_S:
                first = usages[-1]
            time.sleep(max(slot + EVERY_S - monotonic(), 0))
        state = service.state()
        watchdogs = [at for at, _ in service.systemd.said("WATCHDOG")]
        stopped_s = service.stop()
        tracebacks = service.log.count("Traceback")
        log_bytes = len(service.log)
    quarter = max(len(usages) // 4, 1)
    third, last = (typical(part) for part in (usages[-2 * quarter : -quarter] or usages, usages[-quarter:]))
    limits = {"memory_kb": GROWN_KB, "threads": GROWN_THREADS, "descriptors": GROWN_FILES}
    failures.extend(
        f"{name} grew from {third[name]} to {last[name]}"
        for name, limit in limits.items()
        if last[name] - third[name] > limit
    )
    if stopped_s > BACK_S or tracebacks:
        failures.append(f"ended after {stopped_s:.1f} s, with {tracebacks} tracebacks in the log")
    return {
        "minutes": round((monotonic() - began) / 60, 1),
        "faults": dict(sorted(injected.items())),
        "injected": injected.total(),
        "recovered": len(returns),
        "longest_return_s": round(max(returns, default=0.0), 2),
        "longest_gap_in_live_pictures_s": round(viewer.longest_gap_s(), 2),
        "longest_gap_between_watchdog_messages_s": round(max(b - a for a, b in pairwise(watchdogs)), 2),
        "frames": state["frames_out"],
        "camera_losses": state["camera_losses"],
        "after_the_first_minute": first,
        "in_the_third_quarter": third,
        "in_the_last_quarter": last,
        "memory_kb_grown_by": dict(grown.most_common()),
        "memory_mb_each_tenth": [
            round(typical(usages[i * len(usages) // 10 : (i + 1) * len(usages) // 10] or usages)["memory_kb"] / 1000)
            for i in range(10)
        ],
        "log_bytes": log_bytes,
        "failures": failures,
    }


def main() -> int:
    """Run."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))  # of this process and its visitors
    found = soak(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES)
    print(json.dumps(found, indent=2))  # noqa: T201
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
