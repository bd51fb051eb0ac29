"""Asks what it costs to forbid networks any pattern of the sub-pixels' grid along edges.

Where nothing changes downwards, neither may the result: then the last layer's kernels, summed downwards, are the same
for every row of sub-pixels; across likewise. The rig moves the last layer of a float network there by the least change
of its outputs, and measures it before and after: PSNR in dB, and the energies of ``tests/export/test_ripple.py``.

With --train it trains such networks anew: freely, held there all the while, and with filters that come flipped, which
holds them there for x2 (these without the products of --expand). Their teacher is the float fast-xl of their scale.

usage (in the repository's root, EDGE_SRCNN_DATA names the folder of pictures):
    python -m tests.rigs.even_phases [fast-s-x2 fast-m-x2 ...]
    python -m tests.rigs.even_phases --train 12000 [--ways freely even flips square] [fast-s-x2 fast-m-x2 ...]
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.models.file import read_model
from export.architectures import Architecture, Layer, find_architecture
from export.data.degradation import degrade
from export.data.pairs import load_split
from export.data.patch_spec import patch_spec
from export.evaluation.evaluate import evaluate, read_ground_truths
from export.int8.flat import centre_flat_fields
from export.int8.gptq import DAMPING, convolve
from export.training.expansion import ExpandedConvolution
from export.training.network import layers_of
from export.training.plan import TrainingPlan, usual_rate
from export.training.start_from import layers_of_graph
from export.training.teacher import read_teachers, teach
from export.training.train import train
from tests.export import test_ripple as ripple
from tests.rigs.temporal_scenes import data_folder

Plane = NDArray[np.uint8]
Matrix = NDArray[np.float64]
PHOTOGRAPHS = ("cid22", "clic", "cc0")
WAYS = ("freely", "even", "flips", "square")
HEADER = "| | Set5 | Set14 | beside edges | along edges |\n|---|---|---|---|---|\n"
ROWS, PICTURES = 1500, 40
"""Places of each picture, and pictures, whose features say what a change of the last layer does."""


@dataclass(frozen=True)
class Floating:
    """Upscale luma, uint8 ``[h, w]``, by float layers."""

    layers: tuple[Layer, ...]
    scale: int

    def features(self, plane: Plane) -> NDArray[np.float32]:
        """Compute what the last layer reads."""
        halo = sum(layer.kernel.shape[0] // 2 for layer in self.layers)
        values = np.pad(
            plane.astype(np.float32)[..., None] / np.float32(255), ((halo, halo), (halo, halo), (0, 0)), "edge"
        )
        for layer in self.layers[:-1]:
            values = np.maximum(convolve(values, layer), 0)
        return values

    def upscale(self, plane: Plane) -> Plane:
        """Upscale by the network, over bicubic."""
        residual, side = convolve(self.features(plane), self.layers[-1]), self.scale
        height, width, _ = residual.shape
        pixels = residual.reshape(height, width, side, side).transpose(0, 2, 1, 3).reshape(height * side, width * side)
        added = upscale_bicubic(plane, side) + np.rint(pixels * 255).astype(int)
        return np.clip(added, 0, 255).astype(np.uint8)


def covariance(network: Floating, planes: list[Plane]) -> Matrix:
    """Measure how the last layer's inputs vary together: ``[taps, taps]``."""
    rng, rows = np.random.default_rng(0), []
    for plane in planes:
        windows = sliding_window_view(network.features(plane), (3, 3), axis=(0, 1))
        chosen = rng.integers(windows.shape[0], size=ROWS), rng.integers(windows.shape[1], size=ROWS)
        rows.append(windows[chosen].transpose(0, 2, 3, 1).reshape(ROWS, -1))
    found = np.cov(np.concatenate(rows).astype(np.float64), rowvar=False)
    found[np.diag_indices(len(found))] += DAMPING * np.trace(found) / len(found)
    return np.asarray(found)


def even_out(layer: Layer, inputs: Matrix, scale: int) -> Layer:
    """Move a last layer to where its summed kernels are the same for all sub-pixels of a column, and of a row."""
    side, _, channels, _ = layer.kernel.shape
    taps = np.arange(side * side * channels).reshape(side, side, channels)
    downwards, across = (np.zeros((side * channels, taps.size)) for _ in range(2))
    for line in range(side):
        for channel in range(channels):
            downwards[line * channels + channel, taps[:, line, channel]] = 1
            across[line * channels + channel, taps[line, :, channel]] = 1
    means, _ = np.linalg.qr(np.column_stack([np.ones(scale), np.eye(scale)[:, : scale - 1]]))  # the first is the mean
    kernels = layer.kernel.reshape(taps.size, scale, scale).astype(np.float64)
    parts = np.einsum("tij,ip,jq->tpq", kernels, means, means)
    inverse = np.linalg.inv(inputs)
    for down in range(scale):
        for right in range(scale):
            zero = [sums for sums, differs in ((downwards, down), (across, right)) if differs]
            if zero:
                sums = np.concatenate(zero)
                back = inverse @ sums.T @ np.linalg.pinv(sums @ inverse @ sums.T, rcond=1e-10)
                parts[:, down, right] -= back @ (sums @ parts[:, down, right])
    even = np.einsum("tpq,ip,jq->tij", parts, means, means).reshape(layer.kernel.shape)
    return Layer(even.astype(np.float32), np.full_like(layer.bias, layer.bias.mean()))


def figures(network: Floating, sets: dict[str, list[Plane]]) -> list[float]:
    """Measure a network: PSNR on each set, then energy beside and along edges."""
    methods = {"network": lambda small, scale: network.upscale(small)}
    found = [evaluate(name, planes, network.scale, methods)[0].psnr for name, planes in sets.items()]
    seen: Any = network
    return [*found, *(float(np.mean([*kind(seen)])) for kind in (ripple.beside_edges, ripple.along_edges))]


class EvenConvolution(ExpandedConvolution):
    """Convolve with an even kernel, where no ReLU follows: that is the last layer."""

    @property
    def kernel(self) -> Any:
        """Move the product to the nearest even kernel."""
        product = super().kernel
        if self.activation is not keras.activations.linear:
            return product
        *shape, outputs = product.shape
        scale = round(outputs**0.5)
        kernels = keras.ops.reshape(product, (*shape, scale, scale))
        for along, sub_pixels in ((0, 3), (1, 4)):
            means = keras.ops.mean(kernels, axis=along, keepdims=True)
            kernels = kernels - means + keras.ops.mean(means, axis=sub_pixels, keepdims=True)
        return keras.ops.reshape(kernels, product.shape)


def trained(name: str, way: str, steps: int, data: Path) -> Floating:
    """Train a network in one of ``WAYS``; the biases of an even one are averaged at the end."""
    arch, _, scale = name.rpartition("-x")
    architecture: Architecture = find_architecture(arch, int(scale))
    symmetry = way if way in ("flips", "square") else "none"
    plan = TrainingPlan(
        steps=steps,
        learning_rate=usual_rate("muon", architecture),
        precision="mixed_bfloat16",
        symmetry=symmetry,
        expand=architecture.expand if symmetry == "none" else 0,
    )
    spec = patch_spec(architecture)
    split = load_split([data / "train" / folder for folder in PHOTOGRAPHS], spec)
    teachers = read_teachers([Path(f"docs/models/fast-xl-x{scale}-float32.tflite")], architecture)
    with tempfile.TemporaryDirectory() as folder:
        taught = teach(split, teachers, Path(folder))
        convolution = EvenConvolution if way == "even" else ExpandedConvolution
        with patch("export.training.network.ExpandedConvolution", convolution):
            model = train(architecture, spec, taught, plan, Path(folder)).model
    *inner, last = centre_flat_fields(layers_of(model), architecture)
    bias = np.full_like(last.bias, last.bias.mean()) if way == "even" else last.bias
    return Floating((*inner, Layer(last.kernel, bias)), architecture.scale)


def moved(name: str, data: Path) -> dict[str, Floating]:
    """Read a network, and move its last layer."""
    model = read_model(Path(f"docs/models/{name}-float32.tflite"))
    network = Floating(layers_of_graph(read_graph(model.graph)), model.spec.scale)
    seen = [plane for plane in read_ground_truths(data / "train/t91", network.scale) if min(plane.shape) >= 96]
    inputs = covariance(network, [degrade("bicubic", plane, network.scale, 0) for plane in seen[:PICTURES]])
    even = Floating((*network.layers[:-1], even_out(network.layers[-1], inputs, network.scale)), network.scale)
    return {"": network, ", made even": even}


def main() -> None:
    """Measure the networks that are named."""
    parser = argparse.ArgumentParser(prog="even_phases", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=["fast-s-x2", "fast-m-x2", "fast-l-x2", "fast-xl-x2"])
    parser.add_argument("--train", type=int, metavar="STEPS")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    options, data = parser.parse_args(), data_folder()
    sys.stdout.write(HEADER)
    for name in options.names:
        ways = (
            ((f", {way}", trained(name, way, options.train, data)) for way in options.ways)
            if options.train
            else moved(name, data).items()
        )
        for what, network in ways:
            sets = {kind: read_ground_truths(data / "eval" / kind, network.scale) for kind in ("set5", "set14")}
            first, second, beside, along = figures(network, sets)
            sys.stdout.write(f"| `{name}`{what} | {first:.3f} | {second:.3f} | {beside:.3f} | {along:.3f} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
