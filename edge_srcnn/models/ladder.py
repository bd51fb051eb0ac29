"""The models of ``--model auto``: which of the bundled models it chooses from, from the fastest to the best."""

from collections.abc import Collection
from dataclasses import dataclass

from edge_srcnn.models.file import CAMERA

LIVE = ("fast-s", "fast-m", "fast-l")
"""Families for live video, the fastest first."""

STILL = (*LIVE, "fast-xl")
"""Families for pictures and files: the last one need not keep up with a camera."""

OTHERWISE = "srcnn-915"
"""Where none of these is bundled."""


@dataclass(frozen=True)
class Ladder:
    """Models that can take each other's place: the same scale, and the same kind of picture.

    Attributes
    ----------
    models
        Names, from the fastest to the best; at least one.
    """

    models: tuple[str, ...]

    @property
    def best(self) -> str:
        """Name the last one."""
        return self.models[-1]


def ladder_of(bundled: Collection[str], scale: int, *, camera: bool = False, live: bool = False) -> Ladder:
    """Choose the models among the bundled models.

    Parameters
    ----------
    bundled
        Names of all bundled models.
    scale
        Factor of upscaling.
    camera
        The pictures come from a camera: models that were trained for such pictures, as soon as one is bundled. Others
        are not mixed in, since they treat noise in another way, and a step would be seen.
    live
        The pictures come live, so the slowest family is left out.
    """
    families = LIVE if live else STILL
    for ending in (f"-x{scale}-{CAMERA}", f"-x{scale}") if camera else (f"-x{scale}",):
        models = tuple(family + ending for family in families if family + ending in bundled)
        if models:
            return Ladder(models)
    for_cameras = f"{OTHERWISE}-x{scale}-{CAMERA}"
    return Ladder((for_cameras if camera and for_cameras in bundled else f"{OTHERWISE}-x{scale}",))
