"""The configurations of ``docs/howto/neighbours.md``, each with the real program before a real server."""

import asyncio
import base64
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

import aiohttp

from edge_srcnn.sinks import Sink
from tests.edge_srcnn.web.serving import LIMIT_S, Viewer, by_hand, flat, get, wait_until

DOCUMENT = Path(__file__).parents[3] / "docs" / "howto" / "neighbours.md"
SINK = re.compile(r"--sink (?:\\\n\s*)?'([^']+)'")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOST, PLACE, SOCKET = "cam.example.com", "127.0.0.1:8080", "/run/edge-srcnn/http.sock"
MUST = "EDGE_SRCNN_NEIGHBOURS"
"""The rig sets it: what is not installed is then a failure."""


@dataclass(frozen=True)
class Front:
    """Somebody else's server before ours; as tests ask a sink."""

    address: str


def section(heading: str) -> tuple[str, list[str]]:
    """The sink of a section, and its configurations."""
    text = DOCUMENT.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return SINK.findall(text)[0], [code for language, code in FENCE.findall(text) if language in ("nginx", "text")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None and MUST not in os.environ:
        pytest.skip(f"{name} is not installed")
    return found or name


@contextmanager
def started(command: list[str], port: int, folder: Path) -> Iterator[Front]:
    """A server that listens until the end of the block."""
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment, cwd=folder)
    try:
        wait_until(lambda: process.poll() is not None or is_open(port))
        assert process.poll() is None, (folder / "said").read_text()
        yield Front(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def nginx(blocks: list[str], folder: Path) -> Iterator[Front]:
    port = free_port()
    inside = [block for block in blocks if " server" in block.splitlines()[0]]
    outside = [block for block in blocks if block not in inside]
    user = "user www-data;" if os.geteuid() == 0 else ""
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    server = f"server {{ listen 127.0.0.1:{port};\n{''.join(inside)}}}"
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}\n"
        f"http {{ access_log off; {paths}\n{''.join(outside)}\n{server} }}\n"
    )
    with started([program("nginx"), "-e", f"{folder}/errors", "-c", f"{folder}/nginx.conf"], port, folder) as front:
        yield front


@contextmanager
def haproxy(blocks: list[str], folder: Path) -> Iterator[Front]:
    port = free_port()
    head = "defaults\n    mode http\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\n"
    (folder / "haproxy.cfg").write_text(head + "\n".join(blocks).replace("bind :80\n", f"bind 127.0.0.1:{port}\n"))
    with started([program("haproxy"), "-db", "-f", f"{folder}/haproxy.cfg"], port, folder) as front:
        yield front


@contextmanager
def caddy(blocks: list[str], folder: Path) -> Iterator[Front]:
    port = free_port()
    text = "\n".join(blocks).replace(f"{HOST} {{", f"http://{HOST}:{port} {{\n    bind 127.0.0.1")
    (folder / "Caddyfile").write_text(f"{{\n    admin off\n}}\n{text}")
    command = [program("caddy"), "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]
    with started(command, port, folder) as front:
        yield front


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's is not."""
    with tempfile.TemporaryDirectory(prefix="neighbours") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextmanager
def as_documented(heading: str, proxy, folder: Path, *, with_options: bool = True) -> Iterator[tuple[Sink, Front]]:
    """Our server and another one before it, both as a section says; the ports are others."""
    sink_text, blocks = section(heading)
    target, _, options = sink_text.partition("?" if sink_text.startswith("unix:") else "#")
    address = f"unix:{folder}/http.sock" if target.startswith("unix:") else "http://127.0.0.1:0"
    assert target in (f"http://{PLACE}", f"unix:{SOCKET}")
    with by_hand(options if with_options else "", address=address) as sink:
        sink.write(flat())
        place = urlsplit(sink.address).netloc
        assert any(PLACE in block or SOCKET in block for block in blocks)
        changed = [block.replace(SOCKET, f"{folder}/http.sock").replace(PLACE, place) for block in blocks]
        with proxy(changed, folder) as front:
            yield sink, front


@pytest.mark.parametrize(
    ("heading", "proxy", "host", "path"),
    [
        ("OctoPrint", haproxy, "octopi.local", "/webcam/"),
        ("Mainsail and Fluidd", nginx, "mainsailos.local", "/webcam/"),
        ("nginx", nginx, HOST, "/cam/"),
        ("nginx by a socket", nginx, HOST, "/cam/"),
        ("Caddy", caddy, HOST, "/cam/"),
    ],
)
def test_pictures_come_through_the_proxy_of_the_document(
    heading: str, proxy, host: str, path: str, folder: Path
) -> None:
    with as_documented(heading, proxy, folder) as (sink, front):
        for each in ("", "page.js", "state", "metrics", "healthz", "?action=snapshot", "snapshot_0"):
            answer = get(front, path + each.replace("snapshot_0", "?action=snapshot_0"), Host=host)
            assert answer.status == 200, (each, answer.text)
        with Viewer(front, f"{path}?action=stream", host=host) as viewer:
            status, headers = viewer.open()
            assert status.split()[1] == "200"
            assert headers["content-type"].startswith("multipart/x-mixed-replace")
            viewer.part()
            for level in (60, 200):  # each comes at once, and not when a buffer is full
                sink.write(flat(level))
                assert viewer.part()[0]["x-signal"] == "live"


@pytest.mark.parametrize(
    ("heading", "proxy", "name"),
    [("OctoPrint", haproxy, "octopi.local"), ("Mainsail and Fluidd", nginx, "mjpgstreamer1")],
)
def test_without_the_option_the_answer_names_it(heading: str, proxy, name: str, folder: Path) -> None:
    with as_documented(heading, proxy, folder, with_options=False) as (_, front):
        answer = get(front, "/webcam/", Host="octopi.local")
        assert (answer.status, f"hosts={name}" in answer.text) == (421, True)


def test_a_path_that_the_proxy_leaves_is_the_prefix(folder: Path) -> None:
    with by_hand(f"prefix=/cam&hosts={HOST}&proxy=127.0.0.1") as sink:
        sink.write(flat())
        _, (block,) = section("nginx")
        block = block.replace(f"{PLACE}/;", f"{urlsplit(sink.address).netloc};")
        with nginx([block], folder) as front:
            for path in ("", "page.js", "state", "?action=snapshot"):
                assert get(front, f"/cam/{path}", Host=HOST).status == 200
            assert get(front, "/cam", Host=HOST).status in (301, 308)


def test_the_visitors_of_a_proxy_are_told_apart(folder: Path) -> None:
    """nginx writes whom it sees over what it was told; the limit is then each visitor's."""
    with by_hand(f"hosts={HOST}&proxy=127.0.0.1&per_address=1") as sink:
        sink.write(flat())
        _, (block,) = section("nginx")
        block = block.replace(PLACE, urlsplit(sink.address).netloc)
        with nginx([block], folder) as front, Viewer(front, "/cam/stream", host=HOST) as viewer:
            viewer.open()
            viewer.part()
            spoofed = get(front, "/cam/snapshot", Host=HOST, X_Forwarded_For="192.0.2.9")
            assert (spoofed.status, "per_address=" in spoofed.text) == (503, True)
            assert get(sink, "/snapshot", X_Forwarded_For="192.0.2.9").status == 200


def test_home_assistant_asks_with_a_password(tmp_path: Path) -> None:
    """It fetches as aiohttp does, and shows the page within its own."""
    text = DOCUMENT.read_text().partition("\n## Home Assistant\n")[2].partition("\n## ")[0]
    options = SINK.findall(text)[0].partition("#")[2]
    (tmp_path / "token").write_text("0123456789abcdef")
    (tmp_path / "token").chmod(0o600)
    with by_hand(options.replace("token_file=token", f"token_file={tmp_path}/token")) as sink:
        sink.write(flat())

        async def fetch() -> list[tuple[int, str]]:
            password = base64.b64encode(b"any:0123456789abcdef").decode()
            answers = []
            async with aiohttp.ClientSession(headers={"Authorization": f"Basic {password}"}) as session:
                for path in re.findall(r"`http://ADDRESS:8080(/\S+)`", text):
                    async with session.get(f"{sink.address}{path}") as answer:
                        answers.append((answer.status, answer.content_type))
            return answers

        assert asyncio.run(fetch()) == [(200, "multipart/x-mixed-replace"), (200, "image/jpeg")]
        (path,) = re.findall(r"url: http://ADDRESS:8080(\S+)TOKEN", text)
        page = get(sink, f"{path}0123456789abcdef")
        assert page.status == 200
        assert "frame-ancestors 'self' http://homeassistant.local:8123" in page.headers["Content-Security-Policy"]
