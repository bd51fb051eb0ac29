"""What the tests of sources share: a network camera that serves as it is told to, and a picture."""

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image


def jpeg(level):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (level, level, level)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class Camera(BaseHTTPRequestHandler):
    """MJPEG as cameras serve it; the path says what becomes of it after so many frames."""

    def do_GET(self):
        what, _, count = self.path.strip("/").partition("/")
        if what == "none":
            self.send_error(404)
            return
        if what == "silent":
            self.server.ended.wait(60)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        while not self.server.ended.is_set() and (what == "works" or number < int(count)):
            data = jpeg(number % 200)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            try:
                self.wfile.write(head + data + b"\r\n")
            except OSError:
                return
            number += 1
            self.server.ended.wait(0.01)
        if what == "pauses":
            self.server.ended.wait(60)
        elif what == "stalls":
            self.wfile.write(head + data[: len(data) // 2])
            self.server.ended.wait(60)
        elif what == "breaks":
            self.wfile.write(head + data[: len(data) // 2])

    def log_message(self, *_):
        pass


@pytest.fixture
def camera():
    """The address of a camera: ``{camera}/works``, ``/stalls/40``, ``/drops/40``, ``/silent``, ``/none``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = False  # closing waits for them
    server.ended = threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.ended.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def rgb(texture) -> np.ndarray:
    return texture(7, 5, 3)
