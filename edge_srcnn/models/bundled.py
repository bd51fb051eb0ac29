"""The models that come with the package, which of them is meant, and which live video steps between."""

import os
from collections.abc import Collection
from pathlib import Path

from edge_srcnn.errors import NoInput, UsageError, suggest
from edge_srcnn.models.spec import CAMERA

BUNDLED = Path(__file__).parent
SCALES = (1, 2, 3, 4)
"""Factors of upscaling for which there are networks; at 1 they clean, and the size stays."""

AUTO = "auto"
"""In place of a model's name: the best bundled one for the scale and for what gives the pictures; live video steps
down from there where the machine is too slow."""

LIVE = ("fast-s", "fast-m", "fast-l")
"""Families for live video, the fastest first."""

STILL = (*LIVE, "fast-xl")
"""Families for pictures and files: the last one need not keep up with a camera."""

OTHERWISE = "srcnn-915"
"""Where none of these is bundled, for scales above 1."""


def bundled_models() -> dict[str, Path]:
    """List the models that come with the package, by name."""
    return {path.stem: path for path in sorted(BUNDLED.glob("*.tflite"), key=lambda path: path.stem)}


def is_auto(name: str | Path | None) -> bool:
    """Tell whether ``name`` leaves the choice of the model to us: ``auto`` or None."""
    return name is None or name == AUTO


def checked_scale(scale: int) -> int:
    """Give ``scale`` back; ``UsageError`` where no model is bundled for it."""
    if scale not in SCALES:
        raise UsageError(f"scale {scale}: the bundled models are for {', '.join(map(str, SCALES))}")
    return scale


def own_name(name: str, path: Path | None = None) -> str:
    """Give the name of a model of one's own back.

    Parameters
    ----------
    name
        What it shall be called.
    path
        Where it shall lie, if that is known.

    Returns
    -------
    ``name``.

    Raises
    ------
    UsageError
        A bundled model is called so, or its place is the bundled ones' folder: who reads the name would be misled.
    """
    if name in bundled_models() or name == AUTO:
        raise UsageError(f"{name}: a bundled model is called so; give another --name, such as {name}-mine")
    if not name.isprintable() or not name.strip() or "/" in name:
        raise UsageError(f"{name!r}: no name for a model; give --name, such as mine")
    if path is not None and path.resolve().parent == BUNDLED.resolve():
        raise UsageError(f"{path}: the bundled models' folder, which an upgrade replaces; give another -o")
    return name


def find_model(name: str | Path | None, scale: int, *, camera: bool = False) -> Path:
    """Find the file of a bundled model, or of a path.

    Parameters
    ----------
    name
        ``auto`` and None mean the best bundled model for ``scale``.
    scale
        Counts for ``auto`` alone.
    camera
        The pictures come from a camera: ``auto`` is then a model that was trained for such pictures, where one is
        bundled.

    Returns
    -------
    A file that is there.

    Raises
    ------
    NoInput, UsageError
        There is neither a bundled model nor a file of that name; or none for the scale.
    """
    bundled = bundled_models()
    wanted = ladder_of(bundled, checked_scale(scale), camera=camera)[-1] if is_auto(name) else str(name)
    if wanted in bundled:
        return bundled[wanted]
    path = Path(wanted)
    if os.path.isfile(path):  # Path.is_file raises where it may not look
        return path
    close = suggest(wanted, list(bundled))
    meant = f"; did you mean {close}?" if close else ""
    raise NoInput(f"{wanted}: neither a file nor one of the bundled models ({', '.join(bundled) or 'none'}){meant}")


def live_ladder(scale: int, *, camera: bool = False) -> tuple[str, ...]:
    """Name the bundled models that live video steps between, from the fastest to the best."""
    return ladder_of(bundled_models(), scale, camera=camera, live=True)


def ladder_of(bundled: Collection[str], scale: int, *, camera: bool = False, live: bool = False) -> tuple[str, ...]:
    """Choose models that can take each other's place: of the same scale, and for the same kind of picture.

    Parameters
    ----------
    bundled
        Names of all bundled models.
    scale
        Factor of upscaling.
    camera
        The pictures come from a camera: models that were trained for such pictures, as soon as one is bundled. Others
        are not mixed in, since they treat noise in another way, and a step would be seen. At scale 1 these are taken
        for all pictures: what cleans is made for cameras.
    live
        The pictures come live, so the slowest family is left out.

    Returns
    -------
    Names, from the fastest to the best; at least one.

    Raises
    ------
    NoInput
        No model of scale 1 is bundled.
    """
    families = LIVE if live else STILL
    for ending in (f"-x{scale}-{CAMERA}", f"-x{scale}") if camera or scale == 1 else (f"-x{scale}",):
        models = tuple(family + ending for family in families if family + ending in bundled)
        if models:
            return models
    if scale == 1:
        recipe = "'edge-srcnn export --arch fast-m --scale 1 --degradation camera'"
        raise NoInput(f"no model that cleans at scale 1 is bundled here: train one ({recipe}), and give it to --model")
    for_cameras = f"{OTHERWISE}-x{scale}-{CAMERA}"
    return (for_cameras if camera and for_cameras in bundled else f"{OTHERWISE}-x{scale}",)
