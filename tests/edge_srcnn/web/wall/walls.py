"""Cameras for walls: pictures that change, at a port that may be left and taken again; and walls in a browser."""

import asyncio
import http.client
import itertools
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server
from typing import Any

from edge_srcnn.sinks import Sink
from edge_srcnn.web.wall.cameras import read_cameras
from edge_srcnn.web.wall.check import Seen
from edge_srcnn.web.wall.page import Look, page
from tests.edge_srcnn.web.chromium import Browser, Use
from tests.edge_srcnn.web.serving import LIMIT_S, by_hand, flat

SIGNALS = "tiles.map((tile) => tile.signal).join()"
LEVELS = (
    """tiles.map(({ canvas, context }) => context.getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1).data[1])"""
)
"""Greys in the middles of the pictures."""

WINDOWS = {"desktop": (1280, 800), "phone": (390, 844)}


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def camera(
    options: str = "cors=null", port: int = 0, *, name: str | None = None, scheme: str = "http"
) -> Iterator[Sink]:
    """Serve ten pictures a second, each of another grey."""
    with by_hand(options, address=f"{scheme}://127.0.0.1:{port}", name=name) as sink:
        closing_down = threading.Event()

        def write() -> None:
            for number in itertools.count():
                sink.write(flat(40 + number * 7 % 180, (64, 48)))
                if closing_down.wait(0.1):
                    return

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield sink
        finally:
            closing_down.set()
            thread.join(LIMIT_S)


@contextmanager
def one_server_before(sink: Sink) -> Iterator[str]:
    """Serve a camera below any path, ``/cam0/`` and so on, as a reverse proxy for many does."""
    host, _, port = sink.address.removeprefix("http://").rstrip("/").partition(":")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = "/" + self.path.split("/", 2)[2]
            with closing(http.client.HTTPConnection(host, int(port), timeout=LIMIT_S)) as behind, suppress(OSError):
                behind.request("GET", path, headers={"Origin": self.headers.get("Origin", "")})
                answer = behind.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                while part := answer.read1(65536):
                    self.wfile.write(part)
            self.close_connection = True

        def log_message(self, *words: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def served_by_https(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, in which ``make_certificate`` left a certificate and its key."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words, directory=str(folder))

        def log_message(self, *words: object) -> None:
            return

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def write_wall(file: Path, *words: str, seen: Seen | None = None, look: Look | None = None) -> str:
    """Write a wall that nobody checked, and give the address of the file."""
    cameras = read_cameras([("", word) for word in words])
    file.write_text(page(cameras, [seen] * len(cameras), look or Look()), encoding="utf-8")
    return file.as_uri()


def watch(browser: Browser, address: str, steps: Use, window: str = "desktop", scheme: str = "dark") -> None:
    """Open a wall, and use it."""

    async def run() -> None:
        async with browser.tab() as tab:
            await tab.open(address, *WINDOWS[window], scheme=scheme, phone=window == "phone")
            await steps(tab)

    asyncio.run(run())
