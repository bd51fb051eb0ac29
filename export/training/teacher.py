"""Let larger networks teach: what they make of a picture takes the place of the ground truth.

Hinton et al., "Distilling the Knowledge in a Neural Network" (2015). What a photograph holds and its small copy does
not is noise to a small network: it can only be averaged away, step after step. A larger network has averaged it
already. The teachers' pictures are means over the eight rotations and flips of the input, and over the teachers:
Timofte et al., "Seven Ways to Improve Example-Based Single Image Super Resolution" (2016), section 3.4.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.interpreter import Interpreter, open_interpreter
from edge_srcnn.engine.processor import available_processors
from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.file import Model, read_model
from edge_srcnn.models.spec import BICUBIC_PLANE
from edge_srcnn.system.files import whole_file
from export.architectures import Architecture
from export.data.pair import GREY_LEVEL, Pair
from export.data.pairs import Float32Array, Split
from export.data.patches import d4_transform

_ENGINE = "litert"


def read_teachers(paths: Sequence[Path], architecture: Architecture) -> list[Model]:
    """Read the models that are to teach a network.

    Parameters
    ----------
    paths
        Model files of this project, float32 or int8.
    architecture
        The network that learns; teachers must have its scale.

    Returns
    -------
    The models, in the order of their files.

    Raises
    ------
    UsageError
        A model is for another scale.
    NoInput, BadData
        A file is missing, or is no model.
    """
    models = [read_model(path) for path in paths]
    for path, model in zip(paths, models, strict=True):
        if model.spec.scale != architecture.scale:
            raise UsageError(f"--teacher {path}: it is for x{model.spec.scale}; give one for x{architecture.scale}")
    return models


def teach(
    split: Split, teachers: Sequence[Model], folder: Path, on_progress: Callable[[float], None] = lambda done: None
) -> Split:
    """Put the teachers' residuals into the training pairs; the held-out ones keep the ground truth.

    Parameters
    ----------
    split
        The pictures that are to be learned.
    teachers
        One or more models; their residuals are averaged.
    folder
        Keeps the residuals for the next training with the same teachers and pictures, 2 bytes a pixel.
    on_progress
        Is told the share that is done, 0..1.

    Returns
    -------
    The same pictures, those of the training with the teachers' residuals.

    Raises
    ------
    CannotWrite
        ``folder`` cannot be written to.
    """
    path = folder / f"lessons-{_key(split, teachers)}.npy"
    sizes = [pair.base.size for pair in split.train]
    levels = _kept(path, sum(sizes))
    if levels is None:
        interpreters = [(open_interpreter(_ENGINE, model.graph, available_processors()), model) for model in teachers]
        done = 0
        with whole_file(path, overwrite=True) as file:
            header = {"descr": "<i2", "fortran_order": False, "shape": (sum(sizes),)}
            np.lib.format.write_array_header_1_0(file, header)
            for pair, size in zip(split.train, sizes, strict=True):
                lessons = [lesson for each in interpreters for lesson in _lessons(*each, pair)]
                file.write(np.rint(np.mean(lessons, axis=0) * GREY_LEVEL).astype("<i2").tobytes())
                done += size
                on_progress(done / sum(sizes))
        levels = _kept(path, sum(sizes))
    if levels is None:
        raise CannotWrite(f"{path}: what was written cannot be read")
    ends = np.cumsum(sizes)
    taught = tuple(
        replace(pair, residual=levels[end - size : end].reshape(pair.base.shape))
        for pair, size, end in zip(split.train, sizes, ends, strict=True)
    )
    return replace(split, train=taught)


def _key(split: Split, teachers: Sequence[Model]) -> str:
    """Digest teachers and the pictures that they are shown: the name of the file that keeps their residuals."""
    found = sha256("".join(model.spec.graph_sha256 for model in teachers).encode())
    for pair in split.train:
        found.update(pair.plane.tobytes())
        found.update(pair.base.tobytes())
    return found.hexdigest()[:16]


def _kept(path: Path, size: int) -> NDArray[np.int16] | None:
    """Read residuals that were kept, int16 ``[size]``; None where there are none, or none that are whole."""
    try:
        levels: NDArray[np.int16] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return levels if levels.shape == (size,) and levels.dtype == np.int16 else None


def _lessons(interpreter: Interpreter, model: Model, pair: Pair) -> Iterator[Float32Array]:
    """Compute a teacher's residual of each rotation and flip of a picture, turned back, in grey levels."""
    bicubic = model.spec.plane == BICUBIC_PLANE
    plane, base = (pair.base if bicubic else pair.plane), pair.base
    for number in range(8):
        out = run_float(interpreter, model, np.ascontiguousarray(d4_transform(plane, number)))
        if not model.spec.residual:
            out = out - d4_transform(base, number)
        yield d4_inverse(out, number)


def run_float(interpreter: Interpreter, model: Model, plane: UInt8Array) -> Float32Array:
    """Compute what a network puts out for a whole plane, float32 in grey levels, neither rounded nor cut off."""
    spec = model.spec
    side, halo = spec.unshuffle, spec.halo_px
    h, w = plane.shape
    padded = np.pad(plane, [(halo, halo + -extent % side) for extent in (h, w)], mode="reflect")
    blocks = padded.reshape(padded.shape[0] // side, side, padded.shape[1] // side, side).transpose(0, 2, 1, 3)
    pixels = np.ascontiguousarray(blocks.reshape(*blocks.shape[:2], side * side))
    if interpreter.input.dtype == np.int8:
        found = interpreter.compute((pixels ^ np.uint8(0x80)).view(np.int8))
        quantization = interpreter.output_quantization
        out = (found.astype(np.float32) - quantization.zero_point) * np.float32(quantization.scale)
    else:
        out = interpreter.compute(pixels.astype(np.float32) / np.float32(255))
    rows, columns, _ = out.shape
    v = spec.shuffle
    picture = out.reshape(rows, columns, v, v).transpose(0, 2, 1, 3).reshape(rows * v, columns * v)
    levels: Float32Array = picture[: h * spec.upsampling, : w * spec.upsampling] * np.float32(255)
    return levels


def d4_inverse(picture: NDArray[np.float32], symmetry: int) -> NDArray[np.float32]:
    """Undo what ``d4_transform`` does: rotate or flip a picture back."""
    copy = picture[:, ::-1] if symmetry >= 4 else picture
    return np.rot90(copy, -(symmetry % 4))
