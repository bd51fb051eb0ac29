"""What ``docs/extending.md`` shows works as it stands: a source, a sink and an engine, one file and one line each."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_srcnn.engine.backends import BACKENDS
from edge_srcnn.upscaler import load_model
from tests.extending import examples, extended_tree

Run = Callable[..., "subprocess.CompletedProcess[str]"]
GREY = 96


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return extended_tree(tmp_path_factory.mktemp("extended"))


@pytest.fixture
def run(tree, tmp_path, cli_environment) -> Run:
    """Run ``edge-srcnn`` of the extended tree, in ``tmp_path``."""

    def command(*arguments, status=0):
        done = subprocess.run(
            [sys.executable, "-m", "edge_srcnn", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={**cli_environment, "PYTHONPATH": os.pathsep.join([str(tree), os.environ.get("PYTHONPATH", "")])},
        )
        assert done.returncode == status, done.stderr
        return done

    return command


@pytest.fixture
def snapshot(tmp_path):
    """A grey picture that plays the camera."""
    cv2.imwrite(str(tmp_path / "latest.png"), np.full((24, 32), GREY, np.uint8))
    return "snapshot:latest.png?fps=20"


def rows_of(table: Path) -> list[list[str]]:
    return [line.split(",") for line in table.read_text().splitlines()]


def assert_holds_enhanced_frames(table: Path) -> None:
    rows = rows_of(table)
    assert rows
    assert all(row[2:4] == ["64", "48"] and abs(float(row[4]) - GREY) <= 1 for row in rows)
    assert [int(row[0]) for row in rows] == sorted({int(row[0]) for row in rows})


def test_the_page_has_an_example_of_each_role():
    files = [file for file, table, _ in examples() if table is None]
    assert [str(Path(file).parent) for file in files] == [
        "edge_srcnn/sources",
        "edge_srcnn/sinks",
        "edge_srcnn/engine/backends",
        "export/architectures",
    ]
    assert [table for _, table, _ in examples() if table] == ["KINDS", "KINDS", "BACKENDS", "FAMILIES"]


@pytest.mark.slow
def test_a_new_source_is_shown_in_a_new_sink_by_a_new_engine(run, snapshot, tmp_path):
    run("run", "--source", snapshot, "--sink", "brightness:light.csv", "--engine", "plain", "--seconds", 2)
    assert_holds_enhanced_frames(tmp_path / "light.csv")


@pytest.mark.slow
def test_the_service_takes_them_from_its_configuration(run, snapshot, tmp_path):
    settings = f'source = "{snapshot}"\nsinks = ["brightness:light.csv"]\n[enhance]\nengine = "plain"\n'
    (tmp_path / "camera.toml").write_text(settings)
    run("config", "check", "camera.toml")
    run("run", "--config", "camera.toml", "--seconds", 3)
    assert_holds_enhanced_frames(tmp_path / "light.csv")


@pytest.mark.slow
def test_a_new_source_that_is_lost_is_opened_again_by_the_service(run, snapshot, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = run(
        *("run", "--steady", "--source", "snapshot:broken.png", "--sink", "brightness:light.csv"),
        *("--engine", "bicubic", "--seconds", 2),
    )
    assert "does the program that writes it still run?; trying again" in done.stderr


@pytest.mark.slow
def test_help_and_messages_know_them(run, snapshot):
    shown = " ".join(run("run", "--help").stdout.split())
    assert "snapshot:latest.png?fps=1" in shown
    assert "brightness:light.csv" in shown
    unknown = run("run", "--source", "snapshot:latest.png?rate=1", "--sink", "null:", status=2)
    assert "no option is called 'rate'; there are: fps" in unknown.stderr
    assert "start the program that writes it" in run("run", "-i", "snapshot:gone", "-o", "null:", status=66).stderr
    assert "plain" in run("run", "-i", "test:", "-o", "null:", "--engine", "nothing", status=2).stderr


@pytest.mark.parametrize("name", ["fast-s-x2", "srcnn-915-x2"])
def test_the_new_engine_computes_a_real_model(upscalers, texture, tmp_path, monkeypatch, name):
    (text,) = (text for file, table, text in examples() if table is None and "backends" in file)
    (tmp_path / "plain.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(BACKENDS, "plain", "plain:PlainNumpy")
    picture = texture(20, 30, 3)
    expected = upscalers(name=name).upscale(picture)
    monkeypatch.setattr("edge_srcnn.engine.interpreter.write_graph", None)  # no TFLite flatbuffer is written
    with load_model(name, engine="plain", block="2x2" if "srcnn" in name else "auto") as upscaler:
        assert (upscaler.engine, upscaler.model) == ("plain", name)
        assert upscaler.self_test() in ("identical", "within 1 level", "within 2 levels")
        assert np.abs(upscaler.upscale(picture).astype(int) - expected).max() <= 2
