"""Where the program lies, and whether a service can start it there."""

import sys
import sysconfig
from pathlib import Path

import pytest

from edge_srcnn.errors import Unavailable
from edge_srcnn.service.install import location
from edge_srcnn.service.install.location import command, hidden_folders, require_open


@pytest.fixture
def python(monkeypatch):
    """Pretend that this Python, its base and the package lie in some folders."""

    def place(prefix: object, base: object, package: object) -> None:
        monkeypatch.setattr(sys, "prefix", str(prefix))
        monkeypatch.setattr(sys, "base_prefix", str(base))
        monkeypatch.setattr(location.edge_srcnn, "__file__", f"{package}/edge_srcnn/__init__.py")

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
    monkeypatch.setattr(location, "HIDDEN", (tmp_path,))
    python(tmp_path / "link", "/usr", "/usr/lib")
    assert hidden_folders() == [tmp_path / "link", tmp_path / "real"]


def test_a_folder_that_is_closed_to_others_is_named_with_the_cure(python, tmp_path, monkeypatch):
    venv = tmp_path / "home" / "venv"
    venv.mkdir(parents=True)
    python(venv, "/usr", venv)
    (tmp_path / "home").chmod(0o700)
    monkeypatch.setattr(location, "HIDDEN", ())
    with pytest.raises(Unavailable, match=rf"^{tmp_path}/home: closed to the service's user; chmod o\+rx {tmp_path}"):
        require_open()


def test_closed_folders_above_what_is_shown_to_the_service_do_not_matter(python, tmp_path, monkeypatch):
    venv = tmp_path / "home" / "venv"
    venv.mkdir(parents=True)
    python(venv, "/usr", venv)
    (tmp_path / "home").chmod(0o700)
    monkeypatch.setattr(location, "HIDDEN", (tmp_path / "home",))
    require_open()
    venv.chmod(0o700)
    with pytest.raises(Unavailable, match=rf"^{venv}: closed"):
        require_open()
