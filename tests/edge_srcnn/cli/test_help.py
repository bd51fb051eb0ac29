"""Help, version and mistakes in the command itself."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import edge_srcnn
from edge_srcnn.cli import COMMAND_GROUP

pytestmark = pytest.mark.slow

COMMANDS = [
    *("upscale", "demo", "ctl", "bench", "tune", "models", "doctor"),
    *sorted(entry.name for entry in entry_points(group=COMMAND_GROUP)),
]


def test_the_help_lists_every_command_and_an_example(run_cli):
    done = run_cli("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "edge-srcnn demo" in done.stdout
    for command in COMMANDS:
        assert re.search(rf"│ {command} ", done.stdout), command
    panels = re.findall(r"╭─ (\w+)", done.stdout)
    assert panels == ["Options", "Pictures", "Live", "Models", "Service", "Measure", "Workstation"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_says_what_it_does_and_holds_an_example(run_cli, command):
    done = run_cli(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: python -m edge_srcnn {command}" in done.stdout
    assert re.search(rf"^ Examples?: *\n +edge-srcnn {command}\b", done.stdout, re.MULTILINE)


def test_rare_options_show_when_all_are_asked_for(run_cli):
    usual, everything = run_cli("export", "--help").stdout, run_cli("export", "--help-all").stdout
    for option in ("--int8", "--data", "--minutes", "--output"):
        assert option in usual and option in everything, option
    for option in ("--qat-steps", "--precision", "--seed", "--batch"):
        assert option not in usual and option in everything, option


def test_the_help_tells_the_defaults_that_are_not_plain_values(run_cli):
    # rich takes words in square brackets for markup, and drops them
    assert "(default: 2)" in run_cli("upscale", "--help").stdout


HEAVY = (
    *("numpy", "cv2", "PIL", "tifffile", "av", "simplejpeg", "ai_edge_litert", "tflite_runtime", "tensorflow", "keras"),
    *("aiohttp", "asyncio", "requests", "http.client", "ssl", "multiprocessing", "prometheus_client", "msgspec"),
)


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["service", "--help"], ["--version"]], ids=" ".join)
def test_the_help_loads_nothing_that_computes_decodes_or_serves(words):
    code = f"""
import runpy, sys
sys.argv = ["edge-srcnn", *{words}]
try:
    runpy.run_module("edge_srcnn", run_name="__main__")
finally:
    print(*sorted({set(HEAVY)} & sys.modules.keys()), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "\n")


def test_the_version_is_one_line(run_cli):
    done = run_cli("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"edge-srcnn {edge_srcnn.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["upscal"], ["upscale", "a.png"], ["demo", "-s", "two"]])
def test_a_command_that_makes_no_sense_is_a_usage_error_without_a_traceback(run_cli, arguments):
    done = run_cli(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_installed_command_is_the_module():
    (script,) = entry_points(group="console_scripts", name="edge-srcnn")
    assert script.value == "edge_srcnn.cli:main"


def test_a_bug_of_ours_ends_in_one_line_with_its_own_exit_status(run_cli, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "from edge_srcnn.models import bundled\n"
        "def broken():\n    raise KeyError('oh')\n"
        "bundled.bundled_models = broken\n"
    )
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = run_cli("models", "--json", extra_env=environment)
    assert (done.returncode, done.stdout) == (70, "")
    assert done.stderr.count("\n") == 1
    assert "a bug of ours: KeyError" in done.stderr
    assert "Traceback" in run_cli("models", "--json", extra_env={**environment, "EDGE_SRCNN_DEBUG": "1"}).stderr
