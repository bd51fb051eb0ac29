"""How to compile on another machine: the compiler is a closed program for x86-64 Debian and Ubuntu."""

import platform
import shlex
from pathlib import Path

from export.edgetpu.compiler import NAME, TIMEOUT_S, command

NOTEBOOK = "https://colab.research.google.com/github/google-coral/tutorials/blob/master/compile_for_edgetpu.ipynb"
INSTALLATION = "https://coral.ai/docs/edgetpu/compiler"


def missing() -> str:
    """Why there is no compiler, in one line."""
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
