"""Folders of pictures to luma patches: bicubic input with its halo, sharp truth. Deterministic by seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import BadData, BadPicture, NoInput, Unavailable
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range, luma_studio_range
from edge_srcnn.sources.images import find_pictures, read_picture
from export.degradation import RANDOM, degrade, imresize, modcrop

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

SAMPLINGS = ("uniform", "gradient")


@dataclass(frozen=True)
class PatchSpec:
    """How patches are cut. Lengths in pixels of the up-scaled picture; ``min_std`` in grey levels.

    Where the degradation is random, each training picture is degraded ``draws`` times. ``sampling`` is one of
    ``SAMPLINGS``: all places alike, or by the slope of the truth there.
    """

    scale: int
    halo_px: int
    patch_px: int = 32
    min_std: float = 12.0
    degradation: str = "bicubic"
    draws: int = 4
    sampling: str = "uniform"

    @property
    def least_px(self) -> int:
        """The least side that a picture must have."""
        return max(MIN_PLANE_PX, self.patch_px + 2 * self.halo_px)

    @property
    def versions(self) -> int:
        """How many degraded versions there are of each picture: without chance they would all be alike."""
        return self.draws if self.degradation in RANDOM else 1


@dataclass(frozen=True)
class Pair:
    """One training picture: ``bicubic`` is the network's input, ``truth`` its goal; both uint8 ``[h, w]``."""

    bicubic: UInt8Array
    truth: UInt8Array


@dataclass(frozen=True)
class Split:
    """Training pictures, the pictures held out from them, and the files that could not be used."""

    train: tuple[Pair, ...]
    held_out: tuple[Pair, ...]
    n_pictures: int
    skipped: tuple[str, ...] = ()


def builtin_photographs() -> list[Path]:
    """The photographs inside scikit-image (no network: only those that the package itself carries)."""
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
    """Pairs of one luma plane: as it is when small, shrunk (MATLAB bicubic) when large.

    Each of its sizes comes in ``spec.versions`` pairs, one after the other, of one truth. What a random degradation
    draws hangs on ``seed`` (numbers from 0), on the size, and on the number of the version.
    """
    h, w = luma.shape
    factors = SHRINK_FACTORS if min(h, w) >= LARGE_PX else (1.0,)
    for size, factor in enumerate(factors):
        plane = luma if factor == 1.0 else imresize(luma, round(h * factor), round(w * factor))
        truth = modcrop(plane, spec.scale)
        if min(truth.shape) < spec.least_px:
            continue
        for version in range(spec.versions):
            small = degrade(spec.degradation, truth, spec.scale, (*seed, size, version))
            yield Pair(bicubic=upscale_bicubic(small, spec.scale), truth=truth)


class PatchSampler:
    """Draws batches of textured patches; batch ``n`` of a seed is always the same."""

    def __init__(self, pairs: tuple[Pair, ...], spec: PatchSpec, *, batch: int = 64, seed: int = 0) -> None:
        self._pairs, self._spec, self._batch, self._seed = pairs, spec, batch, seed
        self._corners = np.concatenate([_textured_corners(i, p, spec) for i, p in enumerate(pairs)])
        if len(self._corners) == 0:
            raise BadData(f"no patch has a standard deviation of {spec.min_std:g} or more: the pictures are flat")
        self._cumulated: NDArray[np.float64] | None = None
        if spec.sampling == "gradient":
            gradients = np.array([_gradient(pairs[i], top, left, spec) for i, top, left in self._corners])
            self._cumulated = np.cumsum(gradients) / gradients.sum()
            self._cumulated[-1] = 1.0

    def __len__(self) -> int:
        """Number of places from which patches are cut."""
        return len(self._corners)

    def batch(self, n: int) -> tuple[Float32Array, Float32Array]:
        """Input ``[batch, patch + 2 halo, patch + 2 halo, 1]`` and truth ``[batch, patch, patch, 1]``, both 0..1."""
        spec = self._spec
        rng = np.random.default_rng((self._seed, n))
        if self._cumulated is None:
            chosen = self._corners[rng.integers(len(self._corners), size=self._batch)]
        else:
            chosen = self._corners[np.searchsorted(self._cumulated, rng.random(self._batch), side="right")]
        jitter = rng.integers(0, spec.patch_px // 4, size=(self._batch, 2))
        symmetry = rng.integers(8, size=self._batch)
        size = spec.patch_px + 2 * spec.halo_px
        x = np.empty((self._batch, size, size, 1), np.float32)
        y = np.empty((self._batch, spec.patch_px, spec.patch_px, 1), np.float32)
        for i in range(self._batch):
            pair = self._pairs[chosen[i, 0]]
            top = min(chosen[i, 1] + jitter[i, 0], pair.truth.shape[0] - size)
            left = min(chosen[i, 2] + jitter[i, 1], pair.truth.shape[1] - size)
            x[i, ..., 0] = turned(pair.bicubic[top : top + size, left : left + size], symmetry[i])
            inner = slice(spec.halo_px, spec.halo_px + spec.patch_px)
            y[i, ..., 0] = turned(pair.truth[top : top + size, left : left + size][inner, inner], symmetry[i])
        x /= 255.0
        y /= 255.0
        return x, y


def centre_crops(pairs: tuple[Pair, ...], halo_px: int, crop_px: int = 128) -> tuple[Float32Array, Float32Array]:
    """One central crop of each pair (0..1), for judging a network while it trains.

    Returns input ``[n, c + 2 halo, c + 2 halo, 1]`` and truth ``[n, c, c, 1]``, where ``c`` is ``crop_px`` or what the
    smallest pair allows.
    """
    size = min(crop_px + 2 * halo_px, *(side for p in pairs for side in p.truth.shape))
    xs, ys = [], []
    for pair in pairs:
        top, left = ((side - size) // 2 for side in pair.truth.shape)
        xs.append(pair.bicubic[top : top + size, left : left + size])
        ys.append(pair.truth[top + halo_px : top + size - halo_px, left + halo_px : left + size - halo_px])
    to_unit = np.float32(1 / 255)
    return np.stack(xs)[..., None] * to_unit, np.stack(ys)[..., None] * to_unit


def _textured_corners(index: int, pair: Pair, spec: PatchSpec) -> NDArray[np.int64]:
    """Rows (pair index, top, left) of the input windows whose truth has texture, on a grid of half a patch."""
    size = spec.patch_px + 2 * spec.halo_px
    h, w = pair.truth.shape
    found = []
    for top in range(0, h - size + 1, spec.patch_px // 2):
        for left in range(0, w - size + 1, spec.patch_px // 2):
            inner = pair.truth[
                top + spec.halo_px : top + size - spec.halo_px, left + spec.halo_px : left + size - spec.halo_px
            ]
            if inner.std() > spec.min_std:
                found.append((index, top, left))
    return np.array(found, np.int64).reshape(-1, 3)


def _gradient(pair: Pair, top: int, left: int, spec: PatchSpec) -> float:
    """Mean slope of the truth that belongs to an input window, in grey levels a pixel."""
    top, left = top + spec.halo_px, left + spec.halo_px
    patch = pair.truth[top : top + spec.patch_px, left : left + spec.patch_px].astype(np.float32)
    return float(np.abs(np.diff(patch, axis=0)).mean() + np.abs(np.diff(patch, axis=1)).mean())


def turned(patch: NDArray[Scalar], symmetry: int) -> NDArray[Scalar]:
    """One of the eight symmetries of the square: quarter turns, and from 4 on a mirroring after them."""
    copy = np.rot90(patch, symmetry % 4)
    return copy[:, ::-1] if symmetry >= 4 else copy
