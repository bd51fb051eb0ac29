"""``edge-srcnn run`` in a process of its own: it ends when it is told to, with files finished, or with one line."""

import ctypes
import io
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from PIL import Image

av = pytest.importorskip("av")

from edge_srcnn import cli  # noqa: E402
from edge_srcnn.imaging.bicubic import upscale_bicubic  # noqa: E402
from edge_srcnn.sources import open_source  # noqa: E402
from tests.edge_srcnn.clips import decode, encode, flat, planes  # noqa: E402

USAGE, BAD_DATA, NO_INPUT, UNAVAILABLE, CANNOT_WRITE = 2, 65, 66, 69, 73  # sysexits.h, and argparse's 2
FAST = ("-e", "bicubic")
END_S = 5
CARD = "test:size=64x48"
QUICK = "out.mp4?preset=ultrafast"


@pytest.fixture
def start(tmp_path, cli_environment):
    """Start ``edge-srcnn`` in ``tmp_path`` and go on; it is killed in the end."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*arguments: object, **options) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "edge_srcnn", *map(str, arguments)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=cli_environment, **pipes))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition, process, limit_s=30.0):
    end = monotonic() + limit_s
    while not condition():
        assert process.poll() is None, process.stderr.read().decode()
        assert monotonic() < end, "waited too long"
        sleep(0.02)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def partial(folder: Path) -> Path | None:
    return next((path for path in folder.iterdir() if ".part" in path.name), None)


def grown(folder: Path, size: int) -> bool:
    path = partial(folder)
    return path is not None and path.stat().st_size >= size


# ---- to the end


def test_statistics_as_one_json_document(run_cli):
    done = run_cli("run", "-i", f"{CARD},fps=max,frames=40", "-o", "null:", "--sink", "null:", "--json", *FAST)
    assert (done.returncode, done.stderr) == (0, "")
    state = json.loads(done.stdout)
    assert (state["frames_in"], state["frames_out"], state["dropped"]) == (40, 40, 0)
    assert (state["size_in"], state["size_out"], state["enhanced_share"]) == ([64, 48], [128, 96], 1.0)
    assert [(sink["name"], sink["written"], sink["dropped"], sink["error"]) for sink in state["sinks"]] == [
        ("null:", 40, 0, None)
    ] * 2
    for name in ("enhance", "latency"):
        times = state[name]
        assert 0 < times["median_ms"] <= times["p95_ms"] <= times["p99_ms"]
    assert state["running_s"] > 0


def test_statistics_tell_what_was_done_before_an_error(run_cli, tmp_path):
    (tmp_path / "mine.mp4").touch()
    sinks = ("--sink", "null:", "--sink", "mine.mp4/out.mp4")
    done = run_cli("run", "-i", f"{CARD},fps=max,frames=40", *sinks, "--json", *FAST)
    assert done.returncode == 73
    state = json.loads(done.stdout)
    assert [sink["written"] for sink in state["sinks"]] == [40, 0]
    assert "mine.mp4" in state["sinks"][1]["error"]
    assert state["engine"] == "bicubic"


def test_without_json_statistics_are_for_people(run_cli):
    done = run_cli("run", "--source", f"{CARD},fps=max,frames=40", "--sink", "null:", *FAST)
    assert (done.returncode, done.stdout) == (0, "")
    assert "64x48 -> 128x96  40 frames" in done.stderr
    assert "null: 40 frames, 0 missed" in done.stderr.replace("::", ":")


def test_a_video_goes_through_and_is_whole(run_cli, tmp_path):
    encode(tmp_path / "in.mp4", [flat((20 + 5 * n, 100, 150), 48, 64) for n in range(30)], audio_s=1.2)
    done = run_cli("run", "--source", "in.mp4", "--sink", f"{QUICK}&crf=1", "--sink", "pictures/?format=png", *FAST)
    assert done.returncode == 0, done.stderr
    frames = decode(tmp_path / "out.mp4")
    assert [round((int(planes(frame)[0][0, 0]) - 20) / 5) for frame in frames] == list(range(30))
    assert len(files(tmp_path / "pictures")) == 30
    assert files(tmp_path) - files(tmp_path / "pictures") == {"in.mp4", "out.mp4"}


def test_a_folder_of_pictures_becomes_a_video(run_cli, tmp_path):
    (tmp_path / "photos").mkdir()
    for level in range(5):
        Image.new("RGB", (64, 48), (50 * level,) * 3).save(tmp_path / "photos" / f"{level}.png")
    done = run_cli("run", "--source", "photos/?fps=10", "--sink", f"{QUICK}&crf=1", *FAST)
    assert done.returncode == 0, done.stderr
    frames = decode(tmp_path / "out.mp4")
    assert [round(int(planes(frame)[0][0, 0]) / 50) for frame in frames] == [0, 1, 2, 3, 4]


def test_a_region_is_told_by_its_share(run_cli):
    source = f"{CARD},fps=max,frames=3"
    done = run_cli("run", "-i", source, "-o", "null:", "--roi", "8,4,32,24", "--json", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["enhanced_share"] == pytest.approx(32 * 24 / (64 * 48))


def test_a_rate_is_kept_by_enhancing_less(run_cli):
    # nothing enhances 1280x960 at 1000 frames a second on these machines
    source = "test:size=640x480,fps=max,frames=8"
    done = run_cli("run", "-i", source, "-o", "null:", "--keep-fps", "1000", "--json")
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    assert 0.01 < state["enhanced_share"] < 1
    assert state["frames_out"] == 8


def test_it_stops_after_so_many_seconds_with_files_finished(run_cli, tmp_path):
    began = monotonic()
    done = run_cli("run", "--source", f"{CARD},fps=20", "--sink", QUICK, "--seconds", "1.5", "--json", *FAST)
    assert monotonic() - began < 1.5 + 15
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    assert 1.5 <= state["running_s"] < 1.5 + END_S
    assert len(decode(tmp_path / "out.mp4")) == state["sinks"][0]["written"] == state["frames_out"]
    assert 15 <= state["frames_out"] + state["dropped"] <= 20 * 1.5 + 10
    assert files(tmp_path) == {"out.mp4"}


# ---- pipes


def y4m_frames(data: bytes):
    """Header words, and the planes of each frame (4:2:0)."""
    header, _, rest = data.partition(b"\n")
    words = header.decode().split(" ")
    width, height = (int(next(w[1:] for w in words if w[0] == letter)) for letter in "WH")
    shapes = ((height, width), (-(-height // 2), -(-width // 2)), (-(-height // 2), -(-width // 2)))
    frames = []
    while rest:
        assert rest.startswith(b"FRAME\n")
        rest, own = rest[6:], []
        for shape in shapes:
            size = shape[0] * shape[1]
            own.append(np.frombuffer(rest[:size], np.uint8).reshape(shape))
            rest = rest[size:]
        frames.append(own)
    return words, frames


def test_standard_output_is_y4m_and_nothing_else(start):
    process = start("run", "--source", "test:size=63x47,fps=max,frames=12", "--sink", "y4m:-", *FAST)
    data, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    words, frames = y4m_frames(data)
    assert words[0] == "YUV4MPEG2"
    assert {"W126", "H94", "C420jpeg", "F15:1", "XCOLORRANGE=FULL"} <= set(words)
    expected = [frame.luma for frame in open_source("test:size=63x47,fps=max,frames=12")]
    assert len(frames) == 12
    for (luma, *_), source in zip(frames, expected, strict=True):
        assert (luma == upscale_bicubic(source, 2)).all()


@pytest.mark.parametrize("way", ["standard streams", "fifo"])
def test_two_of_them_in_a_row_lose_no_frame(start, tmp_path, way):
    source = f"{CARD},fps=max,frames=40"
    if way == "fifo":
        os.mkfifo(tmp_path / "pipe")
        second = start("run", "--source", "y4m:pipe?timeout=20", "--sink", "null:", "--json", *FAST)
        first = start("run", "--source", source, "--sink", "y4m:pipe", *FAST)
    else:
        first = start("run", "--source", source, "--sink", "y4m:-", *FAST)
        second = start(*("run", "--source", "y4m:-?timeout=20", "--sink", "null:", "--json", *FAST), stdin=first.stdout)
        first.stdout.close()  # so that the first one notices when the second one ends
        first.stdout = None
    data, error = second.communicate(timeout=60)
    assert second.returncode == 0, error
    assert first.wait(30) == 0
    state = json.loads(data)
    assert (state["frames_in"], state["frames_out"], state["dropped"]) == (40, 40, 0)
    assert (state["size_in"], state["size_out"]) == ([128, 96], [256, 192])


def test_a_reader_that_goes_away_is_one_line(start):
    process = start("run", "--source", f"{CARD},fps=max", "--sink", "y4m:-", *FAST)
    assert len(process.stdout.read(1000)) == 1000
    process.stdout.close()
    assert process.wait(30) == CANNOT_WRITE
    error = process.stderr.read().decode()
    assert "the program that reads it is gone" in error
    assert error.count("\n") == 1
    process.stdout = None


def test_a_fifo_that_nobody_writes_to_is_lost_in_time(run_cli, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    began = monotonic()
    done = run_cli("run", "--source", "y4m:pipe?timeout=0.5", "--sink", QUICK, *FAST)
    assert monotonic() - began < 15
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (UNAVAILABLE, "", 1)
    assert files(tmp_path) == set()


def test_nothing_on_standard_input_is_one_line(run_cli):
    done = run_cli(
        "run", "--source", "y4m:-?timeout=0.5", "--sink", "null:", *FAST, stdin=subprocess.DEVNULL, timeout=30
    )
    assert done.returncode in (BAD_DATA, UNAVAILABLE)
    assert done.stderr.count("\n") == 1


# ---- signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("source", [f"{CARD},fps=20", f"{CARD},fps=max"], ids=["camera", "file"])
def test_a_signal_ends_it_soon_with_files_finished(start, tmp_path, number, source):
    process = start(
        *("run", "--source", source, "--sink", QUICK, "--sink", "part.mkv?segment=1&preset=ultrafast", "--json", *FAST)
    )
    wait_for(lambda: partial(tmp_path) is not None, process)
    sleep(0.5)
    began = monotonic()
    process.send_signal(number)
    data, error = process.communicate(timeout=60)
    assert monotonic() - began < END_S
    assert (process.returncode, error) == (0, b"")
    state = json.loads(data)
    assert len(decode(tmp_path / "out.mp4")) == state["sinks"][0]["written"] > 0
    segments = sorted(tmp_path.glob("part-*.mkv"))
    assert sum(len(decode(path)) for path in segments) == state["sinks"][1]["written"]
    assert partial(tmp_path) is None


def test_two_signals_are_as_good_as_one(start, tmp_path):
    process = start("run", "--source", f"{CARD},fps=20", "--sink", QUICK, *FAST)
    wait_for(lambda: partial(tmp_path) is not None, process)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
    assert process.wait(END_S + 10) == 0
    assert len(decode(tmp_path / "out.mp4")) > 0


def test_a_signal_ends_it_while_it_waits_for_a_pipe(start, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = start("run", "--source", "y4m:pipe?timeout=100", "--sink", QUICK, *FAST)
    with open(tmp_path / "pipe", "wb", buffering=0) as writer:
        planes_of_frame = b"".join(plane.tobytes() for plane in flat((90, 100, 110), 48, 64))
        writer.write(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n" + (b"FRAME\n" + planes_of_frame) * 30)
        wait_for(lambda: partial(tmp_path) is not None, process)
        began = monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert monotonic() - began < END_S
    assert 1 <= len(decode(tmp_path / "out.mp4")) <= 30


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_was_recorded_until_it_was_killed_can_be_played(start, tmp_path, suffix):
    process = start("run", "--source", "test:size=160x120,fps=max", "--sink", f"out.{suffix}?preset=ultrafast", *FAST)
    wait_for(lambda: grown(tmp_path, 300_000), process)
    process.kill()
    process.wait(30)
    left = partial(tmp_path)
    assert left is not None
    assert files(tmp_path) == {left.name}
    frames = []
    with av.open(str(left)) as container, suppress(av.FFmpegError):  # its end may be cut off within a frame
        for frame in container.decode(video=0):
            frames.append(frame)
    assert len(frames) >= 15
    times = [frame.time for frame in frames]
    assert np.diff(times) == pytest.approx(1 / 15, abs=2e-3)  # none is missing in between
    assert {(frame.width, frame.height) for frame in frames} == {(320, 240)}


def test_what_was_killed_does_not_keep_the_next_one_from_recording(start, run_cli, tmp_path):
    process = start("run", "--source", "test:size=160x120,fps=max", "--sink", QUICK, *FAST)
    wait_for(lambda: grown(tmp_path, 100_000), process)
    process.kill()
    process.wait(30)
    done = run_cli("run", "--source", f"{CARD},fps=max,frames=20", "--sink", QUICK, *FAST)
    assert done.returncode == 0, done.stderr
    assert len(decode(tmp_path / "out.mp4")) == 20


# ---- sources and sinks that break off


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


def test_segments_keep_to_their_number(run_cli, tmp_path):
    # 15 frames a second
    done = run_cli("run", "--source", f"{CARD},fps=max,frames=70", "--sink", f"{QUICK}&segment=1&keep=2", *FAST)
    assert done.returncode == 0, done.stderr
    left = sorted(tmp_path.iterdir())
    assert len(left) == 2
    # 15, 15, 15, 15 and 10 frames
    assert sorted(len(decode(path)) for path in left) == [10, 15]


# ---- what makes no sense


@pytest.fixture
def fails(tmp_path, monkeypatch, capfd):
    """Run ``edge-srcnn run``, in this process, which must fail with a status, one line, and no new file."""
    monkeypatch.chdir(tmp_path)

    def check(*arguments: object, status: int) -> str:
        before = files(tmp_path)
        monkeypatch.setattr(sys, "argv", ["edge-srcnn", "run", *map(str, arguments), *FAST])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, error = capfd.readouterr()
        assert (ended.value.code, out) == (status, ""), error
        assert error.startswith("edge-srcnn: ")
        assert error.count("\n") == 1
        assert "bug of ours" not in error
        assert files(tmp_path) == before
        return error

    return check


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        ("none.mp4", NO_INPUT, "none.mp4: there is no such file"),
        ("none/", NO_INPUT, "none"),
        ("empty/", NO_INPUT, "no picture"),
        ("none*.png", NO_INPUT, "no picture"),
        ("y4m:none", NO_INPUT, "none"),
        ("text.mp4", BAD_DATA, "text.mp4"),
        ("nothing.mp4", BAD_DATA, "nothing.mp4"),
        ("y4m:text.mp4", BAD_DATA, "text.mp4"),
        ("webcam:0", USAGE, "no source is called 'webcam'"),
        ("test:size=0x0", USAGE, "640x480"),
        ("test:colour=red", USAGE, "size, fps, frames"),
        ("text.mp4?fps=x", USAGE, "timeout, transport"),
        ("", USAGE, "empty"),
        ("http://127.0.0.1:1/x", UNAVAILABLE, "127.0.0.1"),
        ("rtsp://127.0.0.1:1/x", UNAVAILABLE, "127.0.0.1"),
    ],
)
def test_sources_that_are_none(fails, tmp_path, source, status, said):
    (tmp_path / "text.mp4").write_text("This is no video.\n" * 100)
    (tmp_path / "nothing.mp4").touch()
    (tmp_path / "empty").mkdir()
    assert said in fails("--source", source, "--sink", "null:", status=status)


@pytest.mark.parametrize(
    ("sink", "status", "said"),
    [
        ("screen:", USAGE, "no sink is called 'screen'"),
        ("out.webm", USAGE, ".mp4"),
        ("out.mp4?crf=x", USAGE, "whole number"),
        ("out.mp4?keep=2", USAGE, "segment"),
        ("mine.mp4", CANNOT_WRITE, "overwrite"),
        ("mine.mp4/out.mp4", CANNOT_WRITE, "mine.mp4"),
        ("mine.mp4/pictures/", CANNOT_WRITE, "mine.mp4"),
        ("y4m:none/out.y4m", CANNOT_WRITE, "none/out.y4m"),
        ("y4m:mine.mp4", CANNOT_WRITE, "mine.mp4"),
        ("", USAGE, "empty"),
    ],
)
def test_sinks_that_are_none(fails, tmp_path, sink, status, said):
    (tmp_path / "mine.mp4").write_text("mine")
    assert said in fails("--source", f"{CARD},fps=max,frames=3", "--sink", sink, status=status)
    assert (tmp_path / "mine.mp4").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--roi", "1,2,3"), "left,top,width,height"),
        (("--roi", "a,b,c,d"), "left,top,width,height"),
        (("--roi", "-1,0,5,5"), "left,top,width,height"),
        (("--roi", "0,0,0,5"), "1 or more"),
        (("--roi", "64,0,5,5"), "64x48"),
        (("--keep-fps", "fast"), "frames a second"),
        (("--keep-fps", "0"), "frames a second"),
        (("--keep-fps", "15", "--roi", "0,0,5,5"), "one of the two"),
        (("--scale", "7"), "scale 7"),
        (("--tile", "0x0"), "tile"),
        (("--json", "--sink", "y4m:-"), "standard output"),
        (("--json", "--sink", "y4m:"), "standard output"),
    ],
)
def test_options_that_make_no_sense(fails, options, said):
    assert said in fails("--source", f"{CARD},fps=max,frames=3", "--sink", "null:", *options, status=USAGE)


def test_a_sink_that_cannot_be_opened_leaves_no_trace_of_the_others(fails, tmp_path):
    fails("--source", CARD, "--sink", "out.mp4", "--sink", "null:", "--sink", "screen:", status=USAGE)
    assert list(tmp_path.iterdir()) == []


def without_override() -> None:
    """Take from root, in this process and those it starts, the right to read and write what the mode forbids."""
    if os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def test_a_video_that_may_not_be_read(run_cli, tmp_path):
    encode(tmp_path / "in.mp4", [flat((90, 100, 110), 48, 64)]).chmod(0)
    done = run_cli("run", "--source", "in.mp4", "--sink", "null:", *FAST, preexec_fn=without_override)
    assert (done.returncode, done.stderr.count("\n")) == (NO_INPUT, 1), done.stderr
    assert "Permission denied" in done.stderr


def test_a_folder_that_may_not_be_written(run_cli, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    source = f"{CARD},fps=max,frames=3"
    for sink in ("locked/out.mp4", "locked/pictures/"):
        done = run_cli("run", "--source", source, "--sink", sink, *FAST, preexec_fn=without_override)
        assert done.returncode == CANNOT_WRITE, done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert "Permission denied" in done.stderr


# ---- ``upscale`` of videos


def test_upscale_tells_of_a_video_in_one_line(run_cli, tmp_path):
    encode(tmp_path / "in.mp4", [flat((90, 100, 110), 48, 64)] * 5)
    done = run_cli("upscale", "in.mp4", "-o", "out.mp4", *FAST)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("in.mp4 64x48 -> out.mp4 128x96")
    assert done.stdout.count("\n") == 1


def test_upscale_of_a_video_that_was_cut_off_is_one_line_and_leaves_nothing_behind(run_cli, tmp_path):
    path = encode(tmp_path / "in.mp4", [flat((20 + n, 100, 110), 48, 64) for n in range(50)])
    path.write_bytes(path.read_bytes()[:-700])  # into the index, which is at the end
    done = run_cli("upscale", "in.mp4", "-o", "out.mp4", *FAST)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (BAD_DATA, "", 1), done.stderr
    assert files(tmp_path) == {"in.mp4"}


def test_upscale_that_is_interrupted_leaves_nothing_behind(start, tmp_path):
    encode(tmp_path / "in.mp4", (flat((20 + n % 200, 100, 110), 240, 320) for n in range(1500)))
    process = start("upscale", "in.mp4", "-o", "out.mp4", *FAST)
    wait_for(lambda: partial(tmp_path) is not None, process)
    process.send_signal(signal.SIGINT)
    began = monotonic()
    _, error = process.communicate(timeout=60)
    assert monotonic() - began < 15
    assert process.returncode != 0
    assert b"Traceback" not in error
    assert files(tmp_path) == {"in.mp4"}
