"""A cluster that is reached or started by its name, and the command with it."""

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import CancelledError

import cv2
import pytest

pytest.importorskip("distributed")

from edge_srcnn.batch.cluster import connection, start
from edge_srcnn.batch.cluster.start import open_cluster
from edge_srcnn.errors import (
    BadConfiguration,
    BadData,
    NoInput,
    Unavailable,
    UsageError,
)
from tests.edge_srcnn.batch.cluster.batches import FAST, contents, pictures_in
from tests.edge_srcnn.dask_processes import ROOT, wait_for

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("local:0", UsageError, "from 1 to 1024"),
        ("local:many", UsageError, "from 1 to 1024"),
        ("host:8786", UsageError, "say tcp://host:8786"),
        ("tcp://127.0.0.1", UsageError, "missing port number"),
        ("http://127.0.0.1:80", UsageError, "unknown address scheme 'http'"),
        ("nothing.json", NoInput, "no such scheduler file"),
        (str(ROOT / "pyproject.toml"), BadData, "is no scheduler file"),
        ("tls://127.0.0.1:1", BadConfiguration, "DASK_DISTRIBUTED__COMM__TLS__CA_FILE"),
        ("tcp://127.0.0.1:1", Unavailable, "nobody listens there"),
    ],
)
def test_a_bad_name_is_told_in_one_line(name, kind, said, monkeypatch):
    monkeypatch.setattr(start, "CONNECT_S", 2.0)
    with pytest.raises(kind, match=said) as raised:
        open_cluster(name)
    assert str(raised.value).startswith(f"--dask {name}: ")
    assert "\n" not in str(raised.value)


def test_somebody_who_says_nothing_is_no_scheduler(monkeypatch):
    for module in (start, connection):
        monkeypatch.setattr(module, "CONNECT_S", 1.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(Unavailable, match="no scheduler answers within 1 s"),
    ):
        open_cluster(f"tcp://127.0.0.1:{listener.getsockname()[1]}")


@pytest.mark.parametrize(
    ("error", "at_first", "later"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), "no scheduler can be reached there", connection.GONE),
        (BrokenPipeError(32, "Broken pipe"), "no scheduler can be reached there", connection.GONE),
        (OSError("Stream is closed"), "no scheduler can be reached there", connection.GONE),
        (OSError("Timed out: [Errno 111] Connection refused"), "nobody listens there", connection.GONE),
        (TimeoutError("connect: refused"), "nobody listens there", connection.GONE),
        (CancelledError("scheduler-connection-lost"), "scheduler-connection-lost", connection.GONE),
        (TimeoutError(), "no scheduler answers within 10 s", "no scheduler answers within 10 s"),
        (ValueError("odd"), "odd", "odd"),
    ],
)
def test_whoever_was_there_is_gone(error: Exception, at_first: str, later: str) -> None:
    for lost, expected in ((None, at_first), (connection.GONE, later)):
        with pytest.raises(Unavailable) as raised, connection.mapped("tcp://host:1", lost=lost):
            raise error
        assert str(raised.value).startswith(f"--dask tcp://host:1: {expected}")


def test_a_worker_is_no_scheduler(processes):
    with open_cluster(processes.address) as cluster:
        address = next(iter(cluster.wait_for_workers()))
    with pytest.raises(Unavailable, match="is a worker of Dask, and no scheduler"):
        open_cluster(address)


def test_a_missing_library_is_told_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Unavailable, match=r"--dask local:2: Dask, .* is not installed .*\[cluster\]"):
        open_cluster("local:2")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_processes_on_this_machine_end_with_the_command_and_leave_nothing_half_written(
    tmp_path, texture, cli_environment, end
):
    pictures_in(tmp_path / "in", texture, 60, (200, 300))
    command = [sys.executable, "-m", "edge_srcnn", "upscale", "in", "-o", "out", "--dask", "local:2"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=cli_environment, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        wait_for(lambda: len(list(tmp_path.glob("out/*.png"))) > 3)
        os.killpg(running.pid, end)
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 128 + end
    assert b"Traceback" not in said
    assert not list(tmp_path.glob("out/.*"))
    for path in tmp_path.glob("out/*.png"):
        assert cv2.imread(str(path)).shape == (400, 600, 3)


def test_the_command_prints_the_same_lines_as_without_a_cluster(tmp_path, texture, run_cli, processes):
    pictures_in(tmp_path / "in", texture, 3)
    (tmp_path / "in" / "bad.jpg").write_text("no picture")
    for name, way in (("one", ()), ("many", ("--dask", processes.address))):
        done = run_cli("upscale", "in", "-o", name, "--model", FAST, *way)
        assert done.returncode == BadData.exit_code
        assert done.stderr == (
            "edge-srcnn: in/bad.jpg: not a picture that can be read\n"
            "edge-srcnn: 1 of 4 pictures failed; the others are written\n"
        )
        lines = sorted(line.partition(" (")[0] for line in done.stdout.splitlines())
        assert lines == [f"in/{n:03}.png 80x60 -> {name}/{n:03}.png 160x120" for n in range(3)]
    assert contents(tmp_path / "one") == contents(tmp_path / "many")
