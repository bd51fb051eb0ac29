"""What root runs is root's: real folders, owners, modes and links, and the first thing that others could change."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_srcnn.service.ownership import Changeable, find_changeable

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

SOMEBODY = 54321
"""A number that no user has."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A program as root installs it, in ``opt/bin/program`` with the package ``opt/lib/package``."""
    for folder in ("opt/bin", "opt/lib/package/part"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("opt/bin/program", "opt/lib/package/__init__.py", "opt/lib/package/part/code.py"):
        (tmp_path / file).touch()
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)
    return tmp_path


def look(root: Path) -> Changeable | None:
    return find_changeable([root / "opt/bin/program"], [root / "opt/lib/package"])


def give(name: str, group: bool = False) -> Callable[[Path], None]:
    return lambda root: os.chown(root / name, 0 if group else SOMEBODY, SOMEBODY if group else 0)


def open_up(name: str, mode: int, group: int = 0) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        os.chown(root / name, 0, group)
        (root / name).chmod(mode)

    return change


@pytest.mark.parametrize(
    ("change", "path", "who"),
    [
        (give("opt/bin/program"), "opt/bin/program", f"user {SOMEBODY}"),
        (give("opt/bin"), "opt/bin", f"user {SOMEBODY}"),
        (give("opt"), "opt", f"user {SOMEBODY}"),
        (give("opt/lib"), "opt/lib", f"user {SOMEBODY}"),
        (give("opt/lib/package/part/code.py"), "opt/lib/package/part/code.py", f"user {SOMEBODY}"),
        (open_up("opt/bin/program", 0o757), "opt/bin/program", "everybody"),
        (open_up("opt", 0o777), "opt", "everybody"),
        (open_up("opt/lib/package/part", 0o775, SOMEBODY), "opt/lib/package/part", f"group {SOMEBODY}"),
        (open_up("opt/lib/package/__init__.py", 0o664, SOMEBODY), "opt/lib/package/__init__.py", f"group {SOMEBODY}"),
    ],
)
def test_the_first_thing_that_others_can_change_is_found(root, change, path, who):
    assert look(root) is None
    change(root)
    found = look(root)
    assert found == Changeable(root / path, who)
    line = found.warning("service install")
    assert line.startswith(f"{root / path}: warning: {who} can change it")
    assert "sudo /opt/edge-srcnn/bin/edge-srcnn service install" in line


@pytest.mark.parametrize(
    "change",
    [
        give("opt/bin/program", group=True),  # which its mode gives no right to write
        open_up("opt", 0o775),  # root's own group
        open_up("opt", 0o1777),  # as /tmp: nobody can change what is another's
        open_up("opt/bin/program", 0o700),
    ],
)
def test_what_nobody_else_can_change_is_no_fault(root, change):
    change(root)
    assert look(root) is None


def test_links_are_followed_and_what_they_lead_to_counts(root):
    (root / "home/env").mkdir(parents=True)
    (root / "home").chmod(0o755)
    (root / "home/env/program").touch()
    (root / "opt/bin/program").unlink()
    (root / "opt/bin/program").symlink_to("../../link/program")
    (root / "link").symlink_to("home/env")
    assert look(root) is None
    give("home")(root)
    assert look(root) == Changeable(root / "home", f"user {SOMEBODY}")


def test_links_in_a_circle_end(root):
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    assert find_changeable([root / "a/program"]) is None


@pytest.mark.slow
def test_install_warns_and_goes_on_where_nobody_can_be_asked(tmp_path, root):
    environment = root / "opt/env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", environment], check=True)
    packages = next(environment.glob("lib/python*/site-packages"))
    (packages / "here.pth").write_text("\n".join(path for path in sys.path if path))
    command = environment / "bin/edge-srcnn"
    command.write_text(f"#!{environment}/bin/python\nfrom edge_srcnn.cli import main\nmain()\n")
    command.chmod(0o755)
    os.chown(root / "opt", SOMEBODY, SOMEBODY)
    done = subprocess.run(
        [command, "service", "install", "--prefix", tmp_path / "prefix"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"{root}/opt: warning: user {SOMEBODY} can change it")
    assert len(done.stderr.splitlines()) == 1
    assert f"ExecStart={command} run" in (tmp_path / "prefix/etc/systemd/system/edge-srcnn@.service").read_text()
