"""What ``streams_check.py`` talks to: a camera, servers and tools in processes of their own."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SYSTEM_PYTHON = "/usr/bin/python3"
SOON_S = 30


@contextlib.contextmanager
def started(*command: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that does not outlive the ``with``; its output can be read."""
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def camera() -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The camera of ``rtsp_camera.py``: its process and its address."""
    with started(SYSTEM_PYTHON, Path(__file__).with_name("rtsp_camera.py")) as process:
        assert process.stdout is not None
        yield process, f"rtsp://127.0.0.1:{int(process.stdout.readline())}"


def tool(*command: str | Path) -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=SOON_S * 4)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def our_cli(*arguments: str | Path) -> str:
    """Our command line."""
    return tool(sys.executable, "-m", "edge_srcnn", *arguments)


def probed(address: str | Path, *options: str) -> dict[str, Any]:
    """What ffprobe tells."""
    told: dict[str, Any] = json.loads(tool("ffprobe", "-v", "error", "-of", "json", *options, address))
    return told


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_listener(port: int) -> None:
    """Wait until somebody listens, without a connection, which some would take for the only one."""
    end = time.monotonic() + SOON_S
    while not any(_listens(line, port) for line in Path("/proc/net/tcp").read_text().splitlines()[1:]):
        assert time.monotonic() < end, f"nobody listens at port {port}"
        time.sleep(0.05)


def _listens(line: str, port: int) -> bool:
    _, local, _, state = line.split()[:4]
    return int(local.rpartition(":")[2], 16) == port and state == "0A"
