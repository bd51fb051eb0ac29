"""Videos made by ffmpeg, looked at by ffprobe, and upscaled: for tests of kinds that people have."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from edge_srcnn.batch.jobs import Job, Outcome
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import load_model

FFMPEG, FFPROBE = shutil.which("ffmpeg"), shutil.which("ffprobe")
PICTURES = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=2"]
SOUND = ["-f", "lavfi", "-i", "sine=duration=2"]


def make(path: Path, *options: object) -> Path:
    subprocess.run([str(FFMPEG), "-v", "error", "-y", *map(str, options), str(path)], check=True, cwd=path.parent)
    return path


def probe(path: Path, *entries: str) -> dict[str, Any]:
    command = [str(FFPROBE), "-v", "error", *entries, "-of", "json", f"file:{path}"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def streams(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = probe(path, "-show_streams", "-count_packets")["streams"]
    return found


def upscale(source: Path, target: Path, **options: Any) -> Outcome:
    """Double a video by bicubic scaling; its kind is what is tried, not the network."""
    with load_model(scale=2, engine="bicubic") as upscaler:
        (outcome,) = run_jobs([Job(source, target)], upscaler, Encoding(), overwrite=True, **options)
    return outcome
