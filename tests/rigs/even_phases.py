"""Asks what it costs that networks leave no pattern of the sub-pixels' grid along edges, nor beside them.

Trains a network anew: freely; with an even last layer (``export/training/even.py``), so that nothing lies along edges;
and with drawn edges in each batch besides (``export/data/edges.py``), so that nothing lies beside them. Its teacher is
a float32 model of its scale. Measures PSNR in dB, and the energies of ``tests/export/test_ripple.py``.

usage (in the repository's root, EDGE_SRCNN_DATA names the folder of pictures):
    python -m tests.rigs.even_phases [--steps 12000] [--ways freely even edges] TEACHER.tflite fast-s-x2 fast-m-x2 ...
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.models.spec import BICUBIC
from export.architectures import Layer, find_architecture
from export.data.pairs import load_split
from export.data.patch_spec import patch_spec
from export.evaluation.evaluate import evaluate, read_ground_truths
from export.int8.flat import centre_flat_fields
from export.int8.gptq import convolve
from export.training.network import layers_of
from export.training.plan import TrainingPlan, usual_edges, usual_rate
from export.training.teacher import read_teachers, teach
from export.training.train import train
from tests.export import test_ripple as ripple
from tests.rigs.temporal_scenes import data_folder

Plane = NDArray[np.uint8]
PHOTOGRAPHS = ("cid22", "clic", "cc0")
WAYS = ("freely", "even", "edges")
HEADER = "| | Set5 | Set14 | beside edges | along edges |\n|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Floating:
    """Upscale luma, uint8 ``[h, w]``, by float layers."""

    layers: tuple[Layer, ...]
    scale: int

    def upscale(self, plane: Plane) -> Plane:
        """Upscale by the network, over bicubic."""
        halo, side = sum(layer.kernel.shape[0] // 2 for layer in self.layers), self.scale
        values = plane.astype(np.float32)[..., None] / np.float32(255)
        values = np.pad(values, ((halo, halo), (halo, halo), (0, 0)), "edge")
        for layer in self.layers[:-1]:
            values = np.maximum(convolve(values, layer), 0)
        residual = convolve(values, self.layers[-1])
        height, width, _ = residual.shape
        pixels = residual.reshape(height, width, side, side).transpose(0, 2, 1, 3).reshape(height * side, width * side)
        added = upscale_bicubic(plane, side) + np.rint(pixels * 255).astype(int)
        return np.clip(added, 0, 255).astype(np.uint8)


def figures(network: Floating, sets: dict[str, list[Plane]]) -> list[float]:
    """Measure a network: PSNR on each set, then energy beside and along edges."""
    methods = {"network": lambda small, scale: network.upscale(small)}
    found = [evaluate(name, planes, network.scale, methods)[0].psnr for name, planes in sets.items()]
    seen: Any = network
    return [*found, *(float(np.mean([*kind(seen)])) for kind in (ripple.beside_edges, ripple.along_edges))]


def trained(name: str, way: str, steps: int, teacher: Path, data: Path) -> Floating:
    """Train a network in one of ``WAYS``."""
    arch, _, scale = name.rpartition("-x")
    usual = find_architecture(arch, int(scale))
    architecture = replace(usual, even=way != "freely")
    plan = TrainingPlan(
        steps=steps,
        learning_rate=usual_rate("muon", usual),
        precision="mixed_bfloat16",
        expand=usual.expand,
        edges=usual_edges(usual, BICUBIC) if way == "edges" else 0.0,
    )
    spec = patch_spec(architecture)
    split = load_split([data / "train" / folder for folder in PHOTOGRAPHS], spec)
    with tempfile.TemporaryDirectory() as folder:
        taught = teach(split, read_teachers([teacher], architecture), Path(folder))
        model = train(architecture, spec, taught, plan, Path(folder)).model
    return Floating(centre_flat_fields(layers_of(model), architecture), architecture.scale)


def main() -> None:
    """Measure the networks that are named."""
    parser = argparse.ArgumentParser(prog="even_phases", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("teacher", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    options, data = parser.parse_args(), data_folder()
    sys.stdout.write(HEADER)
    for name in options.names:
        for way in options.ways:
            network = trained(name, way, options.steps, options.teacher, data)
            sets = {kind: read_ground_truths(data / "eval" / kind, network.scale) for kind in ("set5", "set14")}
            first, second, beside, along = figures(network, sets)
            sys.stdout.write(f"| `{name}`, {way} | {first:.3f} | {second:.3f} | {beside:.3f} | {along:.3f} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
