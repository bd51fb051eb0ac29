"""What the runtime's tests share: engines, models, pictures, and the command line in a process of its own."""

import hashlib
import io
import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import cv2
import numpy as np
import pytest

from edge_srcnn.batch.jobs import plan_jobs
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.graph import Graph
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.plan import WHOLE_TILE, Blocks, Plan
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import Upscaler, load_model
from tests.edge_srcnn.batch.stores import servers
from tests.edge_srcnn.bundles import environment_of, make_bundle
from tests.edge_srcnn.networks import Networks, on_bicubic
from tests.edge_srcnn.warm_start import WarmStart, run_command

Texture = Callable[..., UInt8Array]
Reseal = Callable[..., bytes]
RunCli = Callable[..., "subprocess.CompletedProcess[str]"]
Upscalers = Callable[..., Upscaler]
Inferences = Callable[..., TiledInference]


@pytest.fixture(scope="session", autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the tests' own, also for the processes they start: the machine's tunings do not count."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(params=["litert", "tflite"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each interpreter that runs on small machines; skips where it is not installed."""
    name: str = request.param
    if backend_named(name).version() is None:
        pytest.skip(f"engine {name} is not installed")
    return name


@pytest.fixture(scope="session")
def upscalers() -> Iterator[Upscalers]:
    """Bundled models made ready, each once: ``upscalers(scale, engine)`` the best, ``upscalers(name="...")`` one."""
    made: dict[tuple[str | None, int, str], Upscaler] = {}

    def get(scale: int = 2, engine: str = "auto", name: str | None = None) -> Upscaler:
        key = name, scale, engine
        if key not in made:
            made[key] = load_model(name, scale=scale, engine=engine)
        return made[key]

    yield get
    for upscaler in made.values():
        upscaler.close()


@pytest.fixture(scope="session")
def networks() -> type[Networks]:
    """Small networks: ``networks.constant(raw)``, ``networks.tap(row, column)``, ``networks.random(seed)``."""
    return Networks


@pytest.fixture
def inference_for(engine: str) -> Inferences:
    """Run a small network in each interpreter: ``inference_for(graph, block="2x4", tile=(16, 16), reuse=True)``."""

    def make(
        graph: Graph,
        *,
        residual: bool = False,
        block: str = "1x1",
        tile: tuple[int, int] = WHOLE_TILE,
        reuse: bool = False,
    ) -> TiledInference:
        setting = Plan(Blocks.parse(block), tile, 1)
        network = on_bicubic(graph, residual=residual)
        return TiledInference(network, backend_named(engine), plan_for=lambda height, width: setting, reuse=reuse)

    return make


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
    """``srcnn-915-x2``, as it lies on the disk."""
    return bundled_models()["srcnn-915-x2"].read_bytes()


@pytest.fixture(scope="session")
def reseal() -> Reseal:
    """Package a model anew with other contents, by the rules that ``edge_srcnn.models.file`` states."""

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
def cli_environment(empty_cache: Path) -> dict[str, str]:
    """The environment of a wide terminal without colours; each process leaves its compiled modules to the next."""
    return {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb", "PYTHONDONTWRITEBYTECODE": ""}


@pytest.fixture(scope="session")
def warm_start(cli_environment: dict[str, str]) -> Iterator[WarmStart]:
    with WarmStart(cli_environment) as started:
        yield started


@pytest.fixture
def run_cli(tmp_path: Path, cli_environment: dict[str, str], warm_start: WarmStart) -> RunCli:
    """Run ``edge-srcnn`` in ``tmp_path``, in a process of its own; one that starts anew where it is to be special."""

    def run(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
        return run_command(warm_start, tmp_path, cli_environment, [*map(str, arguments)], **options)

    return run


@pytest.fixture(scope="session")
def camera_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with one for cameras among them."""
    return make_bundle(tmp_path_factory.mktemp("bundle") / "models")


@pytest.fixture
def with_camera_model(camera_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``camera_bundle`` be what is bundled."""
    monkeypatch.setattr("edge_srcnn.models.bundled.BUNDLED", camera_bundle)


@pytest.fixture(scope="session")
def camera_environment(camera_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What processes need so that ``camera_bundle`` is what is bundled."""
    return environment_of(camera_bundle, tmp_path_factory.mktemp("site"))


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


@pytest.fixture(scope="module")
def bicubic():
    with load_model(engine="bicubic") as upscaler:
        yield upscaler


@pytest.fixture
def upscale(bicubic):
    """Upscale one video into a file; gives its outcome."""

    def run(source: Path, target: Path, *, overwrite: bool = False, progress=lambda job, done, total: None):
        jobs = plan_jobs([str(source)], target)
        (outcome,) = run_jobs(jobs, bicubic, Encoding(), overwrite=overwrite, progress=progress)
        return outcome

    return run


@pytest.fixture
def no_thread_stays():
    """Fails when a thread that a test started is still there five seconds after it."""
    before = set(threading.enumerate())
    yield
    end = monotonic() + 5
    while (left := set(threading.enumerate()) - before) and monotonic() < end:
        sleep(0.01)
    assert not left


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's store in the memory of this process, empty."""
    kind = pytest.importorskip("fsspec.implementations.memory").MemoryFileSystem
    kind.store.clear()
    kind.pseudo_dirs[:] = [""]
    yield kind()
    kind.store.clear()
    kind.pseudo_dirs[:] = [""]


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """The port of a real S3 server, which has a bucket called bucket."""
    pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    with servers.s3_server() as port:
        yield port


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the server, whose bucket is empty; this process finds the server by its environment."""
    from edge_srcnn.batch.stores import filesystems

    for name, value in servers.environment(s3_port).items():
        monkeypatch.setenv(name, value)
    made = servers.client(s3_port)
    for key in servers.keys_of(made, "bucket"):
        made.delete_object(Bucket="bucket", Key=key)
    forget_connections()
    yield made
    filesystems.close_idle()
    forget_connections()


def forget_connections() -> None:
    """Let what is opened next see the environment as it is."""
    import s3fs

    from edge_srcnn.batch.stores import filesystems

    filesystems.close_idle()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[servers.SshServer]:
    """A real OpenSSH server; skips where there is none."""
    pytest.importorskip("paramiko")
    if servers.SSHD is None:
        pytest.skip("there is no sshd")
    from edge_srcnn.batch.stores import filesystems

    folder = tmp_path / "ssh"
    folder.mkdir()
    server = servers.SshServer(folder)
    monkeypatch.setenv("HOME", str(server.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield server
    filesystems.close_idle()
    server.stop()
