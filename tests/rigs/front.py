"""Measures the front: how many dB which network buys for how much time, and draws it.

Trains fast networks alike, then times them beside packed srcnn-915 in turns, natively and as on a processor with AVX2
alone, and counts their instructions on the processors of three Raspberry Pi's. What is there already is not done again.

usage (in the repository's root, as root):
    .venvs/dev/bin/python tests/rigs/front.py RUNS --data PICTURES... --evaluate set5/ set14/ [--teacher T.tflite]
        trains into the folder RUNS, and writes docs/front.json, docs/front.md and docs/front.svg
    ... --only draw        one of the steps alone: train, time, count, draw
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np

from edge_srcnn.batch.cluster.start import open_cluster
from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.build import network_of
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.interpreter import Interpreter, open_interpreter
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.plan import default_plan
from edge_srcnn.engine.processor import this_processor
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.measure import picture_for
from edge_srcnn.measure.benchmark import CEILING_SIZE, ceiling_graph
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import read_model
from edge_srcnn.upscaler import read_named
from export.architectures.fast import LADDER

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.rigs.front_page import (  # noqa: E402  # the root of the repository must come first
    HEIGHT,
    SCALE,
    WIDTH,
    YARDSTICKS,
    ceiling_table,
    draw,
    front_page,
    ladder_networks,
    pi_table,
)
from tests.rigs.instructions import CEILING, PROCESSORS, REFERENCE, random_network  # noqa: E402

NETWORKS = (
    *("c8d3", "c8d4", "c12d4", "c16d3", "c16d4", "c16d4k3", "c16d6", "c16d9"),
    *("c24d4", "c24d5", "c32d3", "c32d5", "c48d4", "c16d4b2", "c32d4b2", "c32d6b2"),
)
STEPS = 3000
ROUNDS = 9


def model_file(runs: Path, name: str) -> Path:
    """Find the model of a training, however its length has it called; where there is none, the usual name."""
    usual = runs / f"fast-{name}-x{SCALE}.tflite"
    named = (usual.with_stem(f"{usual.stem}{after}") for after in ("-short", "-own"))
    return next((path for path in named if path.exists()), usual)


def train(runs: Path, names: Sequence[str], wanted: argparse.Namespace) -> None:
    """Train those networks whose models are missing; one that was cut off goes on where it stopped."""
    commands = []
    for name in names:
        file = model_file(runs, name)
        if file.exists():
            continue
        command = ["export", "--int8", "--arch", f"fast-{name}", "--scale", str(SCALE), "--steps", str(wanted.steps)]
        for option, folders in (
            ("--data", wanted.data),
            ("--evaluate", wanted.evaluate),
            ("--teacher", wanted.teacher),
        ):
            command += [word for folder in folders for word in (option, str(Path(folder).resolve()))]
        command += ["--precision", wanted.precision, "--output", str(file.parent.resolve())]
        commands.append([sys.executable, "-m", "edge_srcnn", *command])
    if wanted.dask is None:
        for command in commands:
            subprocess.run(command, check=True, env=_environment())
        return
    with open_cluster(wanted.dask) as cluster:  # a network on each worker; times are taken here alone
        cluster.wait_for_workers()
        done = [
            cluster.client.submit(subprocess.run, command, check=True, cwd=ROOT, pure=False, retries=1)
            for command in commands
        ]
        cluster.client.gather(done)


def quality(runs: Path, name: str) -> dict[str, Any]:
    """Read what a model's file says of it."""
    spec = read_model(model_file(runs, name)).spec
    found: dict[str, Any] = {q.set: round(q.psnr, 2) for q in spec.quality}
    return found | {"held_out": round(spec.training.held_out_psnr or math.nan, 2), "steps": spec.training.steps}


def shipped() -> dict[str, float]:
    """Read what the bundled models of the ladder have on Set5, as far as there are any."""
    models = {name: bundled_models().get(f"{name}-x{SCALE}") for name in LADDER}
    found = {name: read_model(path).spec.quality for name, path in models.items() if path}
    return {name: round(q.psnr, 2) for name, rows in found.items() for q in rows if q.set == "set5"}


def times(names: Sequence[str], scale: int = SCALE) -> dict[str, Any]:
    """Time frames of all networks in turns, here: CPU time of one thread in ms, the least of ``ROUNDS``.

    Of the whole frame, and of the interpreter in it; and the int8 ceiling in 10^9 multiplications a second.
    """
    cv2.setNumThreads(1)
    invoke, spent = Interpreter.run, [0.0]

    def timed(self: Interpreter) -> None:
        began = process_time()
        invoke(self)
        spent[0] += process_time() - began

    processor, picture, upscalers = this_processor(), picture_for(WIDTH, HEIGHT), {}
    networks = {REFERENCE: network_of(read_named(f"{REFERENCE}-x{scale}", scale))}
    networks |= {name: random_network(f"fast-{name}", scale) for name in names}
    for name, network in networks.items():
        setting = default_plan(network, processor, 1)
        inference = TiledInference(network, backend_named("litert"), plan_for=lambda h, w, s=setting: s)  # type: ignore[misc]
        upscalers[name] = LumaUpscaler(inference, scale)
    out = np.empty((HEIGHT * scale, WIDTH * scale), np.uint8)
    best = ceiling_graph(np.dtype(np.int8))
    ceiling = open_interpreter("litert", write_graph(best), 1)
    frames: dict[str, list[float]] = {name: [] for name in (*networks, CEILING)}
    inside: dict[str, list[float]] = {name: [] for name in networks}
    Interpreter.run = timed  # type: ignore[method-assign]  # wall time says nothing where others compute too
    for each in range(1 + ROUNDS):
        for name, upscaler in upscalers.items():
            spent[0], began = 0.0, process_time()
            upscaler.upscale(picture, out)
            if each:  # the first frame makes the interpreter
                frames[name].append(process_time() - began)
                inside[name].append(spent[0])
        began = process_time()
        ceiling.run()
        frames[CEILING].append(process_time() - began)
    vnni = {"avx512_vnni", "avx_vnni"} & processor.flags
    return {
        "instruction_set": "vnni" if vnni else "avx2" if "avx2" in processor.flags else "other",
        "frame_ms": {name: round(min(frames[name]) * 1000, 1) for name in networks},
        "network_ms": {name: round(min(inside[name]) * 1000, 1) for name in networks},
        "ceiling_gmacs": round(best.macs_per_cell * math.prod(CEILING_SIZE) / min(frames[CEILING]) / 1e9, 1),
    }


def time_all(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Time the networks here, and as on a processor without int8 dot products."""
    rig, me = ROOT / "tests/rigs/instruction_set.sh", [sys.executable, __file__, "-", "--only", "times", *names]
    found = {}
    for before in ([], [str(rig), "haswell"]):
        told = subprocess.run([*before, *me], check=True, env=_environment(), stdout=subprocess.PIPE, cwd=ROOT).stdout
        result = json.loads(told)
        found[result.pop("instruction_set")] = result
    return found


def count(names: Sequence[str], into: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Count the instructions of all networks on emulated processors."""
    rig = [str(ROOT / "tests/rigs/instructions.sh"), "--json", str(into), *(f"fast-{name}" for name in names)]
    rig += [word for version in YARDSTICKS for word in ("--bare", str(mobilenet(version, into.parent)))]
    environment = _environment() | {"PI_PYTHON": sys.executable}
    subprocess.run(rig, check=True, env=environment, cwd=ROOT, stdout=sys.stderr)
    found = {}
    for row in json.loads(into.read_text()):
        name = row["name"].removeprefix("fast-").removesuffix(f"-x{SCALE}")
        found[name] = {cpu: row[cpu] for cpu in PROCESSORS} | {"macs": row["macs"]}
    return found


def mobilenet(name: str, folder: Path) -> Path:
    """Make an int8 MobileNet of random weights, whose speed on Raspberry Pi's is published."""
    file = folder / f"{name}.tflite"
    if not file.exists():
        import tensorflow as tf

        shape, draw = (224, 224, 3), np.random.default_rng(0)
        make = {"mobilenet-v1": tf.keras.applications.MobileNet, "mobilenet-v2": tf.keras.applications.MobileNetV2}[
            name
        ]
        converter = tf.lite.TFLiteConverter.from_keras_model(make(shape, weights=None))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([draw.random((1, *shape), np.float32)] for _ in range(2))
        converter.inference_input_type = converter.inference_output_type = tf.int8
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(converter.convert())
    return file


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def main() -> None:
    """Do the steps that are wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("network", nargs="*", help="such as c16d4; all that are compared")
    parser.add_argument("--only", choices=("train", "time", "count", "draw", "times"))
    parser.add_argument(
        "--scale", type=int, default=SCALE, help="of --only times, which prints them; the page is of x2"
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--data", nargs="+", default=[])
    parser.add_argument("--evaluate", nargs="+", default=[])
    parser.add_argument(
        "--teacher", nargs="+", default=[], help="float32 .tflite of larger networks; all learn from them"
    )
    parser.add_argument(
        "--dask", help="train on these workers, as of upscale --dask; they have this Python, RUNS and pictures, too"
    )
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    wanted = parser.parse_intermixed_args()
    names = wanted.network or list(NETWORKS)
    if wanted.only == "times":
        print(json.dumps(times(names, wanted.scale)))  # noqa: T201  # read by the process that asked
        return
    names_measured = names if wanted.network else [*names, *(name for name in ladder_networks() if name not in names)]
    results = wanted.docs / "front.json"
    front: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {}
    front = {key: front.get(key, {}) for key in ("macs", "quality", "shipped", "times", "instructions")}
    front["macs"] |= {name: round(random_network(f"fast-{name}", SCALE).macs_per_pixel) for name in names_measured}
    front["macs"][REFERENCE] = network_of(read_named(f"{REFERENCE}-x{SCALE}", SCALE)).macs_per_pixel
    if wanted.only in (None, "train"):
        train(wanted.runs, names, wanted)
    front["quality"] |= {name: quality(wanted.runs, name) for name in names if model_file(wanted.runs, name).exists()}
    front["shipped"] = shipped()
    if wanted.only == "time" or (
        wanted.only is None and not set(names_measured) <= set(front["times"].get("avx2", {}).get("frame_ms", {}))
    ):
        front["times"] |= time_all(names_measured)
    if wanted.only == "count" or (wanted.only is None and not set(names_measured) <= set(front["instructions"])):
        front["instructions"] |= count(names_measured, wanted.runs / "instructions.json")
    results.write_text(json.dumps(front, indent=1, sort_keys=True) + "\n")
    if wanted.only in (None, "draw"):
        print(pi_table(front), ceiling_table(front), sep="\n\n")  # noqa: T201  # for docs/pi.md
        (wanted.docs / "front.md").write_text(front_page(front, ROUNDS))
        draw(front, wanted.docs / "front.svg")


if __name__ == "__main__":
    main()
