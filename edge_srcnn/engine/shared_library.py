"""Shared libraries: loaded, or why not, in words with a cure."""

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_srcnn.errors import Unavailable

_MISSING = re.compile(r"(.+?): cannot open shared object file: No such file")
_CURES = {
    "libedgetpu.so.1": "install libedgetpu1-std: github.com/feranick/libedgetpu/releases has it for today's systems",
    "libusb-1.0.so.0": "apt install libusb-1.0-0",
}
_SIGNS = (
    (("wrong ELF class", "Exec format error"), "was built for another processor; {cure}"),
    (("version `", "undefined symbol"), "does not fit the libraries of this system; install one that was built for it"),
    (("Permission denied",), "may not be read by this user; chmod a+r"),
    (("file too short", "invalid ELF header", "cannot read file data"), "is damaged, or no shared library; {cure}"),
)
_FOLDERS = ("/usr/local/lib", "/lib", "/usr/lib")
_ELF, _CLASS, _MACHINE = b"\x7fELF", slice(4, 6), slice(18, 20)


def load_library(name: str) -> ctypes.CDLL:
    """Load a library by its name or path; ``Unavailable`` with the cause and the cure otherwise."""
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise Unavailable(f"{name}: {why_not_loaded(name, error)}") from error


def why_not_loaded(library: str, error: OSError) -> str:
    """Explain why the dynamic linker refuses ``library``, a name or a path."""
    text = " ".join(str(error).split())
    name, missing = Path(library).name, _MISSING.match(text)
    if missing and Path(missing[1]).name != name:
        needed = Path(missing[1]).name
        return f"needs {needed}, which is not there: {_CURES.get(needed, 'install the package that has it')}"
    if missing and not _foreign(library):
        return f"there is no such library; {_CURES.get(name, 'install it, or give its path')}"
    if missing:  # so the linker calls a library of the same word size
        text = "wrong ELF class"
    cure = _CURES.get(name, "install the one for this machine") + f" ({os.uname().machine})"
    for signs, said in _SIGNS:
        if any(sign in text for sign in signs):
            return said.format(cure=cure) + ("" if missing else f" ({text})")
    return f"cannot be loaded ({text})"


def _foreign(library: str) -> bool:
    """Tell whether a file of that name is there that was built for another processor."""
    ours = _made_for(Path(sys.executable))
    return any(made not in (None, ours) for made in map(_made_for, _files(library)))


def _files(library: str) -> Iterator[Path]:
    if "/" in library:
        yield Path(library)
        return
    for folder in (*os.environ.get("LD_LIBRARY_PATH", "").split(":"), *_FOLDERS):
        if folder:
            yield Path(folder, library)
            yield from Path(folder).glob(f"*-linux-*/{library}")


def _made_for(file: Path) -> bytes | None:
    """Read class, byte order and processor of an ELF file's header; None where it is none."""
    try:
        with file.open("rb") as opened:
            head = opened.read(_MACHINE.stop)
    except OSError:
        return None
    return head[_CLASS] + head[_MACHINE] if head.startswith(_ELF) else None
