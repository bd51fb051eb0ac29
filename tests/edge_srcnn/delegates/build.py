"""Real shared libraries, compiled from the C sources beside this file."""

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
COMPILER = shutil.which("cc")
_AARCH64, _X86_64 = b"\xb7\x00", b"\x3e\x00"  # e_machine, little-endian: EM_AARCH64, EM_X86_64


def build(target: Path, source: str, *flags: str) -> Path:
    """Compile a source; its file, below a folder that is made."""
    assert COMPILER is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", target]
    subprocess.run([*command, HERE / source, *flags], check=True)
    return target


def build_without_a_needed_library(target: Path, source: str, needed: str) -> Path:
    """Compile a source, to a file that needs a library that is nowhere."""
    absent = build(target.parent / "absent" / needed, "other.c", f"-Wl,-soname,{needed}")
    build(target, source, "-Wl,--no-as-needed", str(absent))
    absent.unlink()
    return target


def for_another_processor(target: Path, library: Path) -> Path:
    """A copy whose header says that another 64-bit processor is to run it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    content = bytearray(library.read_bytes())
    content[18:20] = _X86_64 if content[18:20] == _AARCH64 else _AARCH64
    target.write_bytes(content)
    return target
