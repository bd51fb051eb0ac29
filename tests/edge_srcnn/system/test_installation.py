"""How this copy was installed, and what its messages tell to type."""

import json
import platform
from pathlib import Path

import pytest

import edge_srcnn
from edge_srcnn.system import installation
from edge_srcnn.system.installation import CONTAINER, DEBIAN, PIP, PIPX, UV, Installation, find_installation
from edge_srcnn.system.packages import numpy_clash

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
DEB = f"sudo apt install --reinstall ./edge-srcnn_{edge_srcnn.__version__}_{ARCHITECTURE}.deb"
VENV = "in a checkout of edge-srcnn: python3 -m venv .venv && .venv/bin/pip install "
SYSTEM = "sudo apt install python3-picamera2"
SEES = f"{SYSTEM}, and put edge-srcnn into an environment that sees it: python3 -m venv --system-site-packages"
ALL = "mqtt,stream,video"

CURES = [
    (Installation(PIP, "/src"), "edge-srcnn[stream]", "pip install '/src[stream]'"),
    (Installation(PIP, "/src", True), "edge-srcnn[stream]", "pip install --editable '/src[stream]'"),
    (Installation(PIP, "/a b"), "edge-srcnn[stream]", "pip install '/a b[stream]'"),
    (Installation(PIP), "edge-srcnn[export]", "pip install '.[export]' in a checkout of edge-srcnn"),
    (Installation(PIP, "/src"), "ai-edge-litert", "pip install ai-edge-litert"),
    (Installation(PIP, "/src"), "numpy<2", "pip install 'numpy<2'"),
    (Installation(PIP, "/src"), "edge-srcnn", "pip install --force-reinstall --no-deps /src"),
    (Installation(PIP, "/src", pip_install="/v/bin/pip install"), "av", "/v/bin/pip install av"),
    (Installation(PIP, "/src"), "picamera2", SEES),
    (Installation(PIPX, "/src"), "edge-srcnn[stream]", f"pipx install --force '/src[{ALL}]'"),
    (Installation(PIPX, "/src"), "edge-srcnn[export]", f"pipx install --force '/src[{ALL},export]'"),
    (Installation(PIPX, "/src", True), "edge-srcnn", f"pipx install --force --editable '/src[{ALL}]'"),
    (Installation(PIPX, "/src"), "tensorflow", "pipx inject edge-srcnn tensorflow"),
    (Installation(PIPX, "/s"), "picamera2", f"{SYSTEM}, and pipx install --force --system-site-packages '/s[{ALL}]'"),
    (Installation(UV, "/src"), "edge-srcnn[video]", f"uv tool install --force '/src[{ALL}]'"),
    (Installation(UV, "/src"), "tensorflow", f"uv tool install --force --with tensorflow '/src[{ALL}]'"),
    (Installation(UV, "/src"), "picamera2", f"{SEES}; uv tool makes none"),
    (Installation(DEBIAN), "edge-srcnn[stream]", f"the Debian package holds it: {DEB}"),
    (Installation(DEBIAN), "ai-edge-litert", f"the Debian package holds it: {DEB}"),
    (Installation(DEBIAN), "edge-srcnn", f"the Debian package holds it: {DEB}"),
    (Installation(DEBIAN), "edge-srcnn[export]", f"the Debian package does not hold it; {VENV}'.[export]'"),
    (Installation(DEBIAN), "tensorflow", f"the Debian package does not hold it; {VENV}tensorflow"),
    (Installation(DEBIAN), "picamera2", SYSTEM),
    (Installation(CONTAINER), "edge-srcnn[mqtt]", "the container image holds it, and is damaged: build it again"),
    (Installation(CONTAINER), "edge-srcnn[onnx]", f"the container image does not hold it; {VENV}'.[onnx]'"),
    (Installation(CONTAINER), "picamera2", f"{SEES}; a container sees none"),
]


@pytest.mark.parametrize(("copy", "requirement", "cure"), CURES)
def test_each_way_to_install_has_its_own_cure(copy, requirement, cure):
    assert copy.cure(requirement) == cure


AGAIN = [
    (Installation(PIP), "pip install --force-reinstall --no-deps av"),
    (Installation(PIPX), "pipx runpip edge-srcnn install --force-reinstall --no-deps av"),
    (Installation(UV, "/src"), f"uv tool install --force --reinstall --with av '/src[{ALL}]'"),
    (Installation(DEBIAN), f"the Debian package holds it: {DEB}"),
]


@pytest.mark.parametrize(("copy", "cure"), AGAIN)
def test_what_is_broken_is_installed_again(copy, cure):
    assert copy.cure("av", again=True) == cure


def test_the_debian_package_s_numpy_is_never_replaced(monkeypatch):
    monkeypatch.setattr(installation, "installation", lambda: Installation(DEBIAN))
    monkeypatch.setattr("edge_srcnn.system.packages._culprit", lambda errors: "libcamera")
    said = numpy_clash(ValueError("numpy.dtype size changed, may indicate binary incompatibility"))
    assert "sudo apt full-upgrade; the Debian package brings its own numpy" in str(said)
    assert "pip" not in str(said)


def laid_out(folder: Path, *, installer: str, url: str = "", editable: bool = False, sign: str = "") -> Installation:
    """Lay out an environment as an installer leaves it, and look at it."""
    home = folder / "lib/site-packages"
    facts = home / "edge_srcnn-9.9.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: edge-srcnn\nVersion: 9.9\n")
    (facts / "INSTALLER").write_text(f"{installer}\n")
    if url:
        (facts / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {"editable": editable}}))
    if sign:
        (folder / sign).touch()
    return find_installation(folder, home)


def test_each_installer_is_known_by_what_it_leaves(tmp_path):
    source = tmp_path / "a source"
    source.mkdir()
    url = source.as_uri()
    assert "%20" in url
    told = str(source)
    found = laid_out(tmp_path / "pip", installer="pip", url=url)
    assert (found.kind, found.origin, found.editable) == (PIP, told, False)
    found = laid_out(tmp_path / "pipx", installer="pip", url=url, sign="pipx_metadata.json")
    assert (found.kind, found.origin) == (PIPX, told)
    found = laid_out(tmp_path / "uv", installer="uv", url=url, sign="uv-receipt.toml")
    assert (found.kind, found.origin) == (UV, told)
    assert laid_out(tmp_path / "debian", installer="debian") == Installation(DEBIAN)
    assert laid_out(tmp_path / "container", installer="container") == Installation(CONTAINER)


def test_a_source_that_is_gone_is_not_named(tmp_path):
    gone = (tmp_path / "gone").as_uri()
    assert laid_out(tmp_path / "pip", installer="pip", url=gone).origin == ""


def test_a_checkout_is_known_without_any_installer(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    found = find_installation(tmp_path / "venv", tmp_path)
    assert (found.kind, found.origin, found.editable) == (PIP, str(tmp_path), True)
