"""``edge-srcnn service`` and ``edge-srcnn config`` as a user meets them."""

import json
import re
from pathlib import Path

import pytest
import typer

from edge_srcnn.cli.service import status
from edge_srcnn.service.install import PLACES, installed
from edge_srcnn.service.systemctl import UnitState

pytestmark = pytest.mark.slow

STATES = [
    UnitState("edge-srcnn@default.service", "active", "running", "live, 15.0 frames a second", 2, "success", "enabled"),
    UnitState("edge-srcnn@front.service", "failed", "failed", "", 0, "exit-code", "disabled"),
]


@pytest.mark.parametrize("command", ["print", "install", "uninstall", "status"])
def test_the_help_of_each_command_says_what_it_does_and_holds_an_example(run_cli, command):
    assert re.search(rf"│ {command} ", run_cli("service", "--help").stdout)
    done = run_cli("service", command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"^ Example: *\n +(sudo )?edge-srcnn service {command}\b", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([], "edge-srcnn@.service"),
        (["edge-srcnn@front"], "edge-srcnn@.service"),
        (["edge-srcnn.tmpfiles"], "edge-srcnn.tmpfiles"),
    ],
)
def test_print_gives_the_file_as_it_would_be_installed(run_cli, arguments, name):
    done = run_cli("service", "print", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, installed(name), "")


def test_print_of_something_else_is_a_usage_error(run_cli):
    done = run_cli("service", "print", "ssh")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("edge-srcnn: ssh: no file of ours; there are edge-srcnn@.service, ")


def without_owner(said: str) -> str:
    """Leave out the warning that somebody else than root can change this environment, as in a developer's home."""
    return "".join(
        line for line in said.splitlines(keepends=True) if " can change it, and so what runs as root " not in line
    )


def test_install_below_a_prefix_says_what_was_written_and_uninstall_removes_it(run_cli, tmp_path):
    for result in ("written", "unchanged"):
        done = run_cli("service", "install", "--camera", "front", "--prefix", "packaged")
        assert (done.returncode, without_owner(done.stderr)) == (0, "")
        for place in PLACES.values():
            assert f"{result:9} {tmp_path}/packaged/{place}\n" in done.stdout
    assert "Next:" not in done.stdout
    removed = run_cli("service", "uninstall", "--purge", "--prefix", "packaged")
    assert (removed.returncode, removed.stderr) == (0, "")
    assert not [path for path in (tmp_path / "packaged").rglob("*") if path.is_file()]
    assert run_cli("service", "uninstall", "--prefix", "packaged").stdout == "nothing was installed\n"


def test_a_prefix_that_is_a_file_is_one_line_and_exit_status_73(run_cli, tmp_path):
    (tmp_path / "file").touch()
    done = run_cli("service", "install", "--prefix", "file")
    assert (done.returncode, without_owner(done.stderr).count("\n")) == (73, 1)
    assert "cannot be written" in done.stderr


def test_status_without_systemd_is_one_line_and_exit_status_69(run_cli):
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs this machine")
    done = run_cli("service", "status")
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == "edge-srcnn: no systemd is running here; 'edge-srcnn run' serves without it\n"


@pytest.mark.parametrize("as_json", [False, True])
def test_status_tells_of_every_unit_and_fails_when_one_failed(monkeypatch, capsys, as_json):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("edge_srcnn.service.systemctl.unit_states", lambda: STATES)
    with pytest.raises(typer.Exit) as exit_:
        status(json=as_json)
    assert exit_.value.exit_code == 1
    told = capsys.readouterr().out
    if as_json:
        first, second = json.loads(told)
        assert (first["unit"], first["active"], first["restarts"]) == ("edge-srcnn@default.service", "active", 2)
        assert (second["result"], second["at_boot"]) == ("exit-code", "disabled")
    else:
        assert "live, 15.0 frames a second" in told
        assert "last result: exit-code" in told
        assert re.search(r"^edge-srcnn@front +failed \(failed\) ", told, re.MULTILINE)


def test_status_of_healthy_units_is_a_success(monkeypatch, capsys):
    monkeypatch.setattr("edge_srcnn.service.systemctl.unit_states", lambda: STATES[:1])
    status()
    assert "active (running)" in capsys.readouterr().out


CONFIG = 78  # EX_CONFIG of sysexits.h


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch, cli_environment):
    for name in [name for name in cli_environment if name.startswith("EDGE_SRCNN_")]:
        monkeypatch.delitem(cli_environment, name)


@pytest.mark.parametrize("command", [[], ["check"], ["show"], ["example"]])
def test_the_help_says_what_it_does_and_holds_an_example(run_cli, command):
    done = run_cli("config", *command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    words = " ".join([r"^ Examples?: *\n +(EDGE_SRCNN_[A-Z_]+=3 |sudo )?edge-srcnn config", *command])
    assert re.search(words, done.stdout, re.MULTILINE)


def test_the_example_is_good(run_cli, tmp_path):
    made = run_cli("config", "example")
    assert (made.returncode, made.stderr) == (0, "")
    (tmp_path / "c.toml").write_text(made.stdout)
    done = run_cli("config", "check", "c.toml", extra_env={"EDGE_SRCNN_ENHANCE_SCALE": "7"})  # the file counts alone
    assert (done.returncode, done.stdout, done.stderr) == (0, "c.toml: good\n", "")


def test_check_tells_every_mistake_on_a_line_of_its_own(run_cli, tmp_path):
    (tmp_path / "c.toml").write_text("sink = 1\n[enhance]\nscale = 5\n[service]\nlog = 'loud'\n")
    done = run_cli("config", "check", "c.toml")
    assert (done.returncode, done.stdout) == (CONFIG, "")
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        ["c.toml line 1", "sink"],
        ["c.toml line 3", "enhance.scale"],
        ["c.toml line 5", "service.log"],
    ]


@pytest.mark.parametrize(
    ("mode", "sink", "warned"),
    [
        (0o644, "http://:8080#token=geheim", True),
        (0o640, "http://:8080#token=geheim", False),
        (0o644, "http://:8080#token_file=token", False),
    ],
)
def test_check_warns_of_a_token_that_everybody_can_read(run_cli, tmp_path, mode, sink, warned):
    path = tmp_path / "c.toml"
    path.write_text(f"sinks = ['{sink}']\n")
    path.chmod(mode)
    done = run_cli("config", "check", "c.toml")
    assert (done.returncode, done.stdout) == (0, "c.toml: good\n")
    assert ("token_file" in done.stderr) == warned == bool(done.stderr)
    assert "geheim" not in done.stderr


def test_show_tells_each_value_and_its_origin_but_no_secret(run_cli, tmp_path):
    (tmp_path / "c.toml").write_text(
        "sinks = ['http://:8080#token=geheim', 'rtsp://u:geheim@h/x']\n[enhance]\nscale = 3\n"
    )
    environment = {"EDGE_SRCNN_ENHANCE_THREADS": "2"}
    done = run_cli("config", "show", "--config", "c.toml", extra_env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    rows = dict(line.rstrip().split(maxsplit=1) for line in done.stdout.splitlines())
    assert rows["enhance.scale"].split(maxsplit=1) == ["3", "c.toml line 3"]
    assert rows["enhance.threads"].split(maxsplit=1) == ["2", "environment EDGE_SRCNN_ENHANCE_THREADS"]
    assert rows["service.hot_c"].split() == ["80.0", "default"]
    assert rows["enhance.roi"].split() == ["-", "default"]
    assert "geheim" not in done.stdout
    document = json.loads(run_cli("config", "show", "-c", "c.toml", "--json", extra_env=environment).stdout)
    assert document["enhance.scale"] == {"value": 3, "origin": "c.toml line 3"}
    assert document["sinks"]["value"] == ["http://:8080#token=***", "rtsp://***@h/x"]
    assert document["enhance.model"] == {"value": "auto", "origin": "default"}
    assert document["enhance.roi"] == {"value": None, "origin": "default"}


def test_show_of_a_bad_file_is_one_line(run_cli):
    done = run_cli("config", "show", "--config", "c.toml")
    assert (done.returncode, done.stdout) == (CONFIG, "")
    assert done.stderr == "edge-srcnn: c.toml: cannot be read (No such file or directory)\n"
