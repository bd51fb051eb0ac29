"""A canary in each place where a secret can stand; then all is read that people and programs may see: nowhere."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep
from typing import ClassVar

import pytest
from PIL import Image

pytest.importorskip("av")
pytest.importorskip("aiohttp")

from tests.edge_srcnn.service.running import Service, running
from tests.edge_srcnn.web.serving import Viewer, get, wait_until

pytestmark = pytest.mark.slow

BIRD = "canary"
LOGIN, WRITTEN = f"eye:{BIRD}@1+#", f"eye:{BIRD}%401%2B%23"
QUERY = f"?user={BIRD}-2&PWD={BIRD}-3&q={BIRD}-4"
TOKEN, TOKEN_FILE = f"{BIRD}-token-5", f"{BIRD}-token-6"
PUSH, KEY = f"{BIRD}-push-7", f"{BIRD}-key-8"
FORMS = {BIRD, BIRD[::-1], "".join(f"%{ord(letter):02x}" for letter in BIRD), BIRD.encode().hex()}
BASE64 = {b64encode(b"." * shift + BIRD.encode())[-(-shift * 8 // 6) : -3].decode() for shift in range(3)}
LIMIT_S = 60.0


def tells(seen: str | bytes) -> list[str]:
    """Which forms of the bird there are, with what stands around them."""
    text = seen.decode(errors="replace") if isinstance(seen, bytes) else seen
    found = [found for form in FORMS for found in re.finditer(re.escape(form), text, re.IGNORECASE)]
    found += [found for form in BASE64 for found in re.finditer(re.escape(form.rstrip("=")), text)]
    return [text[max(each.start() - 80, 0) : each.end() + 20] for each in found]


@pytest.mark.parametrize(
    "text", [f"x{LOGIN}", WRITTEN.upper(), b64encode(LOGIN.encode()), b64encode(TOKEN.encode() * 2)]
)
def test_the_scan_finds_a_bird(text):
    assert tells(text)


class Camera(BaseHTTPRequestHandler):
    """Gives MJPEG to who logs in rightly; ``/refuses`` and ``/closed`` to nobody."""

    shown: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        login = b64decode(self.headers.get("Authorization", "").partition(" ")[2]).decode()
        self.shown |= {login, self.path}
        if login != LOGIN or self.path.startswith("/refuses"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path.startswith("/closed"):
            self.send_error(403)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with suppress(OSError):
            while not self.server.ends.is_set():
                data = io.BytesIO()
                Image.new("RGB", (64, 48), "grey").save(data, "JPEG")
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {data.tell()}\r\n\r\n"
                self.wfile.write(head.encode() + data.getvalue() + b"\r\n")
                self.server.ends.wait(0.1)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def camera() -> Iterator[str]:
    """A camera until the end of the block: its host and port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        server.daemon_threads, server.ends = True, threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.ends.set()
        server.shutdown()


@contextmanager
def refusing_server(heard: list[bytes]) -> Iterator[str]:
    """A media server that refuses who pushes to it: its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.settimeout(5)
                while data := connection.recv(65536):
                    heard.append(data)
                    number = re.search(rb"CSeq: *(\d+)", data)
                    if number is None:  # RTMP
                        return
                    answer = b'RTSP/1.0 401 Unauthorized\r\nCSeq: %s\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
                    connection.sendall(answer % number[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=refuse, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def family(process: int) -> list[Path]:
    """Give a process and its children, as folders of /proc."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [Path(f"/proc/{process}"), *(each for child in children for each in family(int(child)))]


def processes(service: Service) -> Iterator[tuple[str, bytes]]:
    """Read what everybody may see of the service's processes, and with what children begin."""
    for process in family(service.process.pid):
        with suppress(OSError):  # it has ended
            for name in ("cmdline", "comm", "environ"):
                yield f"{process}/{name}", (process / name).read_bytes()
            for task in (process / "task").iterdir():
                yield f"{task}/comm", (task / "comm").read_bytes()


def pages(service: Service, *, token: str) -> Iterator[tuple[str, bytes]]:
    """Read every resource of the page, and all headers.

    A page that is asked for with the token hands it on to its own resources, and to nobody else: it is left out.
    """
    paths = ["/", "/state", "/metrics", "/healthz", "/snapshot.jpg", "/nothing"]
    page = get(service, "/", Authorization=f"Bearer {token}")
    assert page.status == 200
    paths += re.findall(r'(?:href|src)="([^"#]+)"', page.text)
    with Viewer(service, f"/stream.mjpg?token={token}") as viewer:
        yield "stream", repr((viewer.open(), *viewer.part())).encode()
    for path in paths:
        if path.startswith("stream.mjpg"):
            continue
        for headers in ({"Authorization": f"Bearer {token}"}, {}):
            found = get(service, f"/{path.removeprefix('/')}", **headers)
            yield path, str(found.headers).encode() + found.body


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Read the names and bytes of what the service wrote."""
    for path in folder.rglob("*"):
        yield "a name", str(path.relative_to(folder)).encode()
        if path.is_file():
            yield path.name, path.read_bytes()


@pytest.mark.parametrize("log", ["text", "json"])
def test_no_secret_is_seen_anywhere(tmp_path, run_cli, log):
    heard: list[bytes] = []
    Camera.shown = set()
    with camera() as place, refusing_server(heard) as media:
        secrets = tmp_path / "secrets"
        secrets.mkdir(mode=0o700)
        for name, text in {
            "token": TOKEN_FILE,
            "rtsp": f"rtsp://{PUSH}:{PUSH}@{media}/live?key={PUSH}",
            "rtmp": f"rtmp://{media}/live/{KEY}?key={KEY}",
            "source": f"http://{WRITTEN}@{place}/closed{QUERY}",
        }.items():
            (secrets / name).write_text(text)
        camera_address = f"http://{WRITTEN}@{place}/stream.mjpg{QUERY}#timeout=5"
        sinks = [f"http://127.0.0.1:0#token={TOKEN}", f"http://127.0.0.2:0#token_file={secrets}/token"]
        sinks += ["out/front.mkv?segment=60&keep_mb=9"]
        files = [f"{secrets}/rtsp", f"{secrets}/rtmp"]
        rest = f"sinks = {json.dumps(sinks)}\nsink_files = {json.dumps(files)}\n[enhance]\nengine = 'bicubic'\n"
        rest += f"[service]\nretry_sink_s = 0.3\nretry_camera_s = 0.2\nlog = '{log}'\n"
        state = tmp_path / "state"
        (state / "out").mkdir(parents=True)
        loud = "import sys; sys.argv.insert(1, '--verbose')"
        with running(state, f"source = {json.dumps(camera_address)}\n{rest}", instead=loud) as service:
            wait_until(lambda: len(re.findall(r"look at http://\S+", service.log)) == 2, LIMIT_S)
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            wait_until(lambda: get(service, "/state", **bearer).json["frames_out"] > 3, LIMIT_S)
            wait_until(lambda: len(get(service, "/state", **bearer).json["errors"]) >= 2, LIMIT_S)
            seen = [*pages(service, token=TOKEN), *processes(service)]

            def reload(source: str, told: str) -> None:
                before = service.log.count(told)
                service.config.write_text(f"{source}\n{rest}")
                service.send(signal.SIGHUP)
                wait_until(lambda: service.log.count(told) > before, LIMIT_S)

            reload(f"source = 'http://eye:{BIRD}#raw@{place}/x'", "write it as %23")
            reload(f"source = 'http://{WRITTEN}@{place}/x#speed={BIRD}'", "no option is called")
            reload(f"source = 'http://{WRITTEN}@{place}/x'\nsource_file = '{secrets}/source'", "not both")
            reload(f"source = 'http://eye:{BIRD}-wrong@{place}/refuses{QUERY}'", "trying again")
            seen += [*pages(service, token=TOKEN), *processes(service)]
            reload(f"source_file = '{secrets}/source'", "403")
            service.send(signal.SIGUSR1)
            wait_until(lambda: "state: {" in service.log, LIMIT_S)
            sleep(0.1)  # a line that has begun is finished
            seen += [*pages(service, token=TOKEN), *processes(service)]
            assert service.stop() < LIMIT_S
            seen += [(f"systemd {number}", repr(each).encode()) for number, each in enumerate(service.systemd.messages)]
            seen += [("log", service.log.encode())]
        shown = run_cli("config", "show", "--config", str(service.config))
        checked = run_cli("config", "check", str(service.config))
        as_json = run_cli("config", "show", "--json", "--config", str(service.config))
        seen += [("config", f"{done.stdout}{done.stderr}".encode()) for done in (shown, checked, as_json)]
    assert (shown.returncode, checked.returncode, as_json.returncode) == (0, 0, 0)
    assert f"{service.config}: warning: it holds a token" in checked.stderr
    service.config.unlink()
    seen += written(state)
    assert {LOGIN, f"/stream.mjpg{QUERY}"} <= Camera.shown  # the camera was told, and the media server, too
    assert any(b64encode(f"{PUSH}:{PUSH}".encode()) in each for each in heard)
    found = {place: birds[:3] for place, text in seen if (birds := tells(text))}
    assert found == {}


def options(place: str) -> Iterator[list[str]]:
    login = f"{WRITTEN}@{place}"
    for source in (
        f"http://{login}/refuses{QUERY}",
        f"HTTP://{login}/closed{QUERY}#timeout=2",
        f"http://{login}/stream.mjpg#token={TOKEN}",
        f"http://eye:{BIRD}?raw@{place}/x",
        f"rtsp:/eye:{BIRD}@{place}/x",
        f"eye:{BIRD}@{place}/x",
        f"srt://{place}?passphrase={BIRD}",
    ):
        yield ["run", "--source", source, "--sink", "null:"]
    yield ["run", "--source", "test:frames=2", "--sink", f"http://eye:{BIRD}@127.0.0.1:0"]
    yield ["run", "--source", "test:frames=2", "--sink", "null:", f"http://{login}/{QUERY}"]
    yield ["config", "check", f"http://{login}/x"]
    yield ["upscale", f"http://{login}/x{QUERY}"]
    yield [f"http://{login}/x"]


ONE_AFTER_ANOTHER = """
import json, os, sys
from edge_srcnn.cli import main
for words in json.loads(sys.stdin.read()):
    sys.argv[1:] = ["--verbose", *words]
    print(json.dumps(words)[:12], file=sys.stderr)
    try:
        main()
    except SystemExit as end:
        print("exit", end.code)
"""


def test_no_message_of_a_command_repeats_a_secret(tmp_path):
    with camera() as place:
        commands = list(options(place))
        done = subprocess.run(
            [sys.executable, "-c", ONE_AFTER_ANOTHER],
            input=json.dumps(commands),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            cwd=tmp_path,
            env={**os.environ, "EDGE_SRCNN_DEBUG": "1"},
        )
    ends = re.findall("exit ([0-9]+)", done.stdout)
    assert len(ends) == len(commands)
    assert "0" not in ends
    assert tells(done.stdout + done.stderr) == []


def test_a_run_that_works_warns_once_that_the_list_of_processes_shows_the_password(tmp_path):
    with camera() as place:
        source = f"http://{WRITTEN}@{place}/stream.mjpg{QUERY}"
        Camera.shown = set()
        (tmp_path / "camera").write_text(source)
        given = (
            ["--source", source, "--sink", f"http://127.0.0.1:0#token={TOKEN}"],
            ["--source-file", "camera", "--json"],
        )
        for words in given:
            command = [sys.executable, "-m", "edge_srcnn", "-v", "run", *words, "--sink", "null:", "-e", "bicubic"]
            with subprocess.Popen(
                [*command, "--seconds", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
            ) as process:
                shown = Path(f"/proc/{process.pid}/cmdline")
                wait_until(lambda shown=shown: b"bicubic" in shown.read_bytes(), LIMIT_S)  # it is empty at first
                seen = shown.read_bytes()
                out, err = process.communicate(timeout=LIMIT_S)
            assert process.returncode == 0, err
            assert err.count("--source: everybody on this machine can read the password") == ("--source" in words)
            assert bool(tells(seen)) == ("--source" in words)
            assert tells(out + err) == []
            assert {LOGIN, f"/stream.mjpg{QUERY}"} <= Camera.shown
        assert json.loads(out)["sinks"][0]["name"] == "null:"
