"""The files of the service, what systemd thinks of them, and whether it can start the program where it lies."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.service import install
from edge_srcnn.service.install import (
    EXAMPLE,
    PLACES,
    TEMPLATE,
    adapted,
    command,
    hidden_folders,
    installed,
    require_open,
    shipped,
    unit_file,
)

MOST_EXPOSURE = 2.0


def settings(unit: str) -> list[str]:
    return [line for line in unit.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", [*PLACES, EXAMPLE])
def test_every_file_is_shipped(name):
    assert shipped(name).endswith("\n")


def test_a_file_that_is_missing_is_an_error_with_a_cure():
    with pytest.raises(Unavailable, match=r"edge-srcnn\.timer: missing in this installation; .*pip install"):
        shipped("edge-srcnn.timer")


def test_a_wheel_holds_the_files_inside_of_the_package(tmp_path, monkeypatch):
    package = tmp_path / "edge_srcnn"
    (package / "systemd").mkdir(parents=True)
    (package / "systemd" / TEMPLATE).write_text("of the wheel\n")
    monkeypatch.setattr(install.edge_srcnn, "__file__", str(package / "__init__.py"))
    assert shipped(TEMPLATE) == "of the wheel\n"


def test_instances_share_nothing_but_the_cache():
    lines = dict(line.split("=", 1) for line in settings(shipped(TEMPLATE)) if "=" in line)
    assert lines["DefaultInstance"] == "default"
    assert lines["CacheDirectory"] == "edge-srcnn"
    for name in ("ExecStart", "Description", "StateDirectory", "RuntimeDirectory", "WorkingDirectory"):
        assert "%i" in lines[name]


def test_the_installed_unit_starts_the_command_of_this_environment():
    (line,) = [line for line in settings(installed(TEMPLATE)) if line.startswith("ExecStart=")]
    assert line == f"ExecStart={command()} run --config /etc/edge-srcnn/%i.toml"


def test_a_program_in_a_home_is_shown_to_the_service_and_nothing_else_of_it():
    hidden = [Path("/home/pi/venv"), Path("/root/python")]
    added = set(settings(adapted(shipped(TEMPLATE), Path("/home/pi/venv/bin/edge-srcnn"), hidden))) - set(
        settings(shipped(TEMPLATE))
    )
    assert {line for line in added if not line.startswith("ExecStart=")} == {
        "BindReadOnlyPaths=/home/pi/venv",
        "BindReadOnlyPaths=/root/python",
    }


def test_a_strange_path_is_escaped_in_systemds_way():
    unit = adapted(shipped(TEMPLATE), Path("/srv/100% mine/edge-srcnn"), [Path("/home/a b/x:y")])
    assert 'ExecStart="/srv/100%% mine/edge-srcnn" run' in unit
    assert 'BindReadOnlyPaths="/home/a b/x\\:y"\n' in unit


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("edge-srcnn", TEMPLATE),
        ("edge-srcnn.service", TEMPLATE),
        ("edge-srcnn@", TEMPLATE),
        ("edge-srcnn@front", TEMPLATE),
        ("edge-srcnn@front.service", TEMPLATE),
        ("edge-srcnn.tmpfiles", "edge-srcnn.tmpfiles"),
    ],
)
def test_files_are_found_by_the_names_that_systemctl_knows(name, file):
    assert unit_file(name) == file


@pytest.mark.parametrize("name", ["", "ssh", "ssh@front", "../edge-srcnn.service", "edge-srcnn.toml"])
def test_other_files_are_not_ours(name):
    with pytest.raises(UsageError, match=r"no file of ours; there are edge-srcnn@\.service, "):
        unit_file(name)


def test_the_udev_rules_know_the_coral_before_and_after_its_firmware_is_loaded_and_on_pcie():
    rules = [line for line in shipped("60-edge-srcnn-coral.rules").splitlines() if not line.startswith("#")]
    for line, words in zip(rules, [("1a6e", "089a"), ("18d1", "9302"), ("apex_*",)], strict=True):
        assert all(f'=="{word}"' in line for word in words)
        assert line.endswith('GROUP="plugdev", MODE="0660", TAG+="uaccess"')


def test_every_group_of_the_units_is_created():
    (groups,) = [line for line in settings(shipped(TEMPLATE)) if line.startswith("SupplementaryGroups=")]
    created = [line.split()[1] for line in settings(shipped("edge-srcnn.sysusers")) if line.startswith("g ")]
    assert groups.partition("=")[2].split() == created


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [[], [Path("/home/a b/x:y"), Path("/root/python")]])
def test_systemd_finds_no_fault_in_a_unit_and_little_exposure(hidden, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    path = tmp_path / TEMPLATE
    path.write_text(adapted(shipped(TEMPLATE), Path("/bin/true"), hidden))
    verified = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    security = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSURE * 10:.0f}"]
    analysed = subprocess.run([*security, path], capture_output=True, text=True)
    assert analysed.returncode == 0, analysed.stdout


# where the program lies


@pytest.fixture
def python(monkeypatch):
    """Pretend that this Python, its base and the package lie in some folders."""

    def place(prefix: object, base: object, package: object) -> None:
        monkeypatch.setattr(sys, "prefix", str(prefix))
        monkeypatch.setattr(sys, "base_prefix", str(base))
        monkeypatch.setattr(install.edge_srcnn, "__file__", f"{package}/edge_srcnn/__init__.py")

    return place


def test_the_command_is_that_of_the_environment_that_runs():
    assert command().parent == Path(sys.executable).parent


def test_without_a_command_there_is_no_service(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(Unavailable, match=r"no edge-srcnn there .* pip in a venv"):
        command()


@pytest.mark.parametrize(
    ("prefix", "base", "package", "hidden"),
    [
        ("/usr", "/usr", "/usr/lib/python3/dist-packages", []),
        ("/opt/venv", "/usr", "/opt/venv/lib/python3.11/site-packages", []),
        ("/home/pi/venv", "/usr", "/home/pi/venv/lib/python3.11/site-packages", ["/home/pi/venv"]),
        ("/home/pi/venv", "/root/py", "/home/pi/src", ["/home/pi/src", "/home/pi/venv", "/root/py"]),
        ("/home/pi/src/.venv", "/usr", "/home/pi/src", ["/home/pi/src"]),
        ("/homely/venv", "/usr", "/homely/src", []),
    ],
)
def test_what_lies_in_homes_is_found_each_once(python, prefix, base, package, hidden):
    python(prefix, base, package)
    assert hidden_folders() == [Path(folder) for folder in hidden]


def test_a_link_into_a_hidden_folder_is_followed(python, tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setattr(install, "HIDDEN", (tmp_path,))
    python(tmp_path / "link", "/usr", "/usr/lib")
    assert hidden_folders() == [tmp_path / "link", tmp_path / "real"]


def test_a_folder_that_is_closed_to_others_is_named_with_the_cure(python, tmp_path, monkeypatch):
    venv = tmp_path / "home" / "venv"
    venv.mkdir(parents=True)
    python(venv, "/usr", venv)
    (tmp_path / "home").chmod(0o700)
    monkeypatch.setattr(install, "HIDDEN", ())
    with pytest.raises(Unavailable, match=rf"^{tmp_path}/home: closed to the service's user; chmod o\+rx {tmp_path}"):
        require_open()


def test_closed_folders_above_what_is_shown_to_the_service_do_not_matter(python, tmp_path, monkeypatch):
    venv = tmp_path / "home" / "venv"
    venv.mkdir(parents=True)
    python(venv, "/usr", venv)
    (tmp_path / "home").chmod(0o700)
    monkeypatch.setattr(install, "HIDDEN", (tmp_path / "home",))
    require_open()
    venv.chmod(0o700)
    with pytest.raises(Unavailable, match=rf"^{venv}: closed"):
        require_open()
