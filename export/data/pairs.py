"""Read folders of pictures, and make training pairs: what the network reads, and the ground truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import BadData, BadPicture, NoInput, Unavailable, UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range, luma_studio_range
from edge_srcnn.models.file import BICUBIC_PLANE, LUMA_PLANE
from edge_srcnn.sources.images import find_pictures, read_picture
from export.architectures import Architecture
from export.data.degradation import RANDOM, degrade, imresize, modcrop

Float32Array = NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)

SKIMAGE_PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "page.png",
    "rocket.jpg",
    "text.png",
)
"""Photographs inside the scikit-image package; those of them that are installed are used without ``--data``."""

LARGE_PX = 400
"""A picture whose short side is at least this is shrunk: photographs hold few sharp edges at full size."""

SHRINK_FACTORS = (0.5, 0.65)
MIN_PLANE_PX = 48

GREY_LEVEL = 64
"""Goals count in 64ths of a grey level: what teachers put out is no whole number."""


@dataclass(frozen=True)
class PatchSpec:
    """How patches are cut.

    Attributes
    ----------
    plane
        What the network reads: ``BICUBIC_PLANE`` or ``LUMA_PLANE``. Patches of a luma plane have the residual over the
        bicubic picture as their goal, those of a bicubic plane the ground truth.
    halo_px, patch_px
        In pixels of the plane.
    block_px
        The network reads blocks of this side; patches are whole blocks, and begin anywhere.
    min_std
        Least standard deviation of a patch of the ground truth, in grey levels.
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
        """Give the pixels of the ground truth for each pixel of the plane, down and across."""
        return self.scale if self.plane == LUMA_PLANE else 1

    @property
    def size_px(self) -> int:
        """Give the side of a patch with its halo, in pixels of the plane."""
        return self.patch_px + 2 * self.halo_px

    @property
    def least_px(self) -> int:
        """Give the least side that a picture must have."""
        return max(MIN_PLANE_PX, self.size_px * self.upsampling)

    @property
    def versions(self) -> int:
        """Count the degraded versions of each picture: without chance they would all be alike."""
        return self.draws if self.degradation in RANDOM else 1

    def window(self, top: int, left: int) -> tuple[slice, slice]:
        """Give the place of a patch in the plane, with its halo."""
        return slice(top, top + self.size_px), slice(left, left + self.size_px)

    def goal(self, top: int, left: int) -> tuple[slice, slice]:
        """Give the place of that patch in the ground truth, without a halo."""
        first, side = self.halo_px, self.patch_px * self.upsampling
        y, x = ((at + first) * self.upsampling for at in (top, left))
        return slice(y, y + side), slice(x, x + side)


def patch_spec(
    architecture: Architecture,
    patch_px: int | None = None,
    *,
    degradation: str = "bicubic",
) -> PatchSpec:
    """Say how patches for a network are cut; by default of the size that suits it."""
    return PatchSpec(
        architecture.scale,
        architecture.halo_px,
        patch_px or architecture.patch_px,
        degradation=degradation,
        plane=architecture.plane,
        block_px=architecture.unshuffle,
    )


@dataclass(frozen=True)
class Pair:
    """One training picture.

    Attributes
    ----------
    plane
        What the network reads, uint8 ``[h, w]``.
    hr
        The sharp picture, uint8 ``[h * upsampling, w * upsampling]``.
    base
        The bicubic picture, uint8, as large as the ground truth; the plane itself, where the network reads that.
    residual
        What teachers add to the base, int16 in 64ths of a grey level; None: the ground truth is the goal.
    """

    plane: UInt8Array
    hr: UInt8Array
    base: UInt8Array
    residual: NDArray[np.int16] | None = None

    def goal(self, place: tuple[slice, slice], *, adds: bool) -> NDArray[np.int16]:
        """Give what a network should put out at a place of the ground truth, int16 in 64ths of a grey level.

        ``adds``: it puts out what is to be added to the base, not the picture.
        """
        base = self.base[place].astype(np.int16) * np.int16(GREY_LEVEL)
        if self.residual is not None:
            return self.residual[place] if adds else base + self.residual[place]
        hr = self.hr[place].astype(np.int16) * np.int16(GREY_LEVEL)
        return hr - base if adds else hr


@dataclass(frozen=True)
class Split:
    """Training pictures, the pictures held out from them, and the files that could not be used."""

    train: tuple[Pair, ...]
    held_out: tuple[Pair, ...]
    n_pictures: int
    skipped: tuple[str, ...] = ()


def builtin_photographs() -> list[Path]:
    """List the photographs inside scikit-image (no network: only those that the package itself carries)."""
    try:
        import skimage
    except ImportError as error:
        raise Unavailable(
            "no --data given, and scikit-image is not installed: pip install 'edge-srcnn[export]'"
        ) from error
    folder = Path(skimage.__file__).parent / "data"
    found = [folder / name for name in SKIMAGE_PHOTOGRAPHS if (folder / name).is_file()]
    if not found:
        raise NoInput(f"{folder}: this scikit-image holds no photographs; give --data DIR")
    return found


def load_split(folders: list[Path], spec: PatchSpec, *, held_out: float = 0.06, seed: int = 0) -> Split:
    """Read all pictures and make their pairs.

    Every second picture is taken in full-range luma, the others in studio range, so that the network
    and its int8 ranges know both. Files that cannot be decoded, or are too small, are skipped and listed.

    Parameters
    ----------
    folders
        Searched recursively; empty means the photographs inside scikit-image.
    held_out
        Share of the pictures (at least one) that training never sees; each is degraded once.
    """
    found = [p for folder in folders for p in find_pictures(folder)] if folders else builtin_photographs()
    paths = list({path.resolve(): path for path in found}.values())  # folders may overlap
    order = np.random.default_rng(seed).permutation(len(paths))
    usable: list[list[Pair]] = []
    skipped: list[str] = []
    for number, index in enumerate(order):
        path = paths[index]
        try:
            pixels = read_picture(path).pixels
        except BadPicture as error:
            skipped.append(str(error))
            continue
        luma = luma_studio_range(pixels) if number % 2 == 0 else luma_full_range(pixels)
        pairs = list(make_pairs(luma, spec, seed=(seed, number)))
        if pairs:
            usable.append(pairs)
        else:
            skipped.append(f"{path}: smaller than {spec.least_px} pixels")
    if len(usable) < 2:
        raise BadData(
            f"{len(usable)} usable pictures of {len(paths)}; training needs 2 or more of {spec.least_px} pixels"
        )
    n = max(1, round(len(usable) * held_out))
    return Split(
        train=tuple(pair for pairs in usable[n:] for pair in pairs),
        held_out=tuple(pair for pairs in usable[:n] for pair in pairs[:: spec.versions]),
        n_pictures=len(usable),
        skipped=tuple(skipped),
    )


def make_pairs(luma: UInt8Array, spec: PatchSpec, seed: tuple[int, ...] = (0,)) -> Iterator[Pair]:
    """Make pairs of one luma plane: as it is when small, shrunk (MATLAB bicubic) when large.

    Each of its sizes comes in ``spec.versions`` pairs, one after the other, of one HR plane. What a random degradation
    draws hangs on ``seed`` (numbers from 0), on the size, and on the number of the version.
    """
    h, w = luma.shape
    factors = SHRINK_FACTORS if min(h, w) >= LARGE_PX else (1.0,)
    for size, factor in enumerate(factors):
        plane = luma if factor == 1.0 else imresize(luma, round(h * factor), round(w * factor))
        hr = modcrop(plane, spec.scale)
        if min(hr.shape) < spec.least_px:
            continue
        for version in range(spec.versions):
            small = degrade(spec.degradation, hr, spec.scale, (*seed, size, version))
            base = upscale_bicubic(small, spec.scale)
            yield Pair(small if spec.plane == LUMA_PLANE else base, hr, base)
