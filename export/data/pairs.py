"""Read folders of pictures, and make training pairs: what the network reads, and the ground truth."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import PIL
from numpy.typing import NDArray

import edge_srcnn
from edge_srcnn.errors import BadData, BadPicture, NoInput, Unavailable
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range, luma_studio_range, to_8_bits
from edge_srcnn.models.spec import LUMA_PLANE
from edge_srcnn.sources.images import find_pictures, read_picture
from edge_srcnn.system.installation import how_to_install
from export.data.degradation import degrade, imresize, modcrop
from export.data.pair import Pair
from export.data.patch_spec import PatchSpec
from export.data.plane_cache import PlaneCache

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
    cache: PlaneCache | None = None,
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
    cache
        Keeps prepared pictures that memory does not hold, for the next training too; None: all stay in memory.

    Returns
    -------
    The pairs of all pictures that could be used.

    Raises
    ------
    NoInput, BadData, Unavailable
        A folder is missing; fewer than two pictures can be used; scikit-image is missing, and no folder is given.
    CannotWrite
        The cache cannot be written.
    """
    found = [p for folder in folders for p in find_pictures(folder)] if folders else builtin_photographs()
    paths = list({path.resolve(): path for path in found}.values())  # folders may overlap
    order = np.random.default_rng(seed).permutation(len(paths))
    cache = cache or PlaneCache(Path(), above=sys.maxsize)
    key = _key([paths[index] for index in order], spec, seed)
    prepared = cache.read(key)
    if prepared is None:
        with cache.writing(key) as writer:
            skipped: list[str] = []
            for number, index in enumerate(order):
                on_progress(number / len(paths))
                try:
                    writer.add(_prepare(paths[index], number, spec, seed))
                except BadPicture as error:
                    skipped.append(str(error))
            prepared = writer.finish(tuple(skipped))
    usable = prepared.pictures
    if len(usable) < 2:
        raise BadData(
            f"{len(usable)} usable pictures of {len(paths)}; training needs 2 or more of {spec.least_px} pixels"
        )
    n = max(1, round(len(usable) * held_out))
    return Split(
        train=tuple(pair for pairs in usable[n:] for pair in pairs),
        held_out=tuple(pair for pairs in usable[:n] for pair in pairs[:: spec.versions]),
        n_pictures=len(usable),
        skipped=prepared.skipped,
    )


def _prepare(path: Path, number: int, spec: PatchSpec, seed: int) -> list[Pair]:
    """Read a picture, and make its pairs; ``BadPicture`` where it cannot be used."""
    pixels = to_8_bits(read_picture(path).pixels)
    luma = luma_studio_range(pixels) if number % 2 == 0 else luma_full_range(pixels)
    pairs = list(make_pairs(luma, spec, seed=(seed, number)))
    if not pairs:
        raise BadPicture(f"{path}: smaller than {spec.least_px} pixels")
    return pairs


def _key(paths: list[Path], spec: PatchSpec, seed: int) -> str:
    """Digest what prepared pictures hang on: files, how they are prepared, and the libraries that decode them."""
    files = [(str(path.resolve()), status.st_size, status.st_mtime_ns) for path in paths if (status := path.stat())]
    how = (spec.scale, spec.plane, spec.degradation, spec.versions, spec.least_px, seed)
    versions = (edge_srcnn.__version__, PIL.__version__, cv2.__version__, np.__version__)
    return hashlib.sha256(json.dumps([files, how, versions]).encode()).hexdigest()[:16]


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
