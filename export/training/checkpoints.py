"""Keep checkpoints of a training: weights and state in a folder, consistent at every moment."""

import json
import math
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from edge_srcnn.errors import BadData, CannotWrite, UsageError
from export.training.devices import ONE_DEVICE, Devices

STATE_NAME = "training.json"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError)
"""What Keras, h5py and json raise of files that are damaged, or not theirs."""

ROOM_BASE, ROOM_PER_WEIGHT = 200_000, 3 * 4
"""Bytes that a checkpoint may take: float32 weights and Adam's two moments of each, and what HDF5 adds."""


@dataclass(frozen=True)
class TrainingState:
    """Hold what a checkpoint knows besides weights.

    ``history`` holds (step, held-out PSNR in dB, mean square error of the training patches). ``rate_factor`` is 1 until
    the network collapses. ``lengths`` holds the (steps, minutes) that the training was to have, first to last;
    ``devices`` the numbers of devices that it ran on.
    """

    step: int = 0
    seconds: float = 0.0
    best_psnr: float = -math.inf
    best_step: int = 0
    history: tuple[tuple[int, float, float], ...] = ()
    rate_factor: float = 1.0
    lengths: tuple[tuple[int | None, float | None], ...] = ()
    devices: tuple[int, ...] = ()


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
    devices
        Those of the training. Process 0 alone reads and writes the folder; the others are sent what it reads.
    """

    def __init__(
        self, folder: Path, fingerprint: str, *, expendable: bool = False, devices: Devices = ONE_DEVICE
    ) -> None:
        self._folder, self._fingerprint, self._expendable = folder, fingerprint, expendable
        self._devices = devices
        if devices.rank:
            return
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
        text = self._devices.send(_read(path) if self._devices.rank == 0 else b"")
        if not text:
            return TrainingState()
        try:
            stored = json.loads(text)
            another = stored.pop("fingerprint") != self._fingerprint
            rows = {} if another else {name: tuple(map(tuple, stored[name])) for name in ("history", "lengths")}
            rows["devices"] = tuple(stored.get("devices", ()))
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
            if self._devices.processes == 1:
                model.load_weights(self.weights(step))
            else:
                self._load_sent(model, step)
        except UNREADABLE as error:
            raise _damaged(self.weights(step), error) from error

    def _load_sent(self, model: keras.Model, step: int) -> None:
        """Put into the network of every process the weights that process 0 reads."""
        weights = self._devices.send(self.weights(step).read_bytes() if self._devices.rank == 0 else b"")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.weights(step).name
            path.write_bytes(weights)
            model.load_weights(path)

    def save(self, model: keras.Model, state: TrainingState) -> None:
        """Write the weights, then the state that names them, then drop what it no longer names."""
        if self._devices.rank:
            with tempfile.TemporaryDirectory() as nowhere:  # JAX lets no process read distributed weights alone
                model.save_weights(Path(nowhere) / self.weights(state.step).name)
            return
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
            reason = error.strerror or brief(error)
            raise CannotWrite(f"{self._folder}: no checkpoint can be written ({reason})") from error


def drop_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a training; ``CannotWrite`` where the system refuses."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CannotWrite(f"{folder}: cannot be removed ({error.strerror})") from error


def _read(path: Path) -> bytes:
    """Read the state of a checkpoint, after an empty line; nothing at all where there is none."""
    try:
        return b"\n" + path.read_bytes() if os.path.isfile(path) else b""
    except OSError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> BadData:
    return BadData(f"{path}: a damaged checkpoint ({brief(error)}); --restart drops it")


def brief(error: Exception) -> str:
    """Take the first line of what an exception says; its name where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]
