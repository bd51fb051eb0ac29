"""Cut training patches out of pairs: a plane with its halo, and the goal beside it, the same for the same seed."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import BadData
from edge_srcnn.models.spec import LUMA_PLANE
from export.data.pair import GREY_LEVEL, UNCOUNTED, Pair
from export.data.pairs import Float32Array
from export.data.patch_spec import PatchSpec

Scalar = TypeVar("Scalar", bound=np.generic)


class PatchSampler:
    """Draw batches of textured patches; batch ``n`` of a seed is always the same.

    Parameters
    ----------
    pairs
        Pictures to cut patches from.
    spec
        How they are cut.
    batch
        Patches of a batch.
    seed
        Draws places, rotations and flips.
    edges
        Drawings, as ``draw_edges`` makes them.
    n_edges
        The last so many patches of each batch are of ``edges``.
    """

    def __init__(
        self,
        pairs: tuple[Pair, ...],
        spec: PatchSpec,
        *,
        batch: int = 64,
        seed: int = 0,
        edges: tuple[Pair, ...] = (),
        n_edges: int = 0,
    ) -> None:
        self._pairs, self._spec, self._batch, self._seed = (*pairs, *edges), spec, batch, seed
        self._edges, self._n_edges = np.arange(len(pairs), len(self._pairs)), n_edges
        self._corners = np.concatenate([_textured_corners(i, p, spec) for i, p in enumerate(pairs)])
        if len(self._corners) == 0:
            raise BadData(f"no patch has a standard deviation of {spec.min_std:g} or more: the pictures are flat")

    def __len__(self) -> int:
        """Count the places from which patches are cut."""
        return len(self._corners)

    def batch(self, n: int, rows: slice = slice(None)) -> tuple[Float32Array, Float32Array]:
        """Cut a batch: planes 0..1 ``[batch, size, size, 1]``, and goals ``[batch, side, side, 1]``.

        Goals are the ground truth in 0..1 or, beside luma planes, the residual in the same unit, NaN where anything is
        right. ``rows`` are those of the batch that are wanted; they are what they are in the whole of it.
        """
        spec = self._spec
        rng = np.random.default_rng((self._seed, n))
        chosen = self._corners[rng.integers(len(self._corners), size=self._batch)]
        jitter = rng.integers(0, spec.patch_px // 4, size=(self._batch, 2))
        symmetry = rng.integers(8, size=self._batch)
        if self._n_edges:
            chosen[-self._n_edges :] = 0
            chosen[-self._n_edges :, 0] = rng.choice(self._edges, self._n_edges)
        chosen, jitter, symmetry = chosen[rows], jitter[rows], symmetry[rows]
        side = spec.patch_px * spec.upsampling
        x = np.empty((len(chosen), spec.size_px, spec.size_px), np.uint8)
        y = np.empty((len(chosen), side, side), np.int16)
        for i, (number, *corner) in enumerate((chosen + np.pad(jitter, ((0, 0), (1, 0)))).tolist()):
            pair = self._pairs[number]
            top, left = (min(at, side - spec.size_px) for at, side in zip(corner, pair.plane.shape, strict=True))
            x[i] = pair.plane[spec.window(top, left)]
            y[i] = pair.goal(spec.goal(top, left), adds=spec.plane == LUMA_PLANE)
        goals = _d4_transform_each(y, symmetry)
        unit_goals = _unit(goals, 255 * GREY_LEVEL)
        unit_goals[goals == UNCOUNTED] = np.nan
        return _unit(_d4_transform_each(x, symmetry)), unit_goals


def centre_crops(
    pairs: tuple[Pair, ...], spec: PatchSpec, crop_px: int = 128
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Cut one central crop (0..1) of each pair, to evaluate a network while it trains.

    Returns planes ``[n, c + 2 halo, c + 2 halo, 1]``, HR planes and bicubic pictures ``[n, c', c', 1]``, where ``c'``
    is ``crop_px``, or what the smallest pair allows, and ``c`` is that in pixels of the plane.
    """
    cut = replace(spec, patch_px=common_crop_px(pairs, spec, crop_px) // spec.upsampling)
    crops = []
    for pair in pairs:
        top, left = ((side - cut.size_px) // 2 for side in pair.plane.shape)
        goal = cut.goal(top, left)
        crops.append((pair.plane[cut.window(top, left)], pair.hr[goal], pair.base[goal]))
    to_unit = np.float32(1 / 255)
    planes, hr_planes, bases = (np.stack(planes)[..., None] * to_unit for planes in zip(*crops, strict=True))
    return planes, hr_planes, bases


def common_crop_px(pairs: tuple[Pair, ...], spec: PatchSpec, crop_px: int = 128) -> int:
    """Find the side of crops, in pixels of the ground truth, that ``centre_crops`` cuts of any of some pairs alike."""
    whole = crop_px // spec.upsampling + 2 * spec.halo_px
    size: int = min(whole, *(side for pair in pairs for side in pair.plane.shape))
    return (size - 2 * spec.halo_px) // spec.block_px * spec.block_px * spec.upsampling


def _unit(levels: NDArray[np.generic], white: int = 255) -> Float32Array:
    """Turn grey levels ``[n, h, w]`` into float32 ``[n, h, w, 1]``, ``white`` into 1."""
    return levels[..., None].astype(np.float32) / np.float32(white)


def _d4_transform_each(patches: NDArray[Scalar], symmetry: NDArray[np.int64]) -> NDArray[Scalar]:
    """Rotate and flip each patch of ``[n, side, side]`` by its own element of D4."""
    out = np.empty_like(patches)
    for number in range(8):
        chosen = np.flatnonzero(symmetry == number)
        out[chosen] = d4_transform(patches[chosen].transpose(1, 2, 0), number).transpose(2, 0, 1)
    return out


def _textured_corners(index: int, pair: Pair, spec: PatchSpec) -> NDArray[np.int64]:
    """Find the places (pair index, top, left) whose ground truth has texture, on a grid of half a patch."""
    h, w = pair.plane.shape
    found = [
        (index, top, left)
        for top in range(0, h - spec.size_px + 1, spec.patch_px // 2)
        for left in range(0, w - spec.size_px + 1, spec.patch_px // 2)
        if pair.hr[spec.goal(top, left)].std() > spec.min_std
    ]
    return np.array(found, np.int64).reshape(-1, 3)


def d4_transform(patch: NDArray[Scalar], symmetry: int) -> NDArray[Scalar]:
    """Apply one of the eight elements of D4: 0 to 3 quarter turns, and from 4 on a flip after them."""
    copy = np.rot90(patch, symmetry % 4)
    return copy[:, ::-1] if symmetry >= 4 else copy
