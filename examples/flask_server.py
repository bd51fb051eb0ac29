"""Serve an enhanced camera with Flask: a page, /stream.mjpg and /still.jpg.

usage: python flask_server.py SOURCE [PORT]        such as /dev/video0 or rtsp://camera/stream
"""

import sys
import threading
from collections.abc import Iterator

import cv2
from flask import Flask, Response

import edge_srcnn

app = Flask(__name__)


class Camera:
    """Read in a thread of its own, and keep the newest frame as JPEG for all who look."""

    def __init__(self, source: str) -> None:
        self._source, self._jpeg, self._number = source, b"", 0
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for frame in edge_srcnn.stream(self._source, steady=True):
            jpeg = cv2.imencode(".jpg", frame.bgr())[1].tobytes()
            with self._news:
                self._jpeg, self._number = jpeg, self._number + 1
                self._news.notify_all()

    def pictures(self) -> Iterator[bytes]:
        """Give the newest picture, and each one after it that there is time for."""
        seen = 0
        while True:
            with self._news:
                self._news.wait_for(lambda seen=seen: self._number > seen)  # type: ignore[misc]
                seen, jpeg = self._number, self._jpeg
            yield jpeg


@app.get("/")
def page() -> str:
    """Show the stream."""
    return "<!doctype html><title>Camera</title><img src=stream.mjpg style='max-width: 100%'>"


@app.get("/still.jpg")
def still() -> Response:
    """Give the newest picture."""
    return Response(next(camera.pictures()), mimetype="image/jpeg")


@app.get("/stream.mjpg")
def stream() -> Response:
    """Give pictures for as long as somebody looks."""
    parts = (b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n" for jpeg in camera.pictures())
    return Response(parts, mimetype="multipart/x-mixed-replace; boundary=frame")


if __name__ == "__main__":
    camera = Camera(sys.argv[1])
    app.run("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 5000, threaded=True)
