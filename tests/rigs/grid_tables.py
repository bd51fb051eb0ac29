"""Tables of ``edge-srcnn evaluate --grid --json`` in Markdown, for docs/camera-models.md; reads it from standard input.

The first table has the means over all conditions, the worst gain of one set under one condition, and GMSD; each further
one the gains of a model in dB, means over the pictures of all sets.

usage: edge-srcnn evaluate --data set5/ --data set14/ --model NAME --grid --json | python tests/rigs/grid_tables.py
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

PICTURES = {"set5": 5, "set14": 14}
Row = dict[str, Any]


def mean(rows: list[Row], figure: str) -> float:
    """Over pictures: sets count as many times as they have some."""
    return float(np.average([row[figure] for row in rows], weights=[PICTURES[row["set"]] for row in rows]))


def tables(rows: list[Row]) -> Iterator[str]:
    methods = list(dict.fromkeys(row["method"] for row in rows))
    base = next(method for method in ("bicubic", "input") if method in methods)
    models = [method for method in methods if method not in ("bicubic-matlab", base)]
    by_place = {(row["method"], row["set"], row["degrade"]): row for row in rows}
    yield line("", "PSNR", "SSIM", "GMSD", "least gain, dB")
    yield line(*["---"] * 5)
    for method in (base, *models):
        its = [row for row in rows if row["method"] == method]
        least = min(row["psnr"] - by_place[base, row["set"], row["degrade"]]["psnr"] for row in its)
        figures = (f"{mean(its, 'psnr'):.2f}", f"{mean(its, 'ssim'):.4f}", f"{mean(its, 'gmsd'):.4f}")
        yield line(f"`{method}`" if method in models else method, *figures, "" if method == base else f"{least:+.2f}")
    conditions = list(dict.fromkeys(row["degrade"] for row in rows))
    sigmas = list(dict.fromkeys(condition.split(", ")[2] for condition in conditions))
    for model in models:
        yield f"\n### `{model}`\n"
        yield line("frames, codec", *sigmas)
        yield line(*["---"] * (1 + len(sigmas)))
        for place in dict.fromkeys(condition.rpartition(", ")[0] for condition in conditions):
            its, bases = (
                [[row for row in rows if (row["method"], row["degrade"]) == (m, f"{place}, {s}")] for s in sigmas]
                for m in (model, base)
            )
            gains = [mean(a, "psnr") - mean(b, "psnr") for a, b in zip(its, bases, strict=True)]
            yield line(place, *(f"{gain:+.2f}" for gain in gains))


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(*tables(json.load(sys.stdin)), sep="\n")  # noqa: T201  # its purpose
