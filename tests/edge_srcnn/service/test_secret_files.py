"""Addresses in files of their own: read, refused in a line, overridden; and who is warned that others can read them."""

import grp
import os
from pathlib import Path

import pytest

from edge_srcnn.errors import BadData, NoInput
from edge_srcnn.service.configuration import load_config
from edge_srcnn.service.secret_files import read_address
from tests.edge_srcnn.service.configurations import faults, load

CAMERA = "rtsp://eye:canary-1@camera/live"
PUSH = "rtmps://server/live/canary-2"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "camera"
    path.write_text(f"\n  {CAMERA}\n")
    path.chmod(0o600)
    return path


def test_an_address_may_stand_in_a_file_of_its_own(tmp_path, secret):
    (tmp_path / "push").write_text(PUSH)
    loaded = load(tmp_path, f"source_file = '{secret}'\nsinks = ['null:']\nsink_files = ['{tmp_path}/push']\n")
    assert (loaded.config.source, loaded.config.sinks) == (CAMERA, ("null:", PUSH))
    assert (loaded.origins["source"], loaded.origins["sinks"]) == ("source_file", "sink_files")


def test_files_of_sinks_are_all_there_are_without_sinks(tmp_path):
    (tmp_path / "push").write_text(PUSH)
    assert load(tmp_path, f"sink_files = ['{tmp_path}/push']\n").config.sinks == (PUSH,)


@pytest.mark.parametrize("with_bom", [False, True])
def test_a_credential_of_systemd_is_found_by_its_variable(tmp_path, secret, monkeypatch, with_bom):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret.write_text(CAMERA, encoding="utf-8-sig" if with_bom else "utf-8")
    assert load(tmp_path, "source_file = '$CREDENTIALS_DIRECTORY/camera'\n").config.source == CAMERA


def test_a_credential_that_only_the_service_can_find_is_no_fault_for_who_checks(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    text = "source_file = '$CREDENTIALS_DIRECTORY/camera'\n"
    (said,) = faults(tmp_path, text)
    assert "$CREDENTIALS_DIRECTORY is not set here" in said
    assert load_config(tmp_path / "c.toml", {}, elsewhere=True).origins["source"].startswith("source_file")


@pytest.mark.parametrize(
    ("file", "environment", "flags", "source"),
    [
        ("source_file = 'camera'", {}, {}, CAMERA),
        ("source = 'test:'", {"EDGE_SRCNN_SOURCE_FILE": "camera"}, {}, CAMERA),
        ("source_file = 'camera'", {"EDGE_SRCNN_SOURCE": "test:"}, {}, "test:"),
        ("source_file = 'missing'", {}, {"source": "test:"}, "test:"),
        ("source = 'test:'", {"EDGE_SRCNN_SOURCE": "test:fps=5"}, {"source_file": "camera"}, CAMERA),
        ("source = 'test:'\nsource_file = ''", {}, {}, "test:"),
    ],
)
def test_what_is_nearer_to_the_command_line_counts(tmp_path, secret, monkeypatch, file, environment, flags, source):
    monkeypatch.chdir(tmp_path)
    assert load(tmp_path, file, environment, flags).config.source == source


def test_the_file_is_read_again_with_the_configuration(tmp_path, secret):
    assert load(tmp_path, f"source_file = '{secret}'").config.source == CAMERA
    secret.write_text("test:")
    assert load_config(tmp_path / "c.toml", {}).config.source == "test:"


@pytest.mark.parametrize(
    ("holds", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (f"{CAMERA}\n{PUSH}\n".encode(), "holds 2 lines; write one address"),
        (b"\xff\xfe", "not a text"),
        (b"rtsp://eye:can#ary@camera/live", "write it as %23"),
        (b"pigeon:canary", "no source is called 'pigeon'"),
        (b"rtsp://eye:canary-1@camera/live#speed=5", "no option is called 'speed'"),
        (b"-", "no standard input"),
    ],
)
def test_a_file_that_holds_no_address_is_one_line(tmp_path, secret, holds, said):
    secret.unlink() if holds is None else secret.write_bytes(holds)
    (line,) = faults(tmp_path, f"source_file = '{secret}'")
    assert line.startswith("c.toml line 1: source_file")
    assert said in line
    assert "\n" not in line
    assert "canary-1" not in line


def test_a_folder_or_fifo_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name in ("", "fifo"):
        with pytest.raises((BadData, NoInput), match="is no regular file"):
            read_address(str(tmp_path / name))


def test_source_and_file_together_are_a_fault(tmp_path, secret):
    said = faults(tmp_path, f"source = 'test:'\nsource_file = '{secret}'")
    assert said == ["c.toml line 2: source_file: give source or source_file, not both"]


@pytest.mark.parametrize(
    ("mode", "text", "warned"),
    [
        (0o644, f"source = '{CAMERA}'", True),
        (0o604, f"source = '{CAMERA}'", True),
        (0o600, f"source = '{CAMERA}'", False),
        (0o644, "source = 'http://camera/live?USR=a&Pwd=canary'", True),
        (0o644, "source = 'http://camera/live?channel=1'", False),
        (0o644, f"source = 'test:'\nsinks = ['{PUSH}']", True),
        (0o644, "source = 'test:'\nsinks = ['http://:8080#token=canary']", True),
        (0o644, "source = 'test:'\nsinks = ['http://:8080#token_file=canary']", False),
    ],
)
def test_a_file_with_a_secret_that_others_can_read_is_warned_of(tmp_path, mode, text, warned):
    path = tmp_path / "c.toml"
    path.write_text(text)
    path.chmod(mode)
    said = load_config(path, {}).warnings
    assert len(said) == warned
    for line in said:
        assert line.startswith(f"{path}: warning: it holds a token or password, and everybody can read it; ch")
        assert "canary" not in line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("group", "warned"), [("root", False), ("users", True)])
def test_a_group_that_others_are_in_is_others(tmp_path, secret, group, warned):
    secret.chmod(0o640)
    os.chown(secret, 0, grp.getgrnam(group).gr_gid)
    said = load(tmp_path, f"source_file = '{secret}'").warnings
    assert [f"the group {group} can read it" in line for line in said] == [True] * warned


def test_a_file_of_an_address_is_looked_at_and_the_configuration_beside_it_is_not_blamed(tmp_path, secret):
    text = f"source_file = '{secret}'"
    assert load(tmp_path, text).warnings == ()
    secret.chmod(0o644)
    (said,) = load(tmp_path, text).warnings
    assert said.startswith(f"{secret}: warning:")


def test_secrets_in_the_environment_and_on_the_command_line_are_not_the_files_fault(tmp_path):
    (tmp_path / "c.toml").write_text("")
    assert load_config(tmp_path / "c.toml", {"EDGE_SRCNN_SOURCE": CAMERA}).warnings == ()
    (said,) = load_config(tmp_path / "c.toml", {}, {"source": CAMERA, "sinks": ("null:",)}).warnings
    assert "--source-file FILE" in said
    assert "canary" not in said
