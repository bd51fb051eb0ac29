"""Short videos for ``edge-srcnn run``, its exit statuses, and what lies in a folder while it records."""

from pathlib import Path
from time import monotonic, sleep

USAGE, BAD_DATA, NO_INPUT, UNAVAILABLE, CANNOT_WRITE = 2, 65, 66, 69, 73  # sysexits.h, and argparse's 2
FAST = ("-e", "bicubic")
END_S = 5
CARD = "test:size=64x48"
QUICK = "out.mp4?preset=ultrafast"


def wait_for(condition, process, limit_s=30.0):
    end = monotonic() + limit_s
    while not condition():
        assert process.poll() is None, process.stderr.read().decode()
        assert monotonic() < end, "waited too long"
        sleep(0.02)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def partial(folder: Path) -> Path | None:
    return next((path for path in folder.iterdir() if ".part" in path.name), None)


def grown(folder: Path, size: int) -> bool:
    path = partial(folder)
    return path is not None and path.stat().st_size >= size
