"""``edge-srcnn run`` with cameras and disks that fail on the way: one line, and what was recorded is good."""

import io
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep

import pytest
from PIL import Image

pytest.importorskip("av")

from tests.edge_srcnn.cli.recordings import CANNOT_WRITE, FAST, QUICK, UNAVAILABLE, files
from tests.edge_srcnn.clips import decode

pytestmark = pytest.mark.slow


def jpeg(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (level,) * 3).save(buffer, "JPEG")
    return buffer.getvalue()


class DroppingCamera(BaseHTTPRequestHandler):
    """Serves 60 frames of MJPEG, and hangs up."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for number in range(60):
            data = jpeg(number)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")
            sleep(0.01)

    def log_message(self, *_):
        pass


@contextmanager
def dropping_camera():
    with ThreadingHTTPServer(("127.0.0.1", 0), DroppingCamera) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"
        server.shutdown()
        thread.join()


def test_a_camera_that_is_lost_leaves_a_recording_that_can_be_played(run_cli, tmp_path):
    with dropping_camera() as camera:
        done = run_cli("run", "--source", f"{camera}#timeout=2", "--sink", QUICK, *FAST)
    assert (done.returncode, done.stderr.count("\n")) == (UNAVAILABLE, 1), done.stderr
    assert files(tmp_path) == {"out.mp4"}
    assert 1 <= len(decode(tmp_path / "out.mp4")) <= 60


def test_a_full_disk_is_one_line(run_cli, small_disk):
    done = run_cli("run", "--source", "test:size=160x120,fps=max,frames=300", "--sink", small_disk / "out.mp4", *FAST)
    assert (done.returncode, done.stdout) == (CANNOT_WRITE, "")
    assert "No space left" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_does_not_stop_the_other_sinks(run_cli, tmp_path, small_disk):
    done = run_cli(
        *("run", "--source", "test:size=160x120,fps=max,frames=300"),
        *("--sink", small_disk / "out.mp4", "--sink", QUICK, *FAST),
    )
    assert done.returncode == CANNOT_WRITE
    assert "Traceback" not in done.stderr
    assert len(decode(tmp_path / "out.mp4")) == 300
