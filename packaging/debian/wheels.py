"""Lay out the wheels of the lock file for several CPythons in one tree, without what a device never reads."""

import filecmp
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28")
GLIBC = "2.28"
"""The newest C library that a wheel of those platforms asks for."""

SYSTEM_LIBRARIES = {
    "libc6": r"(libc|libm|libmvec|libdl|librt|libpthread|libutil|libresolv|ld-linux-[a-z0-9-]+)\.so\.[0-9]",
    "libgcc-s1": r"libgcc_s\.so\.1",
    "libstdc++6": r"libstdc\+\+\.so\.6",
    "zlib1g": r"libz\.so\.1",
}
"""Debian's packages of what wheels do not bring, and the names of their libraries."""

SHARED = "python3"
NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")
PTH = "edge-srcnn-shared.pth"


@dataclass(frozen=True)
class Interpreter:
    """A CPython of this machine, for which wheels are taken and modules compiled.

    Attributes
    ----------
    version
        ``3.11``.
    path
        Its program.
    """

    version: str
    path: str


def find_interpreter(version: str) -> Interpreter:
    """Find a CPython that runs: on the path, or of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python{version}")
    for candidate in (shutil.which(f"python{version}"), *map(str, pyenv)):
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return Interpreter(version, candidate)
    sys.exit(f"make deb: no CPython {version} here, which compiles for its Debian; or DEB_PYTHONS=3.11 for one alone")


def install(interpreter: Interpreter, machine: str, folder: Path, arguments: Sequence[str]) -> None:
    """Unpack wheels for a CPython and a processor into a folder; pip runs in that CPython, for the lock's markers."""
    abis = [word for abi in (f"cp{interpreter.version.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
    platforms = [word for each in PLATFORMS for word in ("--platform", f"{each}_{machine}")]
    pip = [sys.executable, "-m", "pip", "--python", interpreter.path, "--quiet", "--disable-pip-version-check"]
    wheels = ["--only-binary=:all:", "--implementation", "cp", "--python-version", interpreter.version]
    target = ["--no-deps", "--no-compile", "--target", str(folder)]
    subprocess.run([*pip, "install", *wheels, *abis, *platforms, *target, *arguments], check=True)


def prune(folder: Path, patterns: Iterable[str]) -> None:
    """Remove what matches."""
    for path in [path for pattern in patterns for path in folder.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def merge(folders: dict[str, Path], lib: Path) -> None:
    """Lay projects that agree between CPythons into one folder, which each of their own folders names.

    Parameters
    ----------
    folders
        By version, what ``install`` made.
    lib
        Gets ``python3/site-packages``, and ``python3.11/site-packages`` and its like.
    """
    versions = list(folders)
    projects = {version: projects_of(folder) for version, folder in folders.items()}
    shared = lib / SHARED / "site-packages"
    first = versions[0]
    agreed = {
        project
        for project, names in projects[first].items()
        if all(_agree(folders[first], folders[other], names, projects[other].get(project, ())) for other in versions)
    }
    for version, folder in folders.items():
        own = lib / f"python{version}" / "site-packages"
        own.mkdir(parents=True)
        (own / PTH).write_text(f"../../{SHARED}/site-packages\n")
        for project, names in projects[version].items():
            for name in names:
                if (folder / name).exists():  # two projects may share a folder
                    _take(folder / name, (shared if project in agreed else own) / name)


def projects_of(folder: Path) -> dict[str, tuple[str, ...]]:
    """List the entries of a folder that each project brings: by its RECORD's first words."""
    found = {}
    for facts in sorted(folder.glob("*.dist-info")):
        record = (facts / "RECORD").read_text().splitlines()
        tops = {line.partition(",")[0].strip('"').partition("/")[0] for line in record}
        found[facts.name.partition("-")[0]] = tuple(
            sorted(top for top in tops - {"..", "bin"} if (folder / top).exists())
        )
    return found


def system_packages(folder: Path) -> set[str]:
    """List Debian's packages that bring what the libraries in a folder need; exits where one is unknown."""
    libraries = [path for path in folder.rglob("*") if path.is_file() and ".so" in path.name and not path.is_symlink()]
    here = {path.name for path in libraries}
    needed = set()
    for start in range(0, len(libraries), 200):
        told = subprocess.run(
            ["readelf", "-d", *map(str, libraries[start : start + 200])], capture_output=True, text=True
        )
        needed |= set(NEEDED.findall(told.stdout))
    found, unknown = set(), set()
    for name in needed - here:
        package = next((each for each, names in SYSTEM_LIBRARIES.items() if re.fullmatch(names, name)), None)
        if package:
            found.add(package)
        else:
            unknown.add(name)
    if unknown:
        sys.exit(f"make deb: no package is known for {', '.join(sorted(unknown))}; add it to SYSTEM_LIBRARIES")
    return found


def _files(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    for name in names:
        path = folder / name
        yield from (
            each.relative_to(folder) for each in ((path,) if path.is_file() else path.rglob("*")) if each.is_file()
        )


def _agree(folder: Path, other: Path, names: Sequence[str], there: Sequence[str]) -> bool:
    """Tell whether a project is the same for two CPythons: what both have is equal, descriptions of wheels apart."""
    if tuple(names) != tuple(there):
        return False
    both = [path for path in _files(folder, names) if (other / path).is_file() and path.name not in ("WHEEL", "RECORD")]
    described = (path for path in both if ".dist-info/" not in str(path) or path.name == "METADATA")
    return all(filecmp.cmp(folder / path, other / path, shallow=False) for path in described)


def _take(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and target.is_dir():
        for each in source.iterdir():
            _take(each, target / each.name)
    else:
        source.replace(target)
