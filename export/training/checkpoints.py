"""Keep checkpoints of a training: weights and state in a folder, consistent at every moment."""

import json
import logging
import math
import os
import shutil
import warnings
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import keras

from edge_srcnn.errors import BadData, CannotWrite, NoInput, UsageError
from edge_srcnn.models.bundled import SCALES
from edge_srcnn.models.spec import LUMA_PLANE
from export.architectures import Architecture, find_architecture
from export.training.network import build_model, convolutions_of

STATE_NAME = "training.json"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError)
"""What Keras, h5py and json raise of files that are damaged, or not theirs."""

ROOM_BASE, ROOM_PER_WEIGHT = 200_000, 3 * 4
"""Bytes that a checkpoint may take: float32 weights and Adam's two moments of each, and what HDF5 adds."""


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingState:
    """Hold what a checkpoint knows besides weights.

    ``history`` holds (step, held-out PSNR in dB, mean square error of the training patches). ``rate_factor`` is 1 until
    the network collapses. ``lengths`` holds the (steps, minutes) that the training was to have, first to last.
    """

    step: int = 0
    seconds: float = 0.0
    best_psnr: float = -math.inf
    best_step: int = 0
    history: tuple[tuple[int, float, float], ...] = ()
    rate_factor: float = 1.0
    lengths: tuple[tuple[int | None, float | None], ...] = ()


class Checkpoints:
    """Keep weights, optimizer and state of a training in a folder; a crash at any moment loses one epoch at most.

    Parameters
    ----------
    folder
        Where the files lie; made where it is missing.
    fingerprint
        What makes two trainings the same one, see ``export.training.train.fingerprint``.
    expendable
        True: a checkpoint of another training is begun anew. False: it is an error.
    """

    def __init__(self, folder: Path, fingerprint: str, *, expendable: bool = False) -> None:
        self._folder, self._fingerprint, self._expendable = folder, fingerprint, expendable
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(f"{folder}: cannot be made ({error.strerror})") from error

    def weights(self, step: int) -> Path:
        """Name the file with the weights of a step."""
        return self._folder / f"step-{step}.weights.h5"

    def restore(self, model: keras.Model) -> TrainingState:
        """Put the last checkpoint into ``model`` and give its state; a fresh state where there is none."""
        path = self._folder / STATE_NAME
        if not os.path.isfile(path):
            return TrainingState()
        try:
            stored = json.loads(path.read_text())
            another = stored.pop("fingerprint") != self._fingerprint
            rows = {} if another else {name: tuple(map(tuple, stored[name])) for name in ("history", "lengths")}
            state = TrainingState() if another else TrainingState(**{**stored, **rows})
        except UNREADABLE as error:
            raise _damaged(path, error) from error
        if another and self._expendable:
            return state
        if another:
            raise UsageError(
                f"{path}: a checkpoint of other settings or pictures; give another -o, or --restart to drop it"
            )
        model.optimizer.build(model.trainable_variables)
        self.load(model, state.step)
        return state

    def load(self, model: keras.Model, step: int) -> None:
        """Put the weights of a step into ``model``."""
        try:
            model.load_weights(self.weights(step))
        except UNREADABLE as error:
            raise _damaged(self.weights(step), error) from error

    def save(self, model: keras.Model, state: TrainingState) -> None:
        """Write the weights, then the state that names them, then drop what it no longer names."""
        partial = self._folder / (STATE_NAME + ".part")
        wanted = ROOM_BASE + ROOM_PER_WEIGHT * model.count_params()
        if shutil.disk_usage(self._folder).free < wanted:  # HDF5 would end the process on a full disk
            raise CannotWrite(f"{self._folder}: no room for a checkpoint of {wanted // 1000} kB")
        try:
            model.save_weights(self.weights(state.step), overwrite=True)
            partial.write_text(json.dumps({"fingerprint": self._fingerprint, **asdict(state)}))
            os.replace(partial, self._folder / STATE_NAME)
            kept = {self.weights(state.step), self.weights(state.best_step)}
            for old in set(self._folder.glob("step-*.weights.h5")) - kept:
                old.unlink()
        except OSError as error:
            reason = error.strerror or _brief(error)
            raise CannotWrite(f"{self._folder}: no checkpoint can be written ({reason})") from error


def begin_with(model: keras.Model, architecture: Architecture, path: Path, expand: int = 0) -> None:
    """Put weights of another training into ``model``; of the same network for another scale, all but the last layer.

    Parameters
    ----------
    model
        What ``build_model`` made of ``architecture`` and ``expand``.
    architecture
        The network that is to be trained.
    path
        Weights of a checkpoint, ``.weights.h5``.
    expand
        Channels between the two kernels of each convolution of ``model``; 0 for plain convolutions.

    Raises
    ------
    NoInput, BadData
        ``path`` is missing; it holds no weights of such a network.
    """
    if not os.path.isfile(path):
        raise NoInput(f"{path}: no such file")
    try:
        _load(model, path)
        return
    except UNREADABLE as error:
        failure = error
    scales = SCALES if architecture.plane == LUMA_PLANE else ()
    for scale, wide in product(scales, dict.fromkeys((expand, 0))):
        other = build_model(find_architecture(architecture.spelling, scale), expand=wide)
        try:
            _load(other, path)
        except UNREADABLE:
            continue
        same = None if scale == architecture.scale else -1
        for mine, its in zip(convolutions_of(model)[:same], convolutions_of(other), strict=False):
            if wide == expand:
                mine.set_weights(its.get_weights())
            else:
                mine.assign_kernel(its.kernel)
                mine.bias.assign(its.bias)
        if same is not None:
            log.info("%s is a network for x%d: all layers but the last are taken from it", path, scale)
        return
    raise BadData(f"{path}: no weights of a {model.name} that was trained here ({_brief(failure)})") from failure


def _load(model: keras.Model, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras first warns of each layer, then raises
        model.load_weights(path)


def _damaged(path: Path, error: Exception) -> BadData:
    return BadData(f"{path}: a damaged checkpoint ({_brief(error)}); --restart drops it")


def _brief(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
