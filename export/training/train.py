"""Train a network with Keras' ``fit`` on any Keras back end; a killed training goes on where it stopped."""

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.models.file import LUMA_PLANE
from export.architectures import Architecture
from export.data.pairs import Float32Array, Pair, PatchSpec, Split
from export.data.patches import PatchSampler, centre_crops
from export.training.checkpoints import Checkpoints, TrainingState, begin_with
from export.training.losses import mse, taught_psnr
from export.training.losses import psnr as psnr_loss
from export.training.network import build_model
from export.training.optimizer import make_optimizer
from export.training.plan import TrainingPlan
from export.training.symmetry import SYMMETRIES, begin_symmetric, check_symmetric

PREDICT_BATCH = 4
COLLAPSE_DB = 0.4
"""A held-out PSNR this far below the best means dead units: the best weights come back, at half the rate."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A finished training: the network with its best weights, and how it went."""

    model: keras.Model
    state: TrainingState
    bicubic_psnr: float


@dataclass(frozen=True)
class Progress:
    """What a progress bar shows: share done (0..1), step, held-out PSNR so far (dB), seconds."""

    done: float
    step: int
    psnr: float
    seconds: float


def train(
    architecture: Architecture,
    spec: PatchSpec,
    split: Split,
    plan: TrainingPlan,
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    start_from: Path | None = None,
) -> Trained:
    """Train, or go on with, a network.

    Parameters
    ----------
    folder
        Holds the checkpoints. A checkpoint of the same settings is continued.
    start_from
        Weights (``.weights.h5``) of the same architecture to begin with instead of random ones; of another scale, all
        but the last layer.

    Raises
    ------
    UsageError
        ``folder`` holds the checkpoint of a training with other settings; ``start_from`` lacks the symmetry.
    BadData
        The pictures are flat, or a checkpoint or ``start_from`` is damaged.
    NoInput, CannotWrite
        ``start_from`` is missing; ``folder`` cannot be written to.
    EdgeSrcnnError
        The training diverged before it came to anything.
    """
    keras.utils.set_random_seed(plan.seed)
    keras.mixed_precision.set_global_policy(plan.precision)
    try:
        model = build_model(architecture, expand=plan.expand)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    symmetry = SYMMETRIES[plan.symmetry]
    if start_from is None:
        begin_symmetric(model, symmetry)
    else:
        begin_with(model, architecture, start_from, plan.expand)
        check_symmetric(model, symmetry, str(start_from))
    began_with = start_from.read_bytes() if start_from is not None else b""
    checkpoints = Checkpoints(folder, fingerprint(architecture, spec, split, plan, began_with))
    return fit(model, spec, split, plan, checkpoints, on_progress)


def fit(
    model: keras.Model,
    spec: PatchSpec,
    split: Split,
    plan: TrainingPlan,
    checkpoints: Checkpoints,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    before_epoch: Callable[[], None] = lambda: None,
    *,
    never_worse: bool = False,
) -> Trained:
    """Train a network that is built, as ``train`` does.

    Parameters
    ----------
    before_epoch
        What every epoch begins with.
    never_worse
        The weights that it begins with are among those of which the best are kept.
    """
    optimizer = make_optimizer(plan)
    sampler = PatchSampler(split.train, spec, batch=plan.batch, seed=plan.seed)
    held_out = _HeldOut(*centre_crops(split.held_out, spec), adds=spec.plane == LUMA_PLANE)
    model.compile(optimizer=optimizer)
    state = checkpoints.restore(model)
    if (length := (plan.steps, plan.minutes)) not in state.lengths[-1:]:
        state = replace(state, lengths=(*state.lengths, length))
    if never_worse and not state.history:
        optimizer.build(model.trainable_variables)  # or it would be missing from the checkpoint
        psnr = held_out.psnr(model)
        state = replace(state, best_psnr=psnr, best_step=0, history=((0, psnr, math.nan),))
        checkpoints.save(model, state)
    taught = any(pair.residual is not None for pair in split.train)
    if plan.progress(state.step, state.seconds) < 1.0:
        model.compile(
            optimizer=optimizer,
            loss=taught_psnr if taught else psnr_loss,
            metrics=[mse],
            jit_compile=keras.backend.backend() == "jax",  # XLA's convolutions are slower on a CPU
        )
        schedule = _Schedule(plan, state, held_out, checkpoints, on_progress, before_epoch)
        model.fit(
            _Batches(sampler, plan.epoch_steps, state.step),
            epochs=10**9,  # the schedule stops it
            initial_epoch=state.step // plan.epoch_steps,
            callbacks=[schedule],
            shuffle=False,  # else the batches of an epoch come in another order after a restart
            verbose=0,
        )
        state = schedule.state
    checkpoints.load(model, state.best_step)
    return Trained(model, state, held_out.bicubic_psnr)


class _HeldOut:
    """Measures the PSNR of networks, and of bicubic, on the held-out crops; ``adds``: to bicubic, what they put out."""

    def __init__(self, x: Float32Array, hr: Float32Array, base: Float32Array, *, adds: bool) -> None:
        self._x, self._hr, self._base, self._adds = x, hr, base, adds
        self.bicubic_psnr = self._psnr(base)

    def psnr(self, model: keras.Model) -> float:
        """Measure a network's mean PSNR in dB."""
        n = len(self._x)
        out = [
            keras.ops.convert_to_numpy(model(self._x[i : i + PREDICT_BATCH], training=False))
            for i in range(0, n, PREDICT_BATCH)
        ]
        pictures = np.concatenate(out)
        return self._psnr(self._base + pictures if self._adds else pictures)

    def _psnr(self, pictures: Float32Array) -> float:
        error = np.clip(pictures, 0.0, 1.0).astype(np.float64) - self._hr
        mse = np.maximum(np.mean(error * error, axis=(1, 2, 3)), 1e-10)
        return float(np.mean(-10.0 * np.log10(mse)))


class _Schedule(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Sets the learning rate, evaluates, saves, and stops when the training is done."""

    def __init__(
        self,
        plan: TrainingPlan,
        state: TrainingState,
        held_out: _HeldOut,
        checkpoints: Checkpoints,
        on_progress: Callable[[Progress], None],
        before_epoch: Callable[[], None],
    ) -> None:
        super().__init__()
        self.state = state
        self._plan, self._held_out, self._checkpoints, self._on_progress = plan, held_out, checkpoints, on_progress
        self._before_epoch = before_epoch
        self._step = state.step
        self._seconds = state.seconds
        self._clock = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._before_epoch()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        done = self._plan.progress(self._step, self._seconds)
        self.model.optimizer.learning_rate.assign(self._plan.rate(done) * self.state.rate_factor)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._step += 1
        now = time.monotonic()
        self._seconds += now - self._clock
        self._clock = now
        done = self._plan.progress(self._step, self._seconds)
        if self._step % 10 == 0:
            psnr = self.state.history[-1][1] if self.state.history else math.nan
            self._on_progress(Progress(done, self._step, psnr, self._seconds))
        if done >= 1.0:
            self.model.stop_training = True
            self._keep(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.state.step != self._step:
            self._keep(logs)

    def _keep(self, logs: dict[str, float] | None) -> None:
        psnr = self._held_out.psnr(self.model)
        better = psnr > self.state.best_psnr
        collapsed = not psnr >= self.state.best_psnr - COLLAPSE_DB  # nan, too
        if collapsed and not self.state.history:
            raise EdgeSrcnnError(f"the training diverged within {self._step} steps; give a lower --learning-rate")
        if collapsed:
            log.warning("step %d: the network collapsed; back to step %d, slower", self._step, self.state.best_step)
            self._checkpoints.load(self.model, self.state.best_step)
        row = (self._step, psnr, float((logs or {}).get("mse", math.nan)))
        self.state = replace(
            self.state,
            step=self._step,
            seconds=self._seconds,
            best_psnr=psnr if better else self.state.best_psnr,
            best_step=self._step if better else self.state.best_step,
            history=(*self.state.history, row),
            rate_factor=self.state.rate_factor * (0.5 if collapsed else 1.0),
        )
        self._checkpoints.save(self.model, self.state)
        self._on_progress(Progress(self._plan.progress(self._step, self._seconds), self._step, psnr, self._seconds))


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The sampler's batches as Keras wants them; each epoch goes on where the last one ended."""

    def __init__(self, sampler: PatchSampler, epoch_steps: int, first: int) -> None:
        super().__init__()
        self._sampler, self._epoch_steps, self._first = sampler, epoch_steps, first

    def __len__(self) -> int:
        return self._epoch_steps

    def __getitem__(self, index: int) -> tuple[Float32Array, Float32Array]:
        return self._sampler.batch(self._first + index)

    def on_epoch_end(self) -> None:
        self._first += self._epoch_steps


def fingerprint(
    architecture: Architecture, spec: PatchSpec, split: Split, plan: TrainingPlan, began_with: bytes
) -> str:
    """Digest of everything that makes two trainings the same one, every pixel among it; the length may differ."""
    settings = [
        architecture.identity,
        _unusual(spec),
        _unusual(replace(plan, steps=None, minutes=1.0)),
        keras.backend.backend(),
        [[_digest(pair) for pair in pairs] for pairs in (split.train, split.held_out)],
        hashlib.sha256(began_with).hexdigest() if began_with else "",
    ]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


def _unusual(settings: PatchSpec | TrainingPlan) -> dict[str, Any]:
    """Give the settings that are not the default: what comes with a later version changes no older fingerprint."""
    values = ((field.name, getattr(settings, field.name), field.default) for field in fields(settings))
    return {name: value for name, value, usual in values if value != usual}


def _digest(pair: Pair) -> str:
    pixels = hashlib.sha256(str(pair.hr.shape).encode())
    for plane in (pair.hr, pair.plane, pair.residual):
        pixels.update(b"" if plane is None else plane.tobytes())
    return pixels.hexdigest()
