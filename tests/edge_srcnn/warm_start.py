"""Start ``edge-srcnn`` by forking a process that has imported what commands import: a tenth of the time of a start.

What it starts is a process of its own, with its own arguments, folder, environment and standard streams; it runs
``python -m edge_srcnn`` from the beginning. What imports are like is not seen there: tests of that start anew.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

PACKAGES = (
    *("numpy", "cv2", "PIL.Image", "typer._adapters", "rich.progress", "pydantic.json_schema", "tflite", "tifffile"),
    *("aiohttp", "av", "ai_edge_litert.interpreter", "simplejpeg", "requests", "tomllib"),
)
OWN = ("edge_srcnn.cli.upscale", "edge_srcnn.cli.run", "edge_srcnn.batch.jobs", "edge_srcnn.batch.work")
MOST_BYTES = 1 << 20

READ_LATE = ("EDGE_SRCNN_", "XDG_CACHE_HOME", "COLUMNS", "PYTHONPATH")
"""What names of variables begin with that nothing reads when it is imported, or that a warm start takes as well."""


class WarmStart:
    """Start commands that inherit the imports of one process, which ends with this one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-W", "ignore", "-m", __name__, str(theirs.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=dict(environment))
        theirs.close()

    def __enter__(self) -> "WarmStart":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ours.close()
        self._process.wait(10)

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end; ``subprocess.TimeoutExpired``, after it was killed, where it takes too long."""
        request = json.dumps({"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)})
        told, tells = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # two answers never run together
        with TemporaryFile() as out, TemporaryFile() as err, open(os.devnull) as nothing, told:
            with tells:
                fds = [nothing.fileno(), out.fileno(), err.fileno(), tells.fileno()]
                socket.send_fds(self._ours, [request.encode(errors="surrogateescape")], fds)
            pid = int(told.recv(32))
            told.settimeout(timeout)
            try:
                status = int(told.recv(32))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), timeout) from None
            texts = [_content(file.fileno()) for file in (out, err)]
        return subprocess.CompletedProcess(list(arguments), status, *texts)


def run_command(
    warm: WarmStart,
    folder: Path,
    environment: Mapping[str, str],
    arguments: Sequence[str],
    *,
    extra_env: Mapping[str, str] | None = None,
    timeout: float = 120,
    **options: Any,
) -> "subprocess.CompletedProcess[str]":
    """Run ``edge-srcnn`` to its end in a process of its own; one that starts anew where it is to be special."""
    full = {**environment, **(extra_env or {})}
    if not options and all(name.startswith(READ_LATE) for name in extra_env or ()):
        return warm.run(arguments, folder, full, timeout)
    return subprocess.run(
        [sys.executable, "-m", "edge_srcnn", *arguments],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=timeout,
        cwd=folder,
        env=full,
        **options,
    )


def _content(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, encoding="utf-8", errors="surrogateescape", closefd=False) as file:
        return file.read()


def serve(requests: socket.socket) -> dict[str, Any] | None:
    """Fork a process for each request, which returns it there; None when nobody is left who asks."""
    while True:
        data, fds, _, _ = socket.recv_fds(requests, MOST_BYTES, 4)
        if not data:
            return None
        if os.fork() == 0:
            break
        for fd in fds:
            os.close(fd)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    requests.close()
    tells = socket.socket(fileno=fds.pop())
    if pid := os.fork():
        for fd in (*fds, 0, 1, 2):  # nobody is to wait for these
            os.close(fd)
        tells.send(str(pid).encode())
        tells.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
        os._exit(0)
    tells.close()
    for fd, standard in zip(fds, (0, 1, 2), strict=True):
        os.dup2(fd, standard)
        os.close(fd)
    request: dict[str, Any] = json.loads(data.decode(errors="surrogateescape"))
    return request


def run_main(request: dict[str, Any]) -> int:
    """Do what ``python -m edge_srcnn`` does; its exit status."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]
    folders = request["environment"].get("PYTHONPATH", "").split(os.pathsep)
    if added := [folder for folder in folders if folder and folder not in sys.path]:
        sys.path[:0] = added
        sys.modules.pop("sitecustomize", None)
        with suppress(ModuleNotFoundError):
            import_module("sitecustomize")  # as at every start
    try:
        runpy.run_module("edge_srcnn", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    for name in (*PACKAGES, *OWN):
        with suppress(ImportError):  # some are optional
            import_module(name)
    gc.freeze()
    wanted = serve(socket.socket(fileno=int(sys.argv[1])))
    if wanted is not None:
        status = run_main(wanted)
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as at every exit
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # to take down what was imported takes longer than most commands
