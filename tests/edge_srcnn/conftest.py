"""What the runtime's tests share: engines, models, pictures, and the command line in a process of its own."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_srcnn.engine.interpreter import installed_version
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.model import bundled_models
from edge_srcnn.upscaler import Upscaler, load_model

Texture = Callable[..., UInt8Array]
Reseal = Callable[..., bytes]
RunCli = Callable[..., "subprocess.CompletedProcess[str]"]
Upscalers = Callable[..., Upscaler]


@pytest.fixture(params=["litert", "tflite"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each interpreter that runs on small machines; skips where it is not installed."""
    name: str = request.param
    if installed_version(name) is None:
        pytest.skip(f"engine {name} is not installed")
    return name


@pytest.fixture(scope="session")
def upscalers() -> Iterator[Upscalers]:
    """Bundled models made ready, each once: ``upscalers(scale, engine)``."""
    made: dict[tuple[int, str], Upscaler] = {}

    def get(scale: int = 2, engine: str = "auto") -> Upscaler:
        if (scale, engine) not in made:
            made[scale, engine] = load_model(scale=scale, engine=engine)
        return made[scale, engine]

    yield get
    for upscaler in made.values():
        upscaler.close()


@pytest.fixture(scope="session")
def texture() -> Texture:
    """Draw soft random structure over the whole range: ``texture(height, width[, channels], seed=0)``."""

    def draw(height: int, width: int, channels: int | None = None, *, seed: int = 0) -> UInt8Array:
        shape = (height, width) if channels is None else (height, width, channels)
        noise = np.random.default_rng(seed).normal(128, 160, shape)
        soft = cv2.GaussianBlur(noise, (0, 0), 1.0).reshape(shape)
        drawn: UInt8Array = np.clip(soft, 0, 255).astype(np.uint8)
        return drawn

    return draw


@pytest.fixture(scope="session")
def model_bytes() -> bytes:
    """The bundled model for scale 2, as it lies on the disk."""
    return bundled_models()["srcnn-915-x2"].read_bytes()


@pytest.fixture(scope="session")
def reseal() -> Reseal:
    """Package a model anew with other contents, by the rules that ``edge_srcnn.model`` states."""

    def pack(
        data: bytes,
        *,
        spec: Callable[[dict[str, Any]], Any] = lambda stored: stored,
        golden: Callable[[bytes], bytes] = lambda stored: stored,
        without: str | None = None,
        raw_spec: bytes | None = None,
    ) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            stored, output = json.loads(archive.read("edge_srcnn.json")), archive.read("golden.bin")
            start = min(entry.header_offset for entry in archive.infolist())
        contents = {"edge_srcnn.json": raw_spec or json.dumps(spec(stored)).encode(), "golden.bin": golden(output)}
        buffer = io.BytesIO()
        buffer.write(data[:start])
        with zipfile.ZipFile(buffer, "a") as archive:
            for name, content in contents.items():
                if name != without:
                    archive.writestr(name, content)
            archive.comment = b"?" * len("sha256:" + 64 * "0")
        body = buffer.getvalue()[: -len("sha256:" + 64 * "0")]
        return body + b"sha256:" + hashlib.sha256(body).hexdigest().encode()

    return pack


@pytest.fixture(scope="session")
def cli_environment() -> dict[str, str]:
    """The environment of a wide terminal without colours; each process leaves its compiled modules to the next."""
    return {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb", "PYTHONDONTWRITEBYTECODE": ""}


@pytest.fixture
def run_cli(tmp_path: Path, cli_environment: dict[str, str]) -> RunCli:
    """Run ``edge-srcnn`` in ``tmp_path``, in a process of its own."""

    def run(
        *arguments: object, extra_env: dict[str, str] | None = None, timeout: float = 120, **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "edge_srcnn", *map(str, arguments)],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            cwd=tmp_path,
            env={**cli_environment, **(extra_env or {})},
            **options,
        )

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB; skips where it cannot be mounted."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
