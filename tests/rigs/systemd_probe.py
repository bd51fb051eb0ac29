"""What a process can do inside the service's sandbox: started by the unit itself, writes what it finds as JSON.

usage: systemd_probe.py FILE
"""

import ctypes
import json
import mmap
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEPTH = 3
NEW_USER = 0x10000000  # CLONE_NEWUSER


def refused(act: Callable[[], Any]) -> str:
    """The name of the error that an act ends in; empty when it is allowed."""
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return ""


def new_namespace() -> None:
    """Try for more rights in a user namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_USER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def writable_folders() -> list[str]:
    """Mount points, and every folder down to some depth, in which a file could be made."""
    found = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    for top, folders, _ in os.walk("/"):
        found.add(top)
        if top.count("/") >= DEPTH or top.startswith("/proc"):
            folders.clear()
    kept = (folder for folder in found if os.path.isdir(folder) and not folder.startswith("/proc"))
    return sorted(folder for folder in kept if os.access(folder, os.W_OK | os.X_OK))


def look() -> dict[str, Any]:
    """Everything that the rig wants to know."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    token = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nowhere"), "token")
    mine = Path("mine")
    mine.touch()
    return {
        "status": {key: status[key] for key in ("Uid", "NoNewPrivs", "CapEff", "CapBnd", "Seccomp")},
        "folder": os.getcwd(),
        "cache": os.environ["XDG_CACHE_HOME"],
        "token": token.read_text() if token.is_file() else None,
        "mode of a new file": oct(mine.stat().st_mode & 0o777),
        "homes": {home: sorted(os.listdir(home)) for home in ("/home", "/home/rig", "/root")},
        "writable": writable_folders(),
        "refused": {
            "a file in /usr": refused(Path("/usr/edge-srcnn-was-here").touch),
            "a file beside the configuration": refused(Path("/etc/edge-srcnn/edge-srcnn-was-here").touch),
            "a device that is not listed": refused(lambda: os.close(os.open("/dev/unlisted", os.O_WRONLY))),
            "memory both writable and executable": refused(
                lambda: mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
            ),
            "raw network packets": refused(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close)
            or refused(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
            "a user namespace": refused(new_namespace),
            "a program with its owner's rights": refused(lambda: mine.chmod(0o4755)),
            "shared memory": refused(Path("/dev/shm/edge-srcnn-was-here").touch),
        },
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(look(), indent=1))
