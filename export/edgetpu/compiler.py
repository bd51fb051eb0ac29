"""Find ``edgetpu_compiler``, and run it within bounds; where there is none, say how to compile elsewhere.

The compiler is a closed program for x86-64 Debian and Ubuntu.
"""

import os
import platform
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_srcnn.errors import EdgeSrcnnError, NoInput
from export.edgetpu.log import CompilerLog, read_log

NAME = "edgetpu_compiler"
INSTALLATION = "https://coral.ai/docs/edgetpu/compiler"
NOTEBOOK = "https://colab.research.google.com/github/google-coral/tutorials/blob/master/compile_for_edgetpu.ipynb"
TIMEOUT_S = 600
GRACE_S = 20.0
"""What the compiler gets beyond its own time limit, before it is ended."""

_MAX_LOG_BYTES = 1 << 20
_SHELL_SIGNAL = 128  # a shell adds the signal's number to it
_STEM = "model"


class CompilationFailed(EdgeSrcnnError):
    """Report that the compiler made nothing of use.

    Parameters
    ----------
    message
        What failed, why, and what to change.
    log
        What the compiler wrote.
    """

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


@dataclass(frozen=True)
class Compiled:
    """Hold what the compiler made: the flatbuffer, its log as text, and what the log says."""

    graph: bytes
    text: str
    log: CompilerLog


def find_compiler(path: Path | None = None) -> Path | None:
    """Find the compiler at ``path`` (NoInput where it is no program), or on the PATH; None where there is none."""
    if path is None:
        found = shutil.which(NAME)
        return None if found is None else Path(found)
    if not (os.path.isfile(path) and os.access(path, os.X_OK)):
        raise NoInput(f"--compiler {path}: no executable file; name {NAME}, or a script that calls it")
    return path.resolve()


def command(model: Path | str, folder: Path | str = ".", timeout_s: int = TIMEOUT_S) -> list[str]:
    """Compose the command line that compiles a model into a folder, and prints a table of operations."""
    return [NAME, "-s", "-t", str(timeout_s), "-o", str(folder), str(model)]


def compile_graph(compiler: Path, graph: bytes, *, timeout_s: int = TIMEOUT_S, grace_s: float = GRACE_S) -> Compiled:
    """Run the compiler on a flatbuffer; it works in a folder of its own, and leaves nothing there.

    Parameters
    ----------
    compiler
        The compiler's program.
    graph
        The flatbuffer.
    timeout_s
        Seconds after which the compiler gives up by itself.
    grace_s
        Seconds beyond, after which it is ended.

    Returns
    -------
    The compiled flatbuffer, and the log.

    Raises
    ------
    CompilationFailed
        It failed, took too long, died, or wrote nothing; the message says what to change.
    """
    with tempfile.TemporaryDirectory(prefix="edgetpu-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        source, result = folder / f"{_STEM}.tflite", folder / f"{_STEM}_edgetpu.tflite"
        source.write_bytes(graph)
        arguments = [str(compiler), *command(source, folder, timeout_s)[1:]]
        status, text = _run(arguments, folder / "output.txt", timeout_s + grace_s)
        log = read_log(text)
        if status is None:
            raise CompilationFailed(
                f"{compiler.name}: no end after {timeout_s + grace_s:g} s; use a smaller --tile", text
            )
        if log.failure is not None:
            raise CompilationFailed(f"{compiler.name}: {log.failure}", text)
        number = -status if status < 0 else status - _SHELL_SIGNAL
        if 0 < number < signal.NSIG:
            raise CompilationFailed(f"{compiler.name} was ended by signal {number}; is there memory enough?", text)
        if status != 0 or not result.is_file():
            found = f"exit status {status}" if status else "no output file"
            raise CompilationFailed(f"{compiler.name} says that it succeeded, but: {found}; look at the log", text)
        return Compiled(result.read_bytes(), text, log)


def _run(arguments: list[str], output: Path, limit_s: float) -> tuple[int | None, str]:
    """Run a program and all that it starts: its exit status, or None when the time was up, and what it wrote."""
    with output.open("wb") as file:
        try:
            process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, process_group=0
            )
        except OSError as error:
            raise CompilationFailed(
                f"{arguments[0]}: cannot be started ({error.strerror}); is it for this machine?", ""
            ) from error
        status: int | None = None
        try:
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(limit_s)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    with output.open("rb") as file:
        return status, file.read(_MAX_LOG_BYTES).decode("utf-8", "replace")


def missing() -> str:
    """Say in one line why there is no compiler."""
    machine = platform.machine()
    if machine in ("x86_64", "AMD64"):
        return f"{NAME} is not on the PATH: install edgetpu-compiler, or name it with --compiler"
    return f"{NAME} does not exist for {machine}, only for x86-64: compile elsewhere, as said above"


def instructions(ready: Path, timeout_s: int = TIMEOUT_S) -> list[str]:
    """Say what to do with a file that is ready to be compiled, line by line."""
    run = shlex.join(command(ready.name, timeout_s=timeout_s))
    name = shlex.quote(ready.name)
    return [
        f"{ready} is ready to be compiled, on x86-64 Debian or Ubuntu, in a container, or in a notebook:",
        f"  command:       {run}",
        f"  Debian/Ubuntu: install edgetpu-compiler as {INSTALLATION} says",
        '  container:     docker run --rm -it --platform linux/amd64 -v "$PWD:/w" -w /w debian:12, and the same in it',
        f"  notebook:      {NOTEBOOK}",
        f"Then, here:      edge-srcnn compile {shlex.quote(str(ready))} --compiled {ready.stem}_edgetpu.tflite",
        f"Where edge-srcnn is installed beside the compiler, 'edge-srcnn compile {name}' does both.",
    ]
