"""Installing below another root, and below one that pretends to be ``/``."""

import os
from pathlib import Path

import pytest

from edge_srcnn.errors import CannotWrite, Unavailable, UsageError
from edge_srcnn.service import install as module
from edge_srcnn.service import systemctl
from edge_srcnn.service.install import EXAMPLE, PLACES, TEMPLATE, command, install, installed, shipped, uninstall
from edge_srcnn.system.installation import DEBIAN, Installation

UNITS = Path("etc/systemd/system")
CONFIGURATION = Path("etc/edge-srcnn/default.toml")


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder that stands for ``/``, where we are root and systemd is running."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "require_open", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(systemctl, "BOOTED", tmp_path)
    monkeypatch.setattr(systemctl, "UDEV", tmp_path)
    return tmp_path


@pytest.fixture
def told(monkeypatch):
    """What systemd's programs are told; they do nothing."""
    commands: list[str] = []
    monkeypatch.setattr(systemctl, "tell", lambda *words, **_: commands.append(" ".join(words)))
    return commands


def test_every_file_comes_to_its_place_and_can_be_read_by_all(tmp_path):
    before = os.umask(0o077)
    try:
        steps = list(install(prefix=tmp_path))
    finally:
        os.umask(before)
    assert files(tmp_path) == {*PLACES.values(), str(CONFIGURATION)}
    assert {step.result for step in steps} == {"written"}
    assert (tmp_path / PLACES[TEMPLATE]).read_text() == installed(TEMPLATE)
    assert (tmp_path / CONFIGURATION).read_text() == shipped(EXAMPLE)
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in files(tmp_path)} == {0o644}


def test_a_repetition_changes_nothing_and_mends_what_was_changed(tmp_path):
    list(install(prefix=tmp_path))
    (tmp_path / CONFIGURATION).write_text("mine")
    unit = tmp_path / PLACES[TEMPLATE]
    unit.write_text("broken")
    results = {Path(step.what).name: step.result for step in install(prefix=tmp_path)}
    assert results.pop("default.toml") == "kept"
    assert results.pop(TEMPLATE) == "written"
    assert set(results.values()) == {"unchanged"}
    assert (tmp_path / CONFIGURATION).read_text() == "mine"
    assert unit.read_text() == installed(TEMPLATE)


def test_each_camera_gets_a_configuration(tmp_path):
    list(install(["front", "back-door"], prefix=tmp_path))
    found = {name for name in files(tmp_path) if name.endswith(".toml")}
    assert found == {"etc/edge-srcnn/front.toml", "etc/edge-srcnn/back-door.toml"}


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "-front", ".front", "%i", "ö", "x" * 65])
def test_a_camera_name_that_is_no_file_name_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(UsageError, match="--camera"):
        list(install(["good", name], prefix=tmp_path))
    assert not files(tmp_path)


def test_systemd_is_told_in_the_right_order(root, told):
    steps = list(install())
    assert [words.split()[0] for words in told] == [
        *("systemd-sysusers", "systemd-tmpfiles", "systemctl", "udevadm", "udevadm"),
    ]
    assert str(root / "etc/tmpfiles.d/edge-srcnn.conf") in told[1]
    assert [step.result for step in steps][-5:] == ["done"] * 5


def test_without_systemd_or_udev_what_is_skipped_is_said(root, told, monkeypatch):
    monkeypatch.setattr(systemctl, "UDEV", Path("/nowhere"))
    assert list(install())[-1].result == "skipped, no udev is running"
    monkeypatch.setattr(systemctl, "BOOTED", Path("/nowhere"))
    told.clear()
    skipped = [step.what.split()[0] for step in install() if step.result == "skipped, no systemd is running"]
    assert skipped == ["systemd-sysusers", "systemd-tmpfiles", "systemctl"]
    assert not told


def test_a_program_of_systemd_that_fails_ends_the_installation(root, monkeypatch):
    def refuse(*words: str, **_: object) -> str:
        raise Unavailable(f"{words[0]}: refused")

    monkeypatch.setattr(systemctl, "tell", refuse)
    with pytest.raises(Unavailable, match="systemd-sysusers: refused"):
        list(install())


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_only_root_may_and_is_told_the_command(root, told, monkeypatch, action):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CannotWrite, match=rf"only root can write there; sudo /.*/edge-srcnn service {action}$"):
        list(getattr(module, action)())
    assert (files(root), told) == (set(), [])


def test_a_place_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "etc").write_text("a file")
    with pytest.raises(CannotWrite, match=r"etc/systemd/system/edge-srcnn@.service: cannot be written"):
        list(install(prefix=tmp_path))


def test_uninstall_leaves_configurations_recordings_and_what_is_not_ours(tmp_path):
    list(install(["front"], prefix=tmp_path))
    mine = ["etc/systemd/system/ssh.service", "var/lib/edge-srcnn/front/cam.mp4"]
    mine += ["etc/systemd/system/edge-srcnn@.service.d/override.conf"]
    for name in mine:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    wants = tmp_path / UNITS / "multi-user.target.wants"
    wants.mkdir()
    (wants / "edge-srcnn@front.service").symlink_to("/etc/systemd/system/edge-srcnn@.service")
    (wants / "ssh.service").symlink_to("/etc/systemd/system/ssh.service")
    steps = list(uninstall(prefix=tmp_path))
    assert {step.result for step in steps} == {"removed"}
    kept = {*mine, str(UNITS / "multi-user.target.wants/ssh.service"), "etc/edge-srcnn/front.toml"}
    assert files(tmp_path) == kept
    assert list(uninstall(prefix=tmp_path)) == []


def test_purge_leaves_nothing_but_what_is_behind_a_link(tmp_path):
    list(install(prefix=tmp_path))
    disk = tmp_path / "mnt/disk"
    for folder in (disk, tmp_path / "var/lib", tmp_path / "var/cache/edge-srcnn"):
        folder.mkdir(parents=True)
    (disk / "cam.mp4").touch()
    (tmp_path / "var/cache/edge-srcnn/tuned.json").touch()
    (tmp_path / "var/lib/edge-srcnn").symlink_to(disk)
    for name in ("edge-srcnn@.service.d", "edge-srcnn@front.service.d"):
        (tmp_path / UNITS / name).mkdir()
        (tmp_path / UNITS / name / "override.conf").touch()
    list(uninstall(purge=True, prefix=tmp_path))
    assert files(tmp_path) == {"mnt/disk/cam.mp4"}


def test_uninstall_stops_the_service_first_and_tells_systemd_last(root, told):
    list(install())
    told.clear()
    steps = list(uninstall())
    assert steps[0].result == "stopped"
    assert told[0] == "systemctl stop edge-srcnn@*.service"
    assert "systemctl daemon-reload" in told[1:]
    assert not any("userdel" in words for words in told)
    list(install())
    list(uninstall(purge=True))
    assert told[-1] == "userdel edge-srcnn"


@pytest.fixture
def packaged(root, monkeypatch):
    """The Debian package's copy, which brings the unit."""
    monkeypatch.setattr(module, "installation", lambda: Installation(DEBIAN))
    return root


def test_the_debian_package_s_copy_installs_configurations_alone(packaged, told):
    steps = {step.what: step.result for step in install(["front"])}
    assert files(packaged) == {"etc/edge-srcnn/front.toml"}
    assert steps["/usr/lib/systemd/system/edge-srcnn@.service"] == "packaged"
    assert told == ["systemd-tmpfiles --create edge-srcnn.conf"]
    assert command() == Path("/usr/bin/edge-srcnn")


def test_the_debian_package_s_service_is_removed_by_apt(packaged, told):
    with pytest.raises(UsageError, match="sudo apt remove edge-srcnn"):
        list(uninstall())
    assert told == []


def test_a_unit_that_hides_the_debian_package_s_is_removed_and_its_links_stay(packaged, told):
    list(install(prefix=packaged))
    link = packaged / UNITS / "multi-user.target.wants" / "edge-srcnn@default.service"
    link.parent.mkdir()
    link.symlink_to("/usr/lib/systemd/system/edge-srcnn@.service")
    removed = {step.what for step in uninstall() if step.result == "removed"}
    assert removed == {str(packaged / place) for place in PLACES.values()}
    assert link.is_symlink()
    assert (packaged / CONFIGURATION).exists()
    assert "systemctl daemon-reload" in told
