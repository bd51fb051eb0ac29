"""VMAF NEG of models beside bicubic under the grid of noise and codecs: how good pictures look, as people scored them.

VMAF is a support vector machine over fidelity features, trained on viewers' scores; NEG is its form that does not
reward sharpening. ``pip install vmaf-torch`` brings it with its model (and PyTorch). Prints the mean over the pictures,
from 0 to 100, and the gain of each model over bicubic.

usage: python tests/rigs/vmaf.py SCALE FOLDER_OF_PICTURES MODEL...
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from vmaf_torch import VMAF

from edge_srcnn import load_model
from edge_srcnn.imaging.bicubic import base_name, upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from export.evaluation.evaluate import Method, method_of, read_ground_truths
from export.evaluation.grid import grid, spoil

CODECS = {("jpeg", 60), ("jpeg", 95), ("h264", 28)}


def vmaf(score: VMAF, picture: UInt8Array, hr: UInt8Array) -> float:
    """From 0 to 100, of luma planes of one shape."""
    reference, distorted = (torch.from_numpy(plane[None, None].astype(np.float32)) for plane in (hr, picture))
    with torch.no_grad():
        return float(score(reference, distorted))


def table(scale: int, folder: Path, models: list[str]) -> Iterator[str]:
    """Lines of Markdown."""
    score = VMAF(enable_motion=False, NEG=True, clip_score=True)
    hr_planes = read_ground_truths(folder, scale)
    methods: dict[str, Method] = {base_name(scale): upscale_bicubic}
    methods |= {Path(name).stem: method_of(load_model(name, scale=scale)) for name in models}
    yield row("frames", "codec", "noise", *methods)
    yield row(*["---"] * (3 + len(methods)))
    for condition in grid():
        if (condition.codec, condition.setting) not in CODECS:
            continue
        small_planes = [spoil(hr, scale, condition, number) for number, hr in enumerate(hr_planes, 1)]
        base, *others = (
            np.mean([vmaf(score, run(small, scale), hr) for small, hr in zip(small_planes, hr_planes, strict=True)])
            for run in methods.values()
        )
        yield row(*condition.cells(), f"{base:.1f}", *(f"{other - base:+.1f}" for other in others))


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in table(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]):
        print(line)  # noqa: T201  # its purpose
