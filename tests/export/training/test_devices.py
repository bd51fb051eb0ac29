"""Two devices train the network of one, and a training goes on with another number of them.

Each back end runs in a process of its own: what devices there are is settled when it starts. Two devices here are two
virtual ones of one processor, which compute as two real ones would, only not at the same time.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from edge_srcnn.errors import BadData, UsageError
from export.data.pairs import Split
from export.data.patches import PatchSampler
from export.training.cluster import Cluster, read_cluster
from export.training.devices import ONE_DEVICE, OneDevice, check_batch, check_same, open_devices, rows_of
from tests.export.trainings import PLAN, QUICK, SPEC

HAS_JAX = find_spec("jax") is not None
BACKENDS = ("tensorflow", *(("jax",) if HAS_JAX else ()))
ROOT = Path(__file__).parents[3]

TRAINING = """
import json, sys
from dataclasses import replace
from pathlib import Path
from edge_srcnn.errors import UsageError
from export.data.pairs import load_split
from export.provenance import differs
from export.training.devices import ONE_DEVICE, open_devices
from export.training.network import layers_of
from export.training.train import train
from tests.export.trainings import PLAN, SPEC, TINY, kill_at, Killed

pictures, folder, devices = Path(sys.argv[1]), Path(sys.argv[2]), open_devices(2)
split = load_split([pictures], SPEC)
plan = replace(PLAN, steps=8, epoch_steps=2, learning_rate=5e-3)

def layers(trained):
    return [[layer.kernel.ravel().tolist(), layer.bias.tolist()] for layer in layers_of(trained.model)]

def run(name, first, then):
    try:
        train(TINY, SPEC, split, plan, folder / name, kill_at(4), devices=first)
    except Killed:
        pass
    return train(TINY, SPEC, split, plan, folder / name, devices=then)

found = {}
for name, trained in {
    "one": train(TINY, SPEC, split, plan, folder / "one"),
    "two": train(TINY, SPEC, split, plan, folder / "two", devices=devices),
    "one, then two": run("grows", ONE_DEVICE, devices),
    "two, then one": run("shrinks", devices, ONE_DEVICE),
}.items():
    found[name] = {"history": trained.state.history, "devices": trained.state.devices, "layers": layers(trained)}
    found[name]["differs"] = differs(trained.state)
try:
    open_devices(64)
except UsageError as error:
    print(json.dumps({"count": devices.count, "remark": devices.remark, "found": found, "too many": str(error)}))
"""


def in_process(backend: str, script: str, *arguments: str | Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **QUICK, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_two_devices_train_the_network_of_one_and_it_goes_on_with_either(
    backend: str, pictures: Path, tmp_path: Path
) -> None:
    done = in_process(backend, TRAINING, pictures, tmp_path)
    out, err = done.communicate(timeout=300)
    assert done.returncode == 0, err
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert told["count"] == 2
    assert told["remark"].startswith("2 virtual devices of one processor")
    assert told["too many"].startswith("--devices 64: ")
    assert "runs already, on 2" in told["too many"]
    assert ["2 devices" in (run["differs"] or "") for run in told["found"].values()] == [False, True, True, True]
    one, *others = told["found"].values()
    assert [run["devices"] for run in told["found"].values()] == [[1], [2], [1, 2], [2, 1]]
    for run in others:
        assert [row[0] for row in run["history"]] == [2, 4, 6, 8]
        assert np.allclose(run["history"], one["history"], rtol=0, atol=2e-3), "dB: the same curve"
        for mine, its in zip(run["layers"], one["layers"], strict=True):
            assert np.allclose(mine[0], its[0], rtol=0, atol=1e-3)


def test_the_rows_of_all_processes_are_the_batch(split: Split) -> None:
    class Process(OneDevice):
        processes = count = 2

        def __init__(self, rank: int) -> None:
            self.rank = rank

    sampler = PatchSampler(split.train, SPEC, batch=6, seed=3)
    whole = sampler.batch(5)
    parts = [sampler.batch(5, rows_of(6, Process(rank))) for rank in (0, 1)]
    for number in (0, 1):
        assert np.array_equal(np.concatenate([part[number] for part in parts]), whole[number])
    with pytest.raises(UsageError, match="--batch 7: 2 devices share it; give a multiple, such as 8"):
        check_batch(7, Process(0))
    check_batch(PLAN.batch, Process(0))


def test_another_process_must_have_the_same_pictures() -> None:
    class Second(OneDevice):
        rank, processes = 1, 2

        def send(self, data: bytes) -> bytes:
            return b"of process 0"

    with pytest.raises(BadData, match="process 1: other settings or pictures than process 0"):
        check_same("of process 1", Second())
    check_same("of process 0", Second())


def test_one_device_needs_nothing() -> None:
    assert open_devices(1) is ONE_DEVICE


class Read(NamedTuple):
    cluster: str | None
    rank: str | None
    found: Cluster | None = None
    error: str = ""


@pytest.mark.parametrize(
    "case",
    [
        Read(None, None),
        Read("auto", None, Cluster(None)),
        Read("10.0.0.1:4711", "1/3", Cluster("10.0.0.1:4711", 1, 3)),
        Read("[::1]:4711", "0/2", Cluster("[::1]:4711", 0, 2)),
        Read(None, "0/2", error="--rank 0/2: give --cluster HOST:PORT too, the address of process 0"),
        Read("auto", "0/2", error="--rank 0/2: the scheduler tells it; leave it out beside --cluster auto"),
        Read("10.0.0.1", "0/2", error="--cluster '10.0.0.1': give HOST:PORT of process 0"),
        Read("host:0", "0/2", error="--cluster 'host:0': give HOST:PORT of process 0"),
        Read("host:70000", "0/2", error="--cluster 'host:70000': give HOST:PORT of process 0"),
        Read("host:1", None, error="--cluster needs --rank K/N: process K, from 0 on, of N"),
        Read("host:1", "2/2", error="--rank '2/2': give K/N, such as 0/2 and 1/2"),
        Read("host:1", "one", error="--rank 'one': give K/N, such as 0/2 and 1/2"),
    ],
    ids=str,
)
def test_where_the_processes_meet_is_read(case: Read) -> None:
    if case.error:
        with pytest.raises(UsageError) as raised:
            read_cluster(case.cluster, case.rank)
        assert str(raised.value).startswith(case.error)
    else:
        assert read_cluster(case.cluster, case.rank) == case.found


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1:1", True), ("[::1]:1", True), ("localhost:1", True), ("10.0.0.1:1", False), ("gpu7:1", False)],
)
def test_only_an_address_of_this_machine_is_loopback(address: str, *, loopback: bool) -> None:
    assert Cluster(address, 0, 2).is_loopback is loopback


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="told of TensorFlow")
def test_several_processes_need_jax() -> None:
    with pytest.raises(UsageError, match=r"--cluster: .* on JAX alone, not on tensorflow"):
        open_devices(1, Cluster("127.0.0.1:1", 0, 2))
