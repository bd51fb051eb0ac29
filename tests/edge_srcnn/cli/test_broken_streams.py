"""Standard streams that are closed, full or broken: what is said gets lost, and the work is done."""

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest
from PIL import Image

pytest.importorskip("av")

from tests.edge_srcnn.cli.recordings import CANNOT_WRITE, CARD, FAST, grown, wait_for
from tests.edge_srcnn.clips import decode
from tests.edge_srcnn.service.running import note

pytestmark = pytest.mark.slow

SEGMENTS = "front.mkv?segment=600&preset=ultrafast"
LIMIT_S = 60


@contextmanager
def full_disk():
    with open("/dev/full", "wb") as file:
        yield file.fileno()


@contextmanager
def reader_left():
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextmanager
def reader_asleep():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    os.close(reader)


@contextmanager
def terminal_gone():
    ours, theirs = pty.openpty()
    os.close(ours)
    yield theirs
    os.close(theirs)


BROKEN = {"full": full_disk, "no reader": reader_left, "terminal gone": terminal_gone}
STDERR = BROKEN | {"pipe full": reader_asleep}


@pytest.fixture
def run_with(tmp_path, cli_environment):
    """Start ``edge-srcnn`` with ``closed`` descriptors, and others given; it is killed in the end."""
    started = []

    def run(*arguments, closed=(), **streams):
        code = f"import os, sys; [os.close(each) for each in {closed!r}]; os.execv(sys.executable, sys.argv[1:])"
        command = [sys.executable, "-m", "edge_srcnn", *map(str, arguments)]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *command],
            cwd=tmp_path,
            env=cli_environment,
            **{name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr") if name not in streams},
            **streams,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def records(run_with, tmp_path, **streams):
    """A recording is whole, with every stream as it is."""
    process = run_with(
        *("--verbose", "run", "-i", f"{CARD},fps=max,frames=20", "-o", "out.mkv?preset=ultrafast", *FAST), **streams
    )
    assert process.wait(LIMIT_S) == 0
    assert len(decode(tmp_path / "out.mkv")) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def serves(run_with, tmp_path, **streams):
    """A service ends with 0 when it is told to, and what it recorded is whole."""
    (tmp_path / "settings").mkdir()
    file = tmp_path / "settings" / "front.toml"
    file.write_text(
        f"source = {json.dumps(CARD + ',fps=30')}\nsinks = [{json.dumps(SEGMENTS)}]\n"
        '[enhance]\nengine = "bicubic"\n[service]\nstatistics_s = 1\n'
    )
    process = run_with("run", "--config", file, **streams)
    wait_for(lambda: grown(tmp_path, 20_000), process, LIMIT_S)
    process.send_signal(signal.SIGUSR1)  # it says a lot then
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT_S) == 0
    assert len(decode(tmp_path / "front-00001.mkv")) > 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["front-00001.mkv", "settings"]


@pytest.mark.parametrize(
    ("stderr", "works"), [*((kind, records) for kind in STDERR), ("pipe full", serves), ("full", serves)]
)
def test_nobody_hears_what_is_said(run_with, tmp_path, works, stderr, record_property):
    with STDERR[stderr]() as broken:
        works(run_with, tmp_path, stderr=broken)
    what = "service" if works is serves else "recording"
    note(record_property, f"standard error: {stderr} ({what})", served_again_s=0.0, lost=0)


@pytest.mark.parametrize("works", [records, serves])
def test_closed_streams_give_their_numbers_to_no_recording(run_with, tmp_path, works):
    works(run_with, tmp_path, closed=(0, 1, 2))


@pytest.mark.parametrize("stdout", ["full", "no reader"])
def test_statistics_that_nobody_takes_are_one_line(run_with, tmp_path, stdout):
    with BROKEN[stdout]() as broken:
        process = run_with(
            *("run", "-i", f"{CARD},fps=max,frames=5", "-o", "out.mkv?preset=ultrafast", "--json", *FAST),
            stdout=broken,
            stderr=subprocess.PIPE,
        )
        _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    assert said.startswith(b"WARNING: standard output: the statistics cannot be written (")
    assert said.count(b"\n") == 1
    assert len(decode(tmp_path / "out.mkv")) == 5


def test_pictures_are_upscaled_though_nobody_reads_their_names(run_with, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 6)).save(tmp_path / "photos" / name)
    with full_disk() as stdout, terminal_gone() as stderr:
        process = run_with("upscale", "photos/", "-o", "large/", *FAST, stdout=stdout, stderr=stderr)
        assert process.wait(LIMIT_S) == 0
    assert {path.name for path in (tmp_path / "large").iterdir()} == {"a.png", "b.png"}


def test_an_answer_that_cannot_be_written_is_one_line(run_with):
    with full_disk() as full:
        process = run_with("models", "--no-time", "--json", stdout=full, stderr=subprocess.PIPE)
        _, said = process.communicate(timeout=LIMIT_S)
    assert said == b"edge-srcnn: standard output: cannot be written (No space left on device)\n"
    assert process.returncode == CANNOT_WRITE


@pytest.mark.parametrize(("option", "number"), [("--source", 0), ("--sink", 1)])
def test_data_by_a_stream_that_is_closed_is_refused(run_with, option, number):
    arguments = {"--source": "test:size=8x8,frames=2", "--sink": "null:", option: "y4m:-"}
    process = run_with("run", *sum(arguments.items(), ()), *FAST, closed=(number,), stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode not in (0, 70)
    assert said.count(b"\n") == 1
    assert b"Bad file descriptor" in said


def test_a_hangup_finishes_what_is_recorded(run_with, tmp_path, record_property):
    ours, theirs = pty.openpty()
    process = run_with("run", "-i", f"{CARD},fps=20", "-o", SEGMENTS, *FAST, stderr=theirs)
    os.close(theirs)
    wait_for(lambda: grown(tmp_path, 5_000), process, LIMIT_S)
    os.close(ours)  # the terminal is closed: its programs get SIGHUP, and EIO for what they say
    process.send_signal(signal.SIGHUP)
    assert process.wait(LIMIT_S) == 0  # as by SIGTERM
    assert len(decode(tmp_path / "front-00001.mkv")) > 0
    note(record_property, "the terminal of a plain run is closed", lost=0, remarks="recordings are finished")


@pytest.mark.parametrize("command", ["run", "upscale"])
def test_a_hangup_that_nohup_ignores_stays_ignored(run_with, tmp_path, command, texture):
    Image.fromarray(texture(400, 400, 3)).save(tmp_path / "a.png")
    arguments = {
        "run": ("run", "-i", "test:size=64x48,fps=20,frames=40", "-o", "out.mkv", *FAST),
        "upscale": ("upscale", "a.png", "-o", "large.png", *FAST),
    }
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = run_with(*arguments[command])
    finally:
        signal.signal(signal.SIGHUP, before)
    while process.poll() is None:  # at every moment of it
        process.send_signal(signal.SIGHUP)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    assert process.returncode == 0
    if command == "run":
        assert len(decode(tmp_path / "out.mkv")) == 40
