"""Describe how patches are cut: their size, their halo, and where the goal of each lies."""

from dataclasses import dataclass

from edge_srcnn.errors import UsageError
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE
from export.architectures import Architecture
from export.data.degradation import RANDOM

MIN_PLANE_PX = 48
"""Least side of a picture, however small the patches are."""


@dataclass(frozen=True)
class PatchSpec:
    """Describe how patches are cut.

    Attributes
    ----------
    scale
        Factor of upscaling.
    plane
        What the network reads: ``BICUBIC_PLANE`` or ``LUMA_PLANE``. Patches of a luma plane have the residual over the
        bicubic picture as their goal, those of a bicubic plane the ground truth.
    halo_px
        Pixels of the plane around a patch that the network consumes on each side.
    patch_px
        Side of a patch without its halo, in pixels of the plane.
    block_px
        The network reads blocks of this side; patches are whole blocks, and begin anywhere.
    min_std
        Least standard deviation of a patch of the ground truth, in grey levels.
    degradation
        Name of the degradation that makes LR of HR.
    draws
        Where the degradation is random, each training picture is degraded so many times.
    """

    scale: int
    halo_px: int
    patch_px: int = 32
    min_std: float = 12.0
    degradation: str = "bicubic"
    draws: int = 4
    plane: str = BICUBIC_PLANE
    block_px: int = 1

    def __post_init__(self) -> None:
        if self.patch_px % self.block_px:
            raise UsageError(f"--patch {self.patch_px}: give a multiple of {self.block_px}, the side of a block")

    @property
    def upsampling(self) -> int:
        """Count the pixels of the ground truth for each pixel of the plane, down and across."""
        return self.scale if self.plane == LUMA_PLANE else 1

    @property
    def size_px(self) -> int:
        """Give the side of a patch with its halo, in pixels of the plane."""
        return self.patch_px + 2 * self.halo_px

    @property
    def least_px(self) -> int:
        """Give the least side that a picture must have, in pixels of the ground truth."""
        return max(MIN_PLANE_PX, self.size_px * self.upsampling)

    @property
    def versions(self) -> int:
        """Count the degraded versions of each picture: without chance they would all be alike."""
        return self.draws if self.degradation in RANDOM else 1

    def window(self, top: int, left: int) -> tuple[slice, slice]:
        """Find the place of a patch in the plane, with its halo."""
        return slice(top, top + self.size_px), slice(left, left + self.size_px)

    def goal(self, top: int, left: int) -> tuple[slice, slice]:
        """Find the place in the ground truth, without a halo, of the patch at a corner of the plane."""
        first, side = self.halo_px, self.patch_px * self.upsampling
        y, x = ((at + first) * self.upsampling for at in (top, left))
        return slice(y, y + side), slice(x, x + side)


def patch_spec(
    architecture: Architecture,
    patch_px: int | None = None,
    *,
    degradation: str = "bicubic",
) -> PatchSpec:
    """Describe how patches for a network are cut; by default of the size that suits it."""
    return PatchSpec(
        architecture.scale,
        architecture.halo_px,
        patch_px or architecture.patch_px,
        degradation=degradation,
        plane=architecture.plane,
        block_px=architecture.unshuffle,
    )
