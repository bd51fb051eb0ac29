"""Read folders of pictures, and make training pairs: what the network reads, and the ground truth."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import BadData, BadPicture, NoInput, Unavailable
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range, luma_studio_range, to_8_bits
from edge_srcnn.installation import how_to_install
from edge_srcnn.models.spec import LUMA_PLANE
from edge_srcnn.sources.images import find_pictures, read_picture
from export.data.degradation import degrade, imresize, modcrop
from export.data.patch_spec import PatchSpec

Float32Array = NDArray[np.float32]

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

GREY_LEVEL = 64
"""Goals count in 64ths of a grey level: what teachers put out is no whole number."""


@dataclass(frozen=True)
class Pair:
    """Hold what a network reads of one picture, and what it should put out.

    Attributes
    ----------
    plane
        What the network reads, uint8 ``[h, w]``.
    hr
        The sharp picture, uint8 ``[h * upsampling, w * upsampling]``.
    base
        The bicubic picture, uint8, as large as the ground truth; the plane itself, where the network reads that, and at
        scale 1.
    residual
        What teachers add to the base, int16 in 64ths of a grey level; None: the ground truth is the goal.
    """

    plane: UInt8Array
    hr: UInt8Array
    base: UInt8Array
    residual: NDArray[np.int16] | None = None

    def goal(self, place: tuple[slice, slice], *, adds: bool) -> NDArray[np.int16]:
        """Compute what a network should put out at a place of the ground truth, int16 in 64ths of a grey level.

        ``adds``: it puts out what is to be added to the base, not the picture.
        """
        base = self.base[place].astype(np.int16) * np.int16(GREY_LEVEL)
        if self.residual is not None:
            return self.residual[place] if adds else base + self.residual[place]
        hr = self.hr[place].astype(np.int16) * np.int16(GREY_LEVEL)
        return hr - base if adds else hr


@dataclass(frozen=True)
class Split:
    """Hold training pictures, the pictures held out from them, and the files that could not be used."""

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
            f"no --data given, and scikit-image is not installed: {how_to_install('edge-srcnn[export]')}"
        ) from error
    folder = Path(skimage.__file__).parent / "data"
    found = [folder / name for name in SKIMAGE_PHOTOGRAPHS if (folder / name).is_file()]
    if not found:
        raise NoInput(f"{folder}: this scikit-image holds no photographs; give --data DIR")
    return found


def load_split(
    folders: list[Path],
    spec: PatchSpec,
    *,
    held_out: float = 0.06,
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda done: None,
) -> Split:
    """Read pictures, make their pairs, and hold some out from the training.

    Every second picture is taken in full-range luma, the others in studio range, so that the network
    and its int8 ranges know both. Files that cannot be decoded, or are too small, are skipped and listed.

    Parameters
    ----------
    folders
        Searched recursively; empty means the photographs inside scikit-image.
    spec
        How patches will be cut: pictures too small for one are skipped.
    held_out
        Share of the pictures (at least one) that training never sees; each is degraded once.
    seed
        Which pictures are held out, and what a random degradation draws, hang on it.
    on_progress
        Is told the share that is done, 0..1.

    Returns
    -------
    The pairs of all pictures that could be used.

    Raises
    ------
    NoInput, BadData, Unavailable
        A folder is missing; fewer than two pictures can be used; scikit-image is missing, and no folder is given.
    """
    found = [p for folder in folders for p in find_pictures(folder)] if folders else builtin_photographs()
    paths = list({path.resolve(): path for path in found}.values())  # folders may overlap
    order = np.random.default_rng(seed).permutation(len(paths))
    usable: list[list[Pair]] = []
    skipped: list[str] = []
    for number, index in enumerate(order):
        on_progress(number / len(paths))
        path = paths[index]
        try:
            pixels = to_8_bits(read_picture(path).pixels)
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
