"""Models as they could be bundled: the networks that are, and one for cameras, with facts that tests know."""

import os
from dataclasses import replace
from pathlib import Path

from edge_srcnn.models.bundled import BUNDLED
from edge_srcnn.models.file import read_model, seal_model
from edge_srcnn.models.spec import Quality, Training

CAMERA_MODEL = "srcnn-915-x2-camera"
COMMAND = "edge-srcnn export --int8 --scale 2 --degradation camera"
CARD = "# A card\n\nof srcnn-915-x3\n"

PICTURES = Training(("kodak", "holidays"), "CC0 for all", 42, 900, 12.5, 7)
CAMERA_PICTURES = Training(("a set",), "CC0 for cameras", 7, 90, 1.5, 0, command=COMMAND)
SETS = (
    Quality("set5", 33.94, 0.93, 36.52, 0.95, 36.51, 0.952),  # a gain of 2.57 dB
    Quality("set14", 30.43, 0.87, 32.39, 0.90, 32.38, 0.901),  # of 1.95 dB
)
CAMERA_SET = Quality("set5 camera", 27.1, 0.8, 29.3, 0.85, 29.25, 0.849)  # of 2.15 dB


def make_bundle(folder: Path) -> Path:
    """``srcnn-915-x2``, ``-x3`` and ``-x4``, of which the second has a card, and ``CAMERA_MODEL`` for scale 2 alone."""
    folder.mkdir()
    for scale in (2, 3, 4):
        _write(folder, f"srcnn-915-x{scale}", scale, training=PICTURES, quality=SETS)
    _write(folder, CAMERA_MODEL, 2, degradation="camera", training=CAMERA_PICTURES, quality=(CAMERA_SET,))
    (folder / "srcnn-915-x3.md").write_text(CARD)
    return folder


def make_ladder(folder: Path) -> Path:
    """``fast-s-x2``, ``fast-m-x2`` and ``fast-l-x2``: three networks that are bundled, under these names."""
    folder.mkdir()
    for name, from_name in (("s", "srcnn-915-x2"), ("m", "srcnn-915-x2-camera"), ("l", "srcnn-955-x2")):
        model = read_model(BUNDLED / f"{from_name}.tflite")
        spec = replace(model.spec, name=f"fast-{name}-x2")
        (folder / f"{spec.name}.tflite").write_bytes(seal_model(spec, model.graph, model.golden))
    return folder


def environment_of(bundle: Path, folder: Path, more: str = "") -> dict[str, str]:
    """What makes processes take ``bundle`` for what is bundled; ``folder`` gets a file that they read."""
    text = f"import pathlib\nfrom edge_srcnn.models import bundled\nbundled.BUNDLED = pathlib.Path({str(bundle)!r})\n"
    (folder / "sitecustomize.py").write_text(text + more)
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def _write(folder: Path, name: str, scale: int, **facts: object) -> None:
    model = read_model(BUNDLED / f"srcnn-915-x{scale}.tflite")
    spec = replace(model.spec, name=name, **facts)
    (folder / f"{name}.tflite").write_bytes(seal_model(spec, model.graph, model.golden))
