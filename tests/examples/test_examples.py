"""Every script of ``examples/`` runs: on clips that are made here, the test card, and real servers and tools."""

import asyncio
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

pytest.importorskip("av")

from tests.edge_srcnn.clips import decode, encode, flat
from tests.edge_srcnn.sources.fake_picamera2 import install

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COUNT = 12

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of 64x48, ten a second."""
    pictures = [flat((40 + 15 * number, 100, 150), 48, 64) for number in range(COUNT)]
    return encode(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures, rate=10)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where this tree is what is imported, ``edge-srcnn`` a command, and nothing is written beside the examples."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "edge-srcnn"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m edge_srcnn "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    cache = str(tmp_path_factory.mktemp("cache"))
    return {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": cache,
    }


@pytest.fixture
def run(environment, tmp_path):
    """Run an example in a process of its own; gives what it prints."""

    def start(name: str, *arguments: object, status: int = 0) -> str:
        program = [sys.executable] if name.endswith(".py") else []
        done = subprocess.run(
            [*program, str(EXAMPLES / name), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=120,
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return start


@pytest.fixture
def run_command(environment, tmp_path):
    """Start a program in the background."""
    started = []

    def start(*command: str) -> "subprocess.Popen[str]":
        started.append(subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL, text=True))
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            each.kill()
            each.wait()


def need(*programs: str) -> None:
    for each in programs:
        if shutil.which(each) is None:
            pytest.skip(f"{each} is not installed")


def is_jpeg(data: bytes, size: tuple[int, int]) -> bool:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return picture is not None and picture.shape[:2] == size[::-1]


def test_the_table_lists_every_example():
    listed = set(re.findall(r"^\| \[([\w.]+)\]\(\1\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE))
    assert listed == {path.name for path in EXAMPLES.iterdir()} - {"README.md", "__pycache__"}


def test_a_loop_of_opencv_records(run, clip, tmp_path):
    assert "out.mp4: 128x96" in run("opencv_loop.py", clip, "out.mp4")
    pictures = decode(tmp_path / "out.mp4")
    assert [(picture.width, picture.height) for picture in pictures] == [(128, 96)] * COUNT
    assert "missing.mp4: there is no such file" in run("opencv_loop.py", "missing.mp4", "none.mp4", status=1)


def test_dnn_superres_upscales_a_picture(run, tmp_path):
    cv2.imwrite(str(tmp_path / "small.png"), np.full((20, 30, 3), 90, np.uint8))
    assert "large.png: 60x40" in run("opencv_dnn_superres.py", "small.png", "large.png")
    assert cv2.imread(str(tmp_path / "large.png")).shape == (40, 60, 3)
    assert "none.png: cannot be read" in run("opencv_dnn_superres.py", "none.png", "large.png", status=1)


@pytest.fixture(scope="module")
def code_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A QR code that comes nearer: 25 modules of 1.5 to 2.6 pixels, soft and noisy, as a small camera sees it."""
    code = cv2.QRCodeEncoder.create().encode("edge-srcnn")
    code = cv2.resize(code, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    code = cv2.copyMakeBorder(code, 64, 64, 64, 64, cv2.BORDER_CONSTANT, value=(255,))
    rng, pictures = np.random.default_rng(0), []
    for number in range(40):
        module = 1.5 + number * 0.03
        place = np.array([[module / 8, 0, 60 + number * 1.3], [0, module / 8, 50 + number * 0.7]]) * 4
        sharp = cv2.warpAffine(code, place, (1280, 960), borderValue=(200,))
        soft = cv2.resize(cv2.GaussianBlur(sharp, (0, 0), 3.0), (320, 240), interpolation=cv2.INTER_AREA)
        levels = soft * 0.7 + 40 + rng.normal(0, 2, soft.shape)
        grey = np.full((120, 160), 128, np.uint8)
        pictures.append((np.clip(levels, 0, 255).astype(np.uint8), grey, grey))
    path = tmp_path_factory.mktemp("code") / "code.mp4"
    return encode(path, pictures, rate=10, options={"crf": "23"})


def test_a_detector_reads_the_code(run, code_clip):
    said = run("detector.py", code_clip)
    assert re.search(r"^ +\d\.\d\d s: edge-srcnn at \d+, \d+ of the camera's picture$", said, re.MULTILINE)
    assert re.search(r"read in [1-9]\d* of 40 enhanced frames, and in \d+ of them upscaled bicubically", said)
    assert "read in 0 of 5 enhanced frames, and in 0" in run("detector.py", "test:?size=64x48&fps=max", 5)


def test_stills_of_a_camera_module(tmp_path, monkeypatch, capsys):
    fake = install(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["picamera2_stills.py", str(tmp_path / "stills"), "3", "0.05"])
    runpy.run_path(str(EXAMPLES / "picamera2_stills.py"), run_name="__main__")
    stills = sorted((tmp_path / "stills").iterdir())
    assert [path.name for path in stills] == ["still-0000.jpg", "still-0001.jpg", "still-0002.jpg"]
    assert all(is_jpeg(path.read_bytes(), (192, 128)) for path in stills)
    assert capsys.readouterr().out.count("192x128") == 3
    assert fake.opened[-1].closed


def test_an_array_of_a_program_that_has_the_camera(tmp_path, monkeypatch):
    fake = install(monkeypatch)
    fake.capture_array = lambda camera, name: np.full((48, 64, 3), (200, 90, 30), np.uint8)
    monkeypatch.setattr(sys, "argv", ["picamera2_array.py", str(tmp_path / "out.png")])
    runpy.run_path(str(EXAMPLES / "picamera2_array.py"), run_name="__main__")
    large = cv2.imread(str(tmp_path / "out.png"))
    assert large.shape == (96, 128, 3)
    assert np.abs(large.astype(int) - (200, 90, 30)).max() <= 3  # B, G and R are not exchanged


def fetched(address: str, most_bytes: int = -1) -> bytes:
    """What a server gives, when it is there."""
    end = monotonic() + 30
    while True:
        try:
            with urlopen(address, timeout=20) as answer:
                return answer.read(most_bytes) if most_bytes >= 0 else answer.read()
        except (URLError, ConnectionError):
            if monotonic() > end:
                raise
            sleep(0.05)


@pytest.fixture
def flask_server(environment) -> Iterator[str]:
    pytest.importorskip("flask")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(EXAMPLES / "flask_server.py"), "test:?size=64x48&fps=20", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    fetched(f"http://127.0.0.1:{port}/")  # it is there
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(20)


def test_flask_serves_page_still_and_stream(flask_server):
    assert b"<img src=stream.mjpg" in fetched(f"{flask_server}/")
    assert is_jpeg(fetched(f"{flask_server}/still.jpg"), (128, 96))
    start = fetched(f"{flask_server}/stream.mjpg", 30_000)
    parts = start.split(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n")[1:-1]
    assert len(parts) >= 3
    assert all(is_jpeg(part.rstrip(b"\r\n"), (128, 96)) for part in parts)


def test_flasks_stream_is_a_source_of_ours(flask_server, run):
    pytest.importorskip("requests")
    assert "read in 0 of 3 enhanced frames" in run("detector.py", f"{flask_server}/stream.mjpg", 3)


async def asked(app: Any, path: str, most_bytes: int) -> tuple[int, bytes]:
    """Ask an ASGI application as a server does, and hang up when there is enough; gives status and content."""
    status, content, enough, asking = 0, bytearray(), asyncio.Event(), True

    async def receive() -> dict[str, Any]:
        nonlocal asking
        if asking:
            asking = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        content.extend(message.get("body", b""))
        if len(content) > most_bytes:
            enough.set()

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "http_version": "1.1"}
    await asyncio.wait_for(app({**scope, "scheme": "http", "asgi": {"version": "3.0"}}, receive, send), 30)
    return status, bytes(content)


def test_fastapi_serves_still_and_stream(monkeypatch):
    pytest.importorskip("fastapi")
    monkeypatch.setenv("SOURCE", "test:?size=64x48&fps=20")
    app = runpy.run_path(str(EXAMPLES / "fastapi_server.py"))["app"]

    async def use() -> tuple[tuple[int, bytes], tuple[int, bytes]]:
        async with app.router.lifespan_context(app):
            return await asked(app, "/still.jpg", 1_000_000), await asked(app, "/stream.mjpg", 30_000)

    (still_status, still), (stream_status, stream) = asyncio.run(use())
    assert (still_status, stream_status) == (200, 200)
    assert is_jpeg(still, (128, 96))
    parts = stream.split(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n")[1:-1]
    assert len(parts) >= 3
    assert all(is_jpeg(part.rstrip(b"\r\n"), (128, 96)) for part in parts)


def test_a_camera_shows_itself_to_home_assistant(run_command, tmp_path):
    pytest.importorskip("paho.mqtt.client")
    need("mosquitto", "mosquitto_sub")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = (EXAMPLES / "home_assistant.toml").read_text()
    text = text.replace("picamera2:0?size=640x480&fps=15", "test:?size=64x48").replace(":8080", ":0")
    (tmp_path / "camera.toml").write_text(text.replace("homeassistant.local", f"127.0.0.1:{port}"))
    broker = subprocess.Popen(["mosquitto", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        camera = run_command("edge-srcnn", "run", "--config", "camera.toml", "--seconds", "20")
        listen = ["mosquitto_sub", "-p", str(port), "-t", "homeassistant/#", "-C", "1", "-W", "15", "-v"]
        deadline, heard = monotonic() + 15, ""
        while not heard and monotonic() < deadline:  # the broker may not listen yet
            heard = subprocess.run(listen, capture_output=True, text=True).stdout
        camera.terminate()
        camera.wait(20)
    finally:
        broker.terminate()
        broker.wait(10)
    assert heard.startswith("homeassistant/")
    assert "Garden" in heard


def test_ffmpeg_reads_and_writes(run, clip, tmp_path):
    need("ffmpeg")
    run("ffmpeg_pipe.sh", clip, "out.mp4")
    pictures = decode(tmp_path / "out.mp4")
    assert [(picture.width, picture.height) for picture in pictures] == [(128, 96)] * COUNT
    assert "No such file" in run("ffmpeg_pipe.sh", "missing.mp4", "none.mp4", status=1)


def test_gstreamer_reads_and_goes_on(run, tmp_path):
    need("gst-launch-1.0", "gst-inspect-1.0")
    for element in ("y4menc", "y4mdec"):
        if subprocess.run(["gst-inspect-1.0", element], capture_output=True).returncode:
            pytest.skip(f"GStreamer has no {element} here")
    run("gstreamer_pipe.sh", "out.mkv", "videotestsrc", "num-buffers=9")
    assert [(picture.width, picture.height) for picture in decode(tmp_path / "out.mkv")] == [(640, 480)] * 9


def test_the_notebook_runs_and_holds_no_output(environment, tmp_path):
    pytest.importorskip("nbmake")
    notebook = EXAMPLES / "before_after.ipynb"
    assert not [cell for cell in json.loads(notebook.read_text())["cells"] if cell.get("outputs")]
    shutil.copy(notebook, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbmake", "-q", "-p", "no:cacheprovider", "before_after.ipynb"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_types_of_the_examples_are_right(environment):
    pytest.importorskip("mypy")
    scripts = sorted(map(str, EXAMPLES.glob("*.py")))
    command = [sys.executable, "-m", "mypy", "--strict", "--disable-error-code=import-not-found", *scripts]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout
