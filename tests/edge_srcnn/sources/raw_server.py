"""A server that answers with any bytes: a camera that is wrong in whatever way a test wants it to be."""

import io
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
from PIL import Image

MULTIPART = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


class Client:
    """Who asks: what it asked, and a way to answer."""

    def __init__(self, connection: socket.socket, ended: threading.Event) -> None:
        self._connection, self._ended = connection, ended
        self.request = ""

    def ask(self) -> bool:
        """Wait for the next request over the same connection; False where none comes."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = self._connection.recv(4096)
            if not data:
                return False
            head += data
        self.request = head.decode("latin-1")
        return True

    @property
    def path(self) -> str:
        return self.request.split(" ")[1]

    def header(self, name: str) -> str | None:
        for line in self.request.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def answer(self, status: str, content: bytes = b"", **headers: str) -> None:
        """One whole answer, after which the connection may serve again."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode() + content)

    def wait(self, seconds: float) -> bool:
        """Wait, unless the test ends; True: go on."""
        return not self._ended.wait(seconds)


@contextmanager
def serving(handle: Callable[[Client], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve until the end of the block; gives ``127.0.0.1:PORT``. Each connection is handled in a thread."""
    ended, threads = threading.Event(), []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            connection.settimeout(20)
            secured = connection if context is None else context.wrap_socket(connection, server_side=True)
            with secured:
                client = Client(secured, ended)
                if client.ask():
                    handle(client)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                thread = threading.Thread(target=serve, args=(connection,), daemon=True)
                threads.append(thread)
                thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
        for thread in threads:
            thread.join(5)


def jpeg(level=100, size=(64, 48), **options):
    noise = np.random.default_rng(level).integers(-8, 8, (size[1], size[0]))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noise + level, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


def part(data, kind="image/jpeg"):
    return f"--frame\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data + b"\r\n"


def levels(frames):
    return [round(float(frame.luma.mean()) / 10) * 10 for frame in frames]


def take(source, number):
    frames = []
    try:
        while len(frames) < number:
            frames.append(source.read())
    finally:
        source.close()
    return frames
