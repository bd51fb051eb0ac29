"""Instructions that a frame takes on emulated processors: prepares the networks, runs them there, shows the counts.

Run by instructions.sh. A tile of a network that reads the bicubic picture is counted as it is; a network that reads the
camera's whole frame is counted on two frames of few rows, and goes on as that line does: exact, since each row costs
the same.
"""

import argparse
import json
import os
import sys
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.build import network_of
from edge_srcnn.engine.graph import Convolution, Graph, Network, Quantization
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.interpreter import Interpreter, open_interpreter
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.plan import Blocks, Plan, default_plan
from edge_srcnn.engine.processor import Processor
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.engine.tiled_graph import network_for_processor
from edge_srcnn.errors import EdgeSrcnnError, NoInput
from edge_srcnn.measure.benchmark import CEILING_SIZE, ceiling_graph
from edge_srcnn.measure.tuning import packings
from edge_srcnn.models.spec import BICUBIC_PLANE
from edge_srcnn.upscaler import read_named

WIDTH, HEIGHT = 640, 480
ROWS = 8, 24
PACKING_WIDTH = 160
REFERENCE = "srcnn-915"
CEILING = "ceiling"
"""What the interpreter does best: a 1x1 convolution of many channels."""
NO_CACHES: dict[int, int] = {}  # of the second level and above; a Pi 5's 2 MiB choose the same tiles
PROCESSORS = {
    "cortex-a53": Processor("Cortex-A53", "aarch64", frozenset({"asimd", "cortex-a53"}), NO_CACHES),
    "cortex-a72": Processor("Cortex-A72", "aarch64", frozenset({"asimd"}), NO_CACHES),
    "cortex-a76": Processor("Cortex-A76", "aarch64", frozenset({"asimd", "asimddp"}), NO_CACHES),
}


@dataclass(frozen=True)
class Job:
    """A network in one setting, and the frames (height, width) that are run through it; no plane: a bare graph."""

    name: str
    graph: str
    plane: str
    unshuffle: int
    shuffle: int
    residual: bool
    scale: int
    macs: float
    blocks: str
    tile: tuple[int, int]
    frames: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Count:
    """Instructions for each pixel of the result: in the interpreter, and around it."""

    network: float
    host: float


def random_network(name: str, scale: int) -> Network:
    """Make the int8 network of a name such as ``fast-c16d4`` with weights drawn by chance."""
    from export.architectures import find_architecture

    architecture = find_architecture(name, scale)
    draw, layers = np.random.default_rng(zlib.crc32(name.encode())), []
    for number, (height, width, inputs, outputs) in enumerate(architecture.shapes, 1):
        last = number == len(architecture.shapes)
        weights = draw.integers(-127, 128, (outputs, height, width, inputs)).astype(np.int8)
        bias = draw.integers(-1000, 1001, outputs).astype(np.int32)
        scales = np.full(outputs, 0.01 / np.sqrt(height * width * inputs), np.float32)
        result = Quantization(1 / 255, 0) if last else Quantization(0.02, -128)
        layers.append(Convolution(weights, bias, scales, result, not last))
    shape = (32, 32, architecture.unshuffle**2)
    graph = Graph(shape, Quantization(1 / 255, -128), tuple(layers))
    return Network(graph, architecture.plane, architecture.unshuffle, architecture.shuffle, architecture.residual)


def find_network(name: str, scale: int) -> tuple[Network, int]:
    """Give the network of a model file, a bundled model or an architecture, and its scale."""
    try:
        model = read_named(name, scale)
    except NoInput:
        if name.endswith(".tflite"):
            raise
        return random_network(name, scale), scale
    return network_of(model), model.spec.scale


def prepare(work: Path, wanted: argparse.Namespace) -> None:
    """Write the graphs, and the jobs of each processor."""
    (work / "processors").write_text("\n".join(wanted.cpu))
    best = work / f"{CEILING}.tflite"
    best.write_bytes(write_graph(ceiling_graph(np.dtype(np.int8))))
    names = wanted.network if wanted.packings else [f"{REFERENCE}-x{wanted.scale}", *wanted.network]
    networks = {}
    for number, name in enumerate(names):
        networks[name] = *find_network(name, wanted.scale), work / f"{number}.tflite"
        networks[name][2].write_bytes(write_graph(networks[name][0].graph))
    for cpu in wanted.cpu:
        macs = ceiling_graph(np.dtype(np.int8)).macs_per_cell
        jobs = [] if wanted.packings else [bare_job(CEILING, best, macs, CEILING_SIZE)]
        jobs += [bare_job(Path(file).stem, Path(file).resolve(), 0, (1, 1)) for file in wanted.bare]
        for name, (network, scale, graph) in networks.items():
            default = default_plan(network, PROCESSORS[cpu], 1)
            sides = network.unshuffle, network.shuffle
            facts = name, str(graph), network.plane, *sides, network.residual, scale, network.macs_per_pixel
            for blocks in packings(network.graph) if wanted.packings else (default.blocks,):
                setting = Plan(blocks, default.tile, 1)
                tile, frames = frames_for(network, scale, setting, PACKING_WIDTH if wanted.packings else WIDTH)
                jobs.append(Job(*facts, str(blocks), tile, frames))
        (work / f"jobs.{cpu}").write_text(json.dumps([asdict(job) for job in jobs]))


def bare_job(name: str, graph: Path, macs: float, size: tuple[int, int]) -> Job:
    """Describe a graph that is run as it is, for counts by ``size``."""
    return Job(name, str(graph), "", 1, 1, False, 1, macs, "", (0, 0), (size,))


def frames_for(
    network: Network, scale: int, setting: Plan, width: int
) -> tuple[tuple[int, int], tuple[tuple[int, int], ...]]:
    """Give the tile that a whole frame is cut into, and the frames that are enough to count it."""
    if network.plane != BICUBIC_PLANE:
        return setting.tile, tuple((rows, width) for rows in ROWS)
    tile = network_for_processor(network, (HEIGHT * scale, WIDTH * scale), setting).tiles[0]
    return (tile.height, tile.width), ((tile.height // scale, tile.width // scale),)


def count(work: Path, cpu: str) -> None:
    """Run the jobs of a processor, there; marks stand before and after each frame, and each run of the interpreter."""
    invoke = Interpreter.run
    cv2.setNumThreads(1)

    def marked(self: Interpreter) -> None:
        os.getppid()
        invoke(self)
        os.getppid()

    marks = []
    for job in (Job(**facts) for facts in json.loads((work / f"jobs.{cpu}").read_text())):
        for size in job.frames:
            frame = frame_of(job, size)
            frame()
            Interpreter.run = marked  # type: ignore[method-assign]
            os.getppid()
            tiles = frame()
            os.getppid()
            Interpreter.run = invoke  # type: ignore[method-assign]
            marks.append(2 + 2 * tiles)
    (work / f"marked.{cpu}").write_text(json.dumps(marks))


def frame_of(job: Job, size: tuple[int, int]) -> Callable[[], int]:
    """Make what computes a frame, and gives the number of tiles in it."""
    data = Path(job.graph).read_bytes()
    if not job.plane:
        interpreter = open_interpreter("litert", data, 1)

        def bare() -> int:
            interpreter.run()
            return 1

        return bare
    network = Network(read_graph(data), job.plane, job.unshuffle, job.shuffle, job.residual)
    setting = Plan(Blocks.parse(job.blocks), (job.tile[0], job.tile[1]), 1)
    upscaler = LumaUpscaler(TiledInference(network, backend_named("litert"), plan_for=lambda h, w: setting), job.scale)
    picture = (np.indices(size).sum(axis=0) * 7919 % 256).astype(np.uint8)
    out = np.empty([side * job.scale for side in size], np.uint8)

    def whole() -> int:
        upscaler.statistics.clear()
        upscaler.upscale(picture, out)
        return upscaler.statistics.tiles

    return whole


def counts_of(jobs: list[Job], marked: list[int], totals: list[int]) -> list[Count]:
    """Read the counts, one for each job, from what stood at the marks: ``marked`` says how many each frame has."""
    left, frames, found = iter(totals), iter(marked), []
    for job in jobs:
        network, host, pixels = [], [], []
        for height, width in job.frames:
            begin, *runs, end = (next(left) for _ in range(next(frames)))
            inside = sum(runs[1::2]) - sum(runs[::2])
            network.append(inside)
            host.append(end - begin - inside)
            pixels.append(height * width * job.scale**2)
        found.append(Count(*(per_pixel(part, pixels, job) for part in (network, host))))
    return found


def per_pixel(instructions: list[int], pixels: list[int], job: Job) -> float:
    """Give the instructions for each pixel of a whole frame, where one frame or two smaller ones were counted."""
    if len(instructions) == 1:
        return instructions[0] / pixels[0]
    whole = job.frames[0][1] * HEIGHT * job.scale**2
    slope = (instructions[1] - instructions[0]) / (pixels[1] - pixels[0])
    return (instructions[0] + (whole - pixels[0]) * slope) / whole


def show(work: Path, wanted: argparse.Namespace) -> None:
    """Print the table, and write the counts where they are wanted."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for cpu in wanted.cpu:
        jobs = [Job(**facts) for facts in json.loads((work / f"jobs.{cpu}").read_text())]
        marked = json.loads((work / f"marked.{cpu}").read_text())
        totals = [int(line) for line in (work / f"marks.{cpu}").read_text().split()]
        counts = counts_of(jobs, marked, totals[len(totals) - sum(marked) :])  # others may have asked at the beginning
        for job, found in zip(jobs, counts, strict=True):
            row = rows.setdefault(
                (job.name, job.blocks if wanted.packings else ""), {"name": job.name, "macs": job.macs}
            )
            row[cpu] = {"blocks": job.blocks, **asdict(found)}
    print(told(list(rows.values()), wanted.cpu, packings=wanted.packings))  # noqa: T201
    if wanted.json:
        Path(wanted.json).write_text(json.dumps(list(rows.values()), indent=1) + "\n")


def told(rows: list[dict[str, Any]], processors: list[str], *, packings: bool) -> str:
    """Render the counts as a table: each as a share of packed srcnn-915's, or of the best packing's."""
    best = {row["name"]: row for row in rows}.get(CEILING)
    others = [row for row in rows if not row[processors[0]]["blocks"]]
    rows = [row for row in rows if row not in others]
    lines = [["network", *processors]]
    for row in rows:
        cells = []
        for cpu in processors:
            mine, alike = row[cpu], [each for each in rows if each["name"] == row["name"]] if packings else rows[:1]
            share = frame(mine) / min(frame(each[cpu]) for each in alike)
            cell = f"{mine['network']:.0f} + {mine['host']:.0f}, {share:.1%}, {mine['blocks']}"
            if best is not None:
                cell += f", {row['macs'] / mine['network'] / (best['macs'] / best[cpu]['network']):.0%}"
            cells.append(cell)
        lines.append([Path(row["name"]).stem if row["name"].endswith(".tflite") else row["name"], *cells])
    text = "Instructions for each pixel of the result: in the interpreter + around it, share of "
    text += "the best packing's, packing" if packings else "the first network's, packing, share of the int8 ceiling"
    if best is not None:
        ceiling = ", ".join(f"{cpu} {best['macs'] / best[cpu]['network']:.2f}" for cpu in processors)
        text += f"\nMultiplications for each instruction at the ceiling: {ceiling}"
        for row in others[1:]:
            counts = ", ".join(f"{cpu} {row[cpu]['network'] / 1e6:.1f}" for cpu in processors)
            text += f"\n{row['name']}, million: {counts}"
    table = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join([text, "", *(f"| {' | '.join(line)} |" for line in table)])


def frame(counts: dict[str, Any]) -> float:
    """Add up the instructions of a frame."""
    return float(counts["network"] + counts["host"])


def main() -> None:
    """Do one of the three steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step", choices=("prepare", "count", "show"))
    parser.add_argument("work", type=Path)
    parser.add_argument("network", nargs="*")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--cpu", action="append", choices=list(PROCESSORS))
    parser.add_argument("--packings", action="store_true")
    parser.add_argument("--bare", action="append", default=[])
    parser.add_argument("--json")
    wanted = parser.parse_intermixed_args()
    if wanted.step == "count":
        count(wanted.work, wanted.network[0])
        return
    wanted.cpu = wanted.cpu or list(PROCESSORS)
    try:
        (prepare if wanted.step == "prepare" else show)(wanted.work, wanted)
    except EdgeSrcnnError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
