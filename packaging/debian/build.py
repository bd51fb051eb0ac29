"""Build edge-srcnn_VERSION_ARCHITECTURE.deb: an own Python environment, units, man pages, completion.

One package serves Debian 12 (CPython 3.11) and Debian 13 (3.13): compiled modules of both lie side by side, and the
environment's ``python3`` is the system's, which finds its own. So the service goes on after an upgrade of Debian.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import wheels

sys.path.insert(0, str(Path(__file__).parent.parent))
import completion
import manual

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
HOME = "usr/lib/edge-srcnn"
"""Not /opt, as an environment by hand has it: Debian's policy leaves that to others, and both can be there."""

SHIPPED = {
    "systemd/edge-srcnn@.service": "usr/lib/systemd/system/edge-srcnn@.service",
    "systemd/edge-srcnn.sysusers": "usr/lib/sysusers.d/edge-srcnn.conf",
    "systemd/edge-srcnn.tmpfiles": "usr/lib/tmpfiles.d/edge-srcnn.conf",
    "systemd/60-edge-srcnn-coral.rules": "usr/lib/udev/rules.d/60-edge-srcnn-coral.rules",
    "systemd/edge-srcnn.toml": "etc/edge-srcnn/example.toml",
    "packaging/debian/lintian-overrides": "usr/share/lintian/overrides/edge-srcnn",
}
WRITTEN = "# Written by 'edge-srcnn service install'. Put changes"
PYVENV = "home = /usr/bin\ninclude-system-site-packages = true\nversion = {version}\n"
COMMAND = """#!/usr/lib/edge-srcnn/bin/python3 -I
import sys

from edge_srcnn.cli import main

sys.exit(main())
"""


def main() -> None:
    """Read the command line, and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("architectures", nargs="*", default=list(MACHINES), metavar="ARCHITECTURE", help="amd64, arm64")
    parser.add_argument("--pythons", default="3.11 3.13", help="CPythons to serve (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder of the packages")
    parser.add_argument("--fast", action="store_true", help="compress little: for a try")
    given = parser.parse_args()
    interpreters = [wheels.find_interpreter(version) for version in given.pythons.split()]
    given.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edge-srcnn-deb-") as folder:
        wheel = Path(folder, "wheel")
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--wheel-dir", str(wheel), str(ROOT)], check=True)
        for architecture in given.architectures:
            work = Path(folder, architecture)
            needed = lay_out(
                work / "root", work / "wheels", interpreters, MACHINES[architecture], next(wheel.iterdir())
            )
            print(build(work / "root", architecture, interpreters, needed, given.output, fast=given.fast))
            shutil.rmtree(work)


def lay_out(root: Path, work: Path, interpreters: list[wheels.Interpreter], machine: str, wheel: Path) -> set[str]:
    """Lay out the package's files below ``root``; gives Debian's packages that its libraries need."""
    home = root / HOME
    folders = {each.version: work / each.version for each in interpreters}
    for each in interpreters:
        lock = ["--require-hashes", "-r", str(ROOT / "requirements/runtime.txt")]
        wheels.install(each, machine, folders[each.version], lock)
        wheels.install(each, machine, folders[each.version], [str(wheel)])
        wheels.prune(folders[each.version], filter(None, (HERE / "unneeded.txt").read_text().splitlines()[1:]))
    wheels.merge(folders, home / "lib")
    for site in home.glob("lib/*/site-packages"):
        wheels.prune(site, [f"*.dist-info/{name}" for name in ("RECORD", "REQUESTED", "direct_url.json")])
        for named in site.glob("edge_srcnn-*.dist-info/INSTALLER"):
            named.write_text("debian\n")
    needed = wheels.system_packages(home)
    (home / "bin").mkdir()
    (home / "bin/python3").symlink_to("../../../bin/python3")
    _write(home / "pyvenv.cfg", PYVENV.format(version=interpreters[0].version))
    _write(home / "bin/edge-srcnn", COMMAND, mode=0o755)
    (root / "usr/bin").mkdir()
    (root / "usr/bin/edge-srcnn").symlink_to("../lib/edge-srcnn/bin/edge-srcnn")
    for source, place in SHIPPED.items():
        text = (ROOT / source).read_text()
        _write(root / place, text.replace(WRITTEN, "# Of the Debian package edge-srcnn. Put changes"))
    for place, text in manual.pages().items():
        _write_compressed(root / f"usr/share/man/man{place[-1]}/{place}.gz", text)
    for place, text in completion.scripts().items():
        _write(root / place, text)
    documents = root / "usr/share/doc/edge-srcnn"
    _write_compressed(documents / "CHANGELOG.md.gz", (ROOT / "CHANGELOG.md").read_text())
    _write_compressed(documents / "changelog.gz", changelog())
    _write(documents / "copyright", copyright_text(home))
    date_and_compile(root, interpreters)
    return needed


def changelog() -> str:
    """Write the changelog as dpkg has it: which version, by whom, and where the changes are told."""
    date = format_datetime(datetime.fromtimestamp(_epoch(), UTC))
    told = "CHANGELOG.md.gz in this folder tells what is new."
    version = metadata.version("edge-srcnn")
    return f"edge-srcnn ({version}) stable; urgency=medium\n\n  * {told}\n\n -- {maintainer()}  {date}\n"


def maintainer() -> str:
    """Name who builds, as Debian's tools do; nobody where he does not say."""
    name, address = os.environ.get("DEBFULLNAME", "edge-srcnn"), os.environ.get("DEBEMAIL", "edge-srcnn@localhost")
    return f"{name} <{address}>"


def date_and_compile(root: Path, interpreters: list[wheels.Interpreter]) -> None:
    """Give every file the commit's time, so that a build can be repeated, and compile modules by each CPython."""
    epoch = _epoch()
    for path in root.rglob("*"):
        os.utime(path, (epoch, epoch), follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    for each in interpreters:
        sites = [root / HOME / "lib" / name / "site-packages" for name in (wheels.SHARED, f"python{each.version}")]
        words = ["-m", "compileall", "-q", "--invalidation-mode", "timestamp", "-s", str(root), "-p", "/"]
        subprocess.run([each.path, *words, *map(str, sites)], check=True)


def build(
    root: Path, architecture: str, interpreters: list[wheels.Interpreter], needed: set[str], output: Path, *, fast: bool
) -> Path:
    """Write the control files, and pack."""
    control = root / "DEBIAN"
    size = sum(path.lstat().st_size for path in root.rglob("*")) // 1024
    version = metadata.version("edge-srcnn")
    depends = ", ".join([*python_depends([each.version for each in interpreters]), *library_depends(needed)])
    text = (HERE / "control.in").read_text()
    _write(
        control / "control",
        text.format(maintainer=maintainer(), version=version, architecture=architecture, size=size, depends=depends),
    )
    _write(control / "conffiles", "/etc/edge-srcnn/example.toml\n")
    for script in ("postinst", "prerm", "postrm"):
        _write(control / script, (HERE / script).read_text(), mode=0o755)
    _write(control / "md5sums", "".join(_digests(root)))
    package = output / f"edge-srcnn_{version}_{architecture}.deb"
    compression = ["-Zzstd", "-z3"] if fast else ["-Zxz"]
    subprocess.run(["dpkg-deb", "--root-owner-group", *compression, "--build", root, package], check=True, stdout=2)
    return package


def python_depends(versions: list[str]) -> Iterator[str]:
    """Write the dependency on a ``python3`` that is one of these versions, and no version between."""
    minors = sorted(int(version.partition(".")[2]) for version in versions)
    yield f"python3 (>= 3.{minors[0]}~)"
    for minor, following in pairwise(minors):
        if following > minor + 1:
            yield f"python3 (<< 3.{minor + 1}~) | python3 (>= 3.{following}~)"
    yield f"python3 (<< 3.{minors[-1] + 1}~)"


def library_depends(needed: set[str]) -> Iterator[str]:
    """Write the dependencies on what the libraries need, on what its service calls, and on media types."""
    for package in sorted(needed):
        yield f"{package} (>= {wheels.GLIBC})" if package == "libc6" else package
    for tool in ("sysusers", "tmpfiles"):
        yield f"systemd | systemd-standalone-{tool}"
    yield from ("media-types", "procps")


def copyright_text(home: Path) -> str:
    """Write the copyright file: our terms, and those that each project in the environment names."""
    rows = set()
    for facts in home.glob("lib/*/site-packages/*.dist-info"):
        about = metadata.PathDistribution(facts).metadata
        classified = [text.rpartition(" :: ")[2] for text in about.get_all("Classifier", []) if "License ::" in text]
        terms = about.get("License-Expression") or ", ".join(classified) or (about.get("License") or "").split("\n")[0]
        rows.add(f"  {about['Name']} {about['Version']}: {terms or 'see its folder'}")
    text = (HERE / "copyright.in").read_text()
    return text.replace("@PROJECTS@", "\n".join(sorted(rows, key=str.lower)))


def _digests(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and "DEBIAN" not in path.relative_to(root).parts:
            digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            yield f"{digest}  {path.relative_to(root)}\n"


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _write_compressed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _epoch() -> int:
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    told = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.run(command, capture_output=True, text=True).stdout
    return int(told or 0)


if __name__ == "__main__":
    os.umask(0o022)
    main()
