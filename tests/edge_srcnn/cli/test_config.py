"""``edge-srcnn config`` in a process of its own."""

import json
import re

import pytest

pytestmark = pytest.mark.slow

CONFIG = 78  # EX_CONFIG of sysexits.h


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch, cli_environment):
    for name in [name for name in cli_environment if name.startswith("EDGE_SRCNN_")]:
        monkeypatch.delitem(cli_environment, name)


@pytest.mark.parametrize("command", [[], ["check"], ["show"], ["example"]])
def test_the_help_says_what_it_does_and_holds_an_example(run_cli, command):
    done = run_cli("config", *command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(" ".join(["Examples?: (EDGE_SRCNN_[A-Z_]+=3 |sudo )?edge-srcnn config", *command]), done.stdout)


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
