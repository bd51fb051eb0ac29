"""The models that come with the package, and which of them is meant."""

import os
from pathlib import Path

from edge_srcnn.errors import NoInput, suggest
from edge_srcnn.models.ladder import Ladder, ladder_of

BUNDLED = Path(__file__).parent

AUTO = "auto"
"""In place of a model's name: the best bundled one for the scale and for what gives the pictures; live video steps
down from there where the machine is too slow."""


def bundled_models() -> dict[str, Path]:
    """List the models that come with the package, by name."""
    return {path.stem: path for path in sorted(BUNDLED.glob("*.tflite"), key=lambda path: path.stem)}


def is_auto(name: str | Path | None) -> bool:
    """Whether ``name`` leaves the choice of the model to us: ``auto`` or None."""
    return name is None or name == AUTO


def live_ladder(scale: int, *, camera: bool = False) -> Ladder:
    """Choose the bundled models that live video steps between."""
    return ladder_of(bundled_models(), scale, camera=camera, live=True)


def find_model(name: str | Path | None, scale: int, *, camera: bool = False) -> Path:
    """Find the file of a bundled model, or of a path.

    Parameters
    ----------
    name
        ``auto`` and None mean the best bundled model for ``scale``.
    camera
        The pictures come from a camera: ``auto`` is then a model that was trained for such pictures, where one is
        bundled.

    Raises
    ------
    NoInput
        There is neither a bundled model nor a file of that name.
    """
    bundled = bundled_models()
    wanted = str(name)
    if is_auto(name):
        wanted = ladder_of(bundled, scale, camera=camera).best
    if wanted in bundled:
        return bundled[wanted]
    path = Path(wanted)
    if os.path.isfile(path):  # Path.is_file raises where it may not look
        return path
    close = suggest(wanted, list(bundled))
    meant = f"; did you mean {close}?" if close else ""
    raise NoInput(f"{wanted}: neither a file nor one of the bundled models ({', '.join(bundled) or 'none'}){meant}")
