"""What the tests of the command line share: a process that goes on beside the test."""

import signal
import subprocess
import sys

import pytest


@pytest.fixture(autouse=True)
def usual_hangups():
    """Let a closed terminal end the processes that a test starts, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


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
