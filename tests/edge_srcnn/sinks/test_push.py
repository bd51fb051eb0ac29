"""Pushing to a server: it gets H.264 in order; one that is not there, is silent or goes away is a line, not a hang."""

import json
import re
import socket
import subprocess
import sys
import threading
from time import monotonic, sleep

import pytest

pytest.importorskip("av")

from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import open_sink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.clips import decode
from tests.edge_srcnn.web.serving import flat

pytestmark = pytest.mark.slow

SOON_S = 20

# FFmpeg itself can be the server that RTMP is pushed to; in a process of its own, for it holds Python's lock
SERVER = """
import av, json, sys
print("ready", flush=True)
frames = []
try:
    with av.open(sys.argv[1], options={"listen": "1"}, timeout=20) as container:
        for frame in container.decode(video=0):
            frames.append((frame.time, frame.width, frame.height))
            if len(frames) == int(sys.argv[2]):
                break
except OSError:
    pass
print(json.dumps(frames), flush=True)
"""


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rtmp_server(url, frames):
    server = subprocess.Popen([sys.executable, "-c", SERVER, url, str(frames)], stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "ready\n"
    sleep(0.5)  # from there to listening
    return server


def test_an_rtmp_server_gets_the_frames(run_cli, port):
    url = f"rtmp://127.0.0.1:{port}/live/pi"
    server = rtmp_server(url, 1_000_000)
    try:
        done = run_cli(
            *("run", "--source", "test:size=64x48,fps=25,frames=150", "--sink", url, "-e", "bicubic"), timeout=40
        )
        assert done.returncode == 0, done.stderr
        frames = json.loads(server.communicate(timeout=40)[0])
    finally:
        server.kill()
        server.wait()
    # it shows what is newest, and may miss some while it connects
    assert 10 <= len(frames) <= 150
    assert {(width, height) for _, width, height in frames} == {(128, 96)}
    times = [time for time, _, _ in frames]
    assert times == sorted(set(times))
    assert times[-1] - times[0] <= 149 / 25 + 0.01


def test_an_rtmp_server_that_goes_away_does_not_stop_the_others(run_cli, tmp_path, port):
    url = f"rtmp://127.0.0.1:{port}/live/pi"
    server = rtmp_server(url, 1_000_000)
    killer = threading.Timer(2, server.kill)
    killer.start()
    try:
        done = run_cli(
            *("run", "--source", "test:size=64x48,fps=25,frames=100", "--sink", url, "--sink", "out.mkv"),
            *("-e", "bicubic"),
            timeout=4 + SOON_S,
        )
    finally:
        killer.join()
        server.communicate()
    assert done.returncode == 73, done.stderr
    assert "Traceback" not in done.stderr
    assert "cannot be reached" in done.stderr
    assert all(len(line) < 200 for line in done.stderr.splitlines())
    assert 75 <= len(decode(tmp_path / "out.mkv")) <= 100  # all but those that a slow machine left out


class RtspServer:
    """As much of RTSP (RFC 2326) as a client needs that records to it, over one TCP connection."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self.listener.getsockname()[1]}/pi"
        self.methods, self.packets, self.description = [], 0, ""
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        self.listener.settimeout(30)
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        connection.settimeout(30)
        with connection, connection.makefile("rb") as stream:
            try:
                while first := stream.read(1):
                    if first == b"$":  # 10.12: embedded binary data: channel, length, data
                        head = stream.read(3)
                        stream.read(int.from_bytes(head[1:], "big"))
                        self.packets += 1
                    else:
                        self._answer(connection, stream, first)
            except OSError:
                return

    def _answer(self, connection, stream, first):
        head = first
        while not head.endswith(b"\r\n\r\n"):
            byte = stream.read(1)
            if not byte:
                return
            head += byte
        lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.methods.append(lines[0].split(" ")[0])
        body = stream.read(int(fields.get("content-length", "0"))).decode()
        self.description = self.description or body
        answer = f"RTSP/1.0 200 OK\r\nCSeq: {fields['cseq']}\r\nSession: 1\r\n"
        if "transport" in fields:
            answer += f"Transport: {fields['transport']}\r\n"
        connection.sendall((answer + "\r\n").encode())

    def close(self):
        self.listener.close()
        self.thread.join(40)


def test_an_rtsp_server_gets_h264(run_cli):
    server = RtspServer()
    try:
        source = "test:size=64x48,fps=25,frames=40"
        done = run_cli("run", "--source", source, "--sink", server.url, "-e", "bicubic", timeout=40)
    finally:
        server.close()
    assert done.returncode == 0, done.stderr
    assert [method for method in server.methods if method in ("ANNOUNCE", "SETUP", "RECORD", "TEARDOWN")] == [
        *("ANNOUNCE", "SETUP", "RECORD", "TEARDOWN")
    ]
    assert re.search(r"a=rtpmap:\d+ H264/90000", server.description)
    assert server.packets >= 10


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp"])
def test_a_server_that_says_nothing_does_not_stop_the_others(run_cli, scheme):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/live/pi#timeout=1"
        try:
            done = run_cli(
                *("run", "--source", "test:size=64x48,fps=25,frames=50", "--sink", url, "--sink", "null:"),
                *("-e", "bicubic"),
                timeout=15,
            )
        except subprocess.TimeoutExpired:
            pytest.fail("it hangs")
    assert done.returncode == 73
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp"])
def test_an_address_where_nobody_listens_is_one_line(port, scheme):
    sink = open_sink(f"{scheme}://127.0.0.1:{port}/live/pi#timeout=2")
    assert sink.live
    began = monotonic()
    with load_model(engine="bicubic") as upscaler:
        pipeline = Pipeline(open_source("test:size=64x48,fps=25"), upscaler, [sink])
        with pytest.raises(CannotWrite, match="cannot be reached") as raised:
            pipeline.run()
    assert monotonic() - began < SOON_S
    assert "\n" not in str(raised.value)
    assert pipeline.state().sinks[0].written == 0


def test_pictures_of_another_size_get_a_connection_of_their_own(monkeypatch):
    calls = []

    class Connections:
        """Stands for the process that speaks with a server, which there would have to be one of for each size."""

        def __init__(self, *arguments, **given):
            calls.append("connect")

        def call(self, limit_s, frame):
            calls.append("good-bye" if frame is None else frame.size)

        def close(self):
            calls.append("close")

    monkeypatch.setattr("edge_srcnn.sinks.push.Child", Connections)
    sink = open_sink("rtmp://127.0.0.1/live/pi")
    for size in ((64, 48), (64, 48), (48, 64)):
        sink.write(flat(size=size))
    sink.close()
    assert calls == [
        *("connect", (64, 48), (64, 48), "good-bye", "close"),
        *("connect", (48, 64), "good-bye", "close"),
    ]


def test_its_options_follow_a_hash():
    open_sink("rtsp://127.0.0.1/x#codec=h264&kbit=500&transport=udp&timeout=2").close()
    for text, said in (("kbit=0", "whole number"), ("transport=pigeon", "tcp, udp"), ("speed=1", "codec, kbit")):
        with pytest.raises(UsageError, match=said):
            open_sink(f"rtsp://127.0.0.1/x#{text}")
