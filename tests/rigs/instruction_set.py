"""Copies of an environment's libraries in which each ``cpuid`` is a trap, and the /proc/cpuinfo of an older processor.

Run by instruction_set.sh: what is to be mounted stands in ``mounts.<kind>``, one line a file: copy, tab, original.
"""

import mmap
import re
import subprocess
import sys
from pathlib import Path

CPUID, TRAP = b"\x0f\xa2", b"\xcc\x90"  # int3, nop: as long
NEWER = re.compile(r"(avx512|avx_vnni|avx_ifma|avx_ne_convert|avx10|amx_|gfni|vaes|vpclmulqdq)\w*")
SKYLAKE = {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"}
PAGE = 4096


def cpuinfo(kind: str) -> str:
    """/proc/cpuinfo without the features that came later."""

    def older(line: str) -> str:
        kept = SKYLAKE if kind == "skylake" else set()
        words = line.split(" ")
        return " ".join(word for word in words if word in kept or not NEWER.fullmatch(word))

    text = Path("/proc/cpuinfo").read_text()
    return re.sub(r"(?m)^flags\t.*$", lambda match: older(match.group()), text)


def places(library: Path) -> list[int]:
    """Offsets in the file of the instructions ``cpuid``: not of other instructions that hold its two bytes."""
    with subprocess.Popen(["objdump", "-d", library], stdout=subprocess.PIPE) as listing:
        grep = ["grep", "-P", r"\tcpuid *$"]
        found = subprocess.run(grep, stdin=listing.stdout, capture_output=True, text=True).stdout
    if listing.returncode:
        raise SystemExit(f"objdump cannot read {library}")
    addresses = [int(line.split(":")[0], 16) for line in found.splitlines()]
    if not addresses:
        return []
    headers = subprocess.run(["objdump", "-h", "-w", library], capture_output=True, text=True, check=True).stdout
    offsets = []
    for line in headers.splitlines():
        fields = line.split()
        if len(fields) > 6 and "CODE" in line:
            size, address, offset = int(fields[2], 16), int(fields[3], 16), int(fields[5], 16)
            offsets += [at - address + offset for at in addresses if address <= at < address + size]
    return offsets


def patched(library: Path, copy: Path) -> bool:
    """Write the copy, unless it is there; False where the library asks no processor."""
    none = copy.with_name(copy.name + ".none")
    stamp = library.stat().st_mtime
    for made in (copy, none):
        if made.exists() and made.stat().st_mtime > stamp:
            return made == copy
    copy.parent.mkdir(parents=True, exist_ok=True)
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        offsets = places(library) if data.find(CPUID) >= 0 else []
        if not offsets:
            none.touch()
            return False
        if any(data[at : at + 2] != CPUID for at in offsets):
            raise SystemExit(f"{library}: not where objdump says")
    part = copy.with_name(copy.name + ".part")
    subprocess.run(["cp", "--reflink=auto", "--", library, part], check=True)
    with part.open("r+b") as file:
        for at in offsets:
            file.seek(at)
            file.write(TRAP)
    part.rename(copy)
    return True


def main(kind: str, environment: Path, work: Path) -> None:
    """Write ``cpuinfo.<kind>`` and ``mounts.<kind>`` into the folder; whoever has the old ones open keeps them."""
    mounts = [(work / f"cpuinfo.{kind}", Path("/proc/cpuinfo"))]
    for library in sorted(environment.glob("lib/python*/site-packages/**/*.so*")):
        if library.is_symlink() or library.stat().st_size < PAGE:  # loaders of a page's size
            continue
        copy = work / "libraries" / library.relative_to(environment)
        if patched(library, copy):
            mounts.append((copy, library))
    lines = "".join(f"{copy}\t{original}\n" for copy, original in mounts)
    for name, text in (("cpuinfo", cpuinfo(kind)), ("mounts", lines)):
        part = work / f"{name}.{kind}.part"
        part.write_text(text)
        part.rename(work / f"{name}.{kind}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
