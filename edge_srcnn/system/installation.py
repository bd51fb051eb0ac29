"""Know how this copy was installed, and say what adds a library to it or installs it again."""

import json
import platform
import re
import shlex
import shutil
import struct
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

PROJECT = "edge-srcnn"
LIVE = ("mqtt", "stream", "video")
"""Extras that a device needs; ``requirements/runtime.txt``, the Debian package and the container hold them all."""

DEBIAN, CONTAINER, PIPX, UV, PIP = "debian", "container", "pipx", "uv tool", "pip"
NO_32_BIT = "there is no package for a 32-bit Python; install the 64-bit Raspberry Pi OS"

_IMAGES = {DEBIAN: "the Debian package", CONTAINER: "the container image"}
_VENV = "python3 -m venv --system-site-packages"
_SYSTEM = {"picamera2": "python3-picamera2"}
"""Debian's packages of what only the system has."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_EXTRA = re.compile(r"edge-srcnn\[([a-z]+)\]")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OF_EXTRA = re.compile(r"extra == ['\"]([a-z]+)['\"]")


@dataclass(frozen=True)
class Installation:
    """Say by what this copy was installed.

    Attributes
    ----------
    kind
        ``DEBIAN``, ``CONTAINER``, ``PIPX``, ``UV`` (``uv tool``), or ``PIP``: any other environment.
    origin
        The folder or wheel that it was installed from; empty where that is not known.
    editable
        Whether it is that folder, and not a copy.
    pip_install
        What installs into this environment: ``pip install``, with the path of pip where a shell finds another one.
    """

    kind: str
    origin: str = ""
    editable: bool = False
    pip_install: str = "pip install"

    def cure(self, requirement: str, *, again: bool = False) -> str:
        """Say what installs a library here.

        Parameters
        ----------
        requirement
            ``edge-srcnn[stream]`` for an extra of ours, ``edge-srcnn`` for this program itself, or what pip takes for
            another project: ``av``, ``numpy<2``.
        again
            It is there, and broken.

        Returns
        -------
        What to type, or why it cannot be had.
        """
        if requirement in _SYSTEM:
            return self._with_system(_SYSTEM[requirement])
        if is_32_bit():
            return NO_32_BIT
        extra = match[1] if (match := _EXTRA.fullmatch(requirement)) else ""
        ours = bool(extra) or requirement == PROJECT
        if self.kind in _IMAGES:
            return self._in_image(requirement, extra)
        if self.kind == PIPX and not ours:
            again_ = f"runpip {PROJECT} install --force-reinstall --no-deps" if again else f"inject {PROJECT}"
            return f"pipx {again_} {shlex.quote(requirement)}"
        if self.kind in (PIPX, UV):
            more = "" if ours else f"{'--reinstall ' if again else ''}--with {shlex.quote(requirement)} "
            return f"{self.kind} install --force {more}{self._source(*LIVE, *({extra} - {*LIVE, ''}))}"
        force = "--force-reinstall --no-deps " if again or requirement == PROJECT else ""
        return f"{self.pip_install} {force}{self._source(extra) if ours else shlex.quote(requirement)}"

    def _source(self, *extras: str) -> str:
        """Name what we are installed from, with extras, as pip takes it."""
        listed = ",".join(filter(None, extras))
        named = shlex.quote((self.origin or ".") + (f"[{listed}]" if listed else ""))
        return f"{'--editable ' if self.editable else ''}{named}{'' if self.origin else ' in a checkout of edge-srcnn'}"

    def _in_image(self, requirement: str, extra: str) -> str:
        image = _IMAGES[self.kind]
        if requirement != PROJECT and extra not in LIVE and _name(requirement) not in _bundled():
            wanted = shlex.quote(f".[{extra}]" if extra else requirement)
            venv = f"python3 -m venv .venv && .venv/bin/pip install {wanted}"
            return f"{image} does not hold it; in a checkout of edge-srcnn: {venv}"
        if self.kind == CONTAINER:
            return f"{image} holds it, and is damaged: build it again"
        file = f"{PROJECT}_{metadata.version(PROJECT)}_{_ARCHITECTURES.get(platform.machine(), platform.machine())}.deb"
        return f"{image} holds it: sudo apt install --reinstall ./{file}"

    def _with_system(self, package: str) -> str:
        apt = f"sudo apt install {package}"
        if self.kind == DEBIAN:
            return apt
        if self.kind == PIPX:
            return f"{apt}, and pipx install --force --system-site-packages {self._source(*LIVE)}"
        blind = {UV: "; uv tool makes none", CONTAINER: "; a container sees none"}.get(self.kind, "")
        return f"{apt}, and put edge-srcnn into an environment that sees it: {_VENV}{blind}"


def is_32_bit() -> bool:
    """Tell whether this Python has pointers of 32 bits, as that of the 32-bit Raspberry Pi OS."""
    return struct.calcsize("P") == 4


@cache
def installation() -> Installation:
    """Find out how this copy was installed: from what installers leave beside it."""
    return find_installation(Path(sys.prefix), Path(__file__).parents[2])


def find_installation(prefix: Path, home: Path) -> Installation:
    """Find out how a copy was installed.

    Parameters
    ----------
    prefix
        Its environment.
    home
        The folder that holds the package ``edge_srcnn``.

    Returns
    -------
    What is known; a checkout on ``PYTHONPATH``, which nobody installed, counts as editable.
    """
    signs = {"pipx_metadata.json": PIPX, "uv-receipt.toml": UV}
    kind = next((kind for sign, kind in signs.items() if (prefix / sign).is_file()), PIP)
    if (home / "pyproject.toml").is_file():
        return Installation(kind, str(home), True, _pip_install(prefix))
    found = next(iter(metadata.distributions(name=PROJECT, path=[str(home)])), None)
    installer, source = ((found and found.read_text(name)) or "" for name in ("INSTALLER", "direct_url.json"))
    if installer.strip() in _IMAGES:
        return Installation(installer.strip())
    url = urlsplit(json.loads(source or "{}").get("url", ""))
    origin = unquote(url.path) if url.scheme == "file" else ""
    return Installation(kind, origin if Path(origin).exists() else "", False, _pip_install(prefix))


def how_to_install(requirement: str, *, again: bool = False) -> str:
    """Say what installs a library in this copy: ``Installation.cure``."""
    return installation().cure(requirement, again=again)


def in_image() -> str | None:
    """Name the package or image that brings every library with it; None in an environment of pip's."""
    return _IMAGES.get(installation().kind)


def _pip_install(prefix: Path) -> str:
    pip = prefix / "bin/pip"
    if not pip.exists():
        return f"uv pip install --python {shlex.quote(str(prefix))}" if shutil.which("uv") else "pip install"
    return f"{'pip' if shutil.which('pip') == str(pip) else shlex.quote(str(pip))} install"


def _bundled() -> set[str]:
    """List the projects that every image holds: those that we need, and those of a device's extras."""
    return {
        _name(each)
        for each in metadata.requires(PROJECT) or ()
        if (extra := _OF_EXTRA.search(each)) is None or extra[1] in LIVE
    }


def _name(requirement: str) -> str:
    return match[0].lower().replace("_", "-") if (match := _NAME.match(requirement)) else ""
