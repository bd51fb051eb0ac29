"""Two processes on loopback train the network of one; where one dies, the other says so, and the training goes on."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

from tests.export.trainings import QUICK

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
LIMIT_S = 240
"""On an idle machine each of these takes some seconds."""

TRAINING = """
import json, os, sys
from dataclasses import replace
from pathlib import Path
from export.data.pairs import load_split
from export.training.cluster import Cluster
from export.training.devices import ONE_DEVICE, open_devices
from export.training.network import layers_of
from export.training.train import train
from tests.export.trainings import PLAN, SPEC, TINY, Killed, kill_at

pictures, folder, address, rank = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
devices = open_devices(1, Cluster(address, rank, 2))
split = load_split([pictures], SPEC)
plan = replace(PLAN, steps=8, epoch_steps=2, learning_rate=5e-3)
minutes = replace(plan, steps=None, minutes=0.01)
found = {"two": train(TINY, SPEC, split, plan, folder / "two", devices=devices)}
found["minutes"] = train(TINY, SPEC, split, minutes, folder / "minutes", devices=devices)
try:
    train(TINY, SPEC, split, plan, folder / "cut", kill_at(4), devices=devices)
except Killed:
    pass
devices.close()
if rank == 0:
    found["cut"] = train(TINY, SPEC, split, plan, folder / "cut")
    found["one"] = train(TINY, SPEC, split, plan, folder / "one")
print(json.dumps({
    name: {"history": trained.state.history, "devices": trained.state.devices, "step": trained.state.step}
    for name, trained in found.items()
}))
"""


@pytest.fixture
def address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes with JAX, and leaves none."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str | Path) -> "subprocess.Popen[str]":
        env = {**os.environ, **QUICK, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, *map(str, words)], env=env, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_two_processes_train_the_network_of_one(start: Start, address: str, pictures: Path, tmp_path: Path) -> None:
    both = [start("-c", TRAINING, pictures, tmp_path / str(rank), address, str(rank)) for rank in (0, 1)]
    told: list[dict[str, Any]] = []
    for process in both:
        out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, err
        told.append(json.loads(out.splitlines()[-1]))
    first, second = told
    assert not (tmp_path / "1").exists(), "process 0 alone writes"
    assert first["two"] == second["two"]
    assert first["minutes"]["step"] == second["minutes"]["step"], "they agree on when it is over"
    assert (first["two"]["devices"], first["cut"]["devices"]) == ([2], [2, 1])
    for run in ("two", "cut"):
        assert np.allclose(first[run]["history"], first["one"]["history"], rtol=0, atol=2e-3), "dB: the same curve"


def exported(address: str, rank: int, pictures: Path, folder: Path, steps: int) -> list[str | Path]:
    sizes = ["--arch", "srcnn-915", "--filters", "4,2", "--batch", "4", "--patch", "16", "--steps", str(steps)]
    together = ["--cluster", address, "--rank", f"{rank}/2", "--backend", "jax"]
    return ["-m", "edge_srcnn", "export", "--int8", *sizes, *together, "--data", pictures, "-o", folder / str(rank)]


def test_the_command_ends_with_one_model(start: Start, address: str, pictures: Path, tmp_path: Path) -> None:
    both = [start(*exported(address, rank, pictures, tmp_path, 4)) for rank in (0, 1)]
    said = [process.communicate(timeout=LIMIT_S) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert {path.suffix for path in (tmp_path / "0").iterdir()} == {".tflite", ".md", ".html", ".training"}
    assert not (tmp_path / "1").exists()
    assert said[1][0] == ""
    assert said[1][1].splitlines()[-1] == "process 1 of 2: the training is over; process 0 writes the files"
    card = next((tmp_path / "0").glob("*.md")).read_text()
    assert address not in card, "where the others are is no business of the model's"


@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_dies_ends_the_other_with_a_clear_line(
    start: Start, address: str, pictures: Path, tmp_path: Path, victim: int
) -> None:
    both = [start(*exported(address, rank, pictures, tmp_path, 10**6)) for rank in (0, 1)]
    dies, other = both[victim], both[1 - victim]
    assert dies.stderr is not None
    while "devices in all" not in dies.stderr.readline():
        assert dies.poll() is None
    time.sleep(1)
    dies.send_signal(signal.SIGKILL)
    _, err = other.communicate(timeout=LIMIT_S)
    assert other.returncode == 1
    assert err.splitlines()[-1].startswith("edge-srcnn: another process of the training ended, or cannot be reached")
    assert "Traceback" not in err
