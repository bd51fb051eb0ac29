"""Train a network with Keras' ``fit`` on any Keras back end; a killed training goes on where it stopped."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import keras

from export.architectures import Architecture
from export.data.edges import draw_edges
from export.data.pair import Pair
from export.data.pairs import Float32Array, Split
from export.data.patch_spec import PatchSpec
from export.data.patches import PatchSampler
from export.training.checkpoints import Checkpoints, TrainingState
from export.training.devices import ONE_DEVICE, Devices, agree, agree_on_weights, check_batch, check_same, rows_of
from export.training.losses import Loss, beside_edges, counted_mse, mse, taught_psnr
from export.training.losses import psnr as psnr_loss
from export.training.network import build_model
from export.training.optimizer import make_optimizer
from export.training.plan import SYMMETRIES, TrainingPlan
from export.training.schedule import HeldOut, Progress, Schedule
from export.training.start_from import begin_with
from export.training.symmetry import begin_symmetric, check_symmetric


@dataclass(frozen=True)
class Trained:
    """Hold a finished training: the network with its best weights, how it went, and the PSNR of the base in dB."""

    model: keras.Model
    state: TrainingState
    base_psnr: float


def train(
    architecture: Architecture,
    spec: PatchSpec,
    split: Split,
    plan: TrainingPlan,
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    start_from: Path | None = None,
    devices: Devices = ONE_DEVICE,
) -> Trained:
    """Train a network, or go on with a training that was ended.

    Parameters
    ----------
    architecture
        The network.
    spec
        How patches are cut for it.
    split
        Pictures to train on, and those held out, which choose the best weights.
    plan
        Length, learning rate and every other knob.
    folder
        Holds the checkpoints. A checkpoint of the same settings is continued.
    on_progress
        Told how far the training is, every tenth step and after each evaluation.
    start_from
        Weights (``.weights.h5``) or a model (``.tflite``) of the same architecture to begin with instead of random
        ones; of another scale, all but the last layer.
    devices
        What it is trained on; a training goes on with another number of them.

    Returns
    -------
    The network with the weights that were best on the held-out pictures.

    Raises
    ------
    UsageError
        ``folder`` holds the checkpoint of a training with other settings; ``start_from`` lacks the symmetry; the
        devices cannot share a batch.
    BadData
        The pictures are flat, or a checkpoint or ``start_from`` is damaged; another process has other pictures.
    ProcessLost
        Another process of the training ended.
    NoInput, CannotWrite
        ``start_from`` is missing; ``folder`` cannot be written to.
    EdgeSrcnnError
        The training diverged before it came to anything.
    """
    check_batch(plan.batch, devices)
    with devices.scope():
        model = _begin(architecture, plan, start_from)
        began_with = start_from.read_bytes() if start_from is not None else b""
        identity = fingerprint(architecture, spec, split, plan, began_with)
        check_same(identity, devices)
        checkpoints = Checkpoints(folder, identity, devices=devices)
        return fit(model, spec, split, plan, checkpoints, on_progress, devices=devices)


def _begin(architecture: Architecture, plan: TrainingPlan, start_from: Path | None) -> keras.Model:
    """Build a network with the weights that its training begins with."""
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
    return model


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
    devices: Devices = ONE_DEVICE,
) -> Trained:
    """Train a network that is built already, in the scope of its devices.

    Parameters
    ----------
    model
        What ``build_model`` made, with the weights to begin with.
    spec
        How patches are cut for it.
    split
        Pictures to train on, and those held out, which choose the best weights.
    plan
        Length, learning rate and every other knob.
    checkpoints
        Where the training goes on, and where it is kept.
    on_progress
        Told how far the training is, every tenth step and after each evaluation.
    before_epoch
        Called when an epoch begins.
    never_worse
        True: the weights that it begins with are among those of which the best are kept.
    devices
        What it is trained on.

    Returns
    -------
    The network with the weights that were best on the held-out pictures.
    """
    optimizer = make_optimizer(plan)
    edges = draw_edges(spec, plan.seed) if plan.n_edges else ()
    sampler = PatchSampler(split.train, spec, batch=plan.batch, seed=plan.seed, edges=edges, n_edges=plan.n_edges)
    held_out = HeldOut(split.held_out, spec)
    model.compile(optimizer=optimizer)
    agree_on_weights(model, devices)
    state = checkpoints.restore(model)
    if devices.count not in state.devices[-1:]:
        state = replace(state, devices=(*state.devices, devices.count))
    if (length := (plan.steps, plan.minutes)) not in state.lengths[-1:]:
        state = replace(state, lengths=(*state.lengths, length))
    if never_worse and not state.history:
        optimizer.build(model.trainable_variables)  # or it would be missing from the checkpoint
        psnr = agree(held_out.psnr(model), devices)
        state = replace(state, best_psnr=psnr, best_step=0, history=((0, psnr, math.nan),))
        checkpoints.save(model, state)
    loss: Loss = taught_psnr if any(pair.residual is not None for pair in split.train) else psnr_loss
    if edges:
        loss = beside_edges(loss, spec.upsampling * spec.block_px)
    if plan.progress(state.step, state.seconds) < 1.0:
        model.compile(
            optimizer=optimizer,
            loss=loss,
            metrics=[keras.metrics.MeanMetricWrapper(counted_mse, name="mse") if edges else mse],
            jit_compile=keras.backend.backend() == "jax",  # XLA's convolutions are slower on a CPU
        )
        schedule = Schedule(plan, state, held_out, checkpoints, on_progress, before_epoch, devices)
        model.fit(
            _Batches(sampler, plan.epoch_steps, state.step, rows_of(plan.batch, devices)),
            epochs=10**9,  # the schedule stops it
            initial_epoch=state.step // plan.epoch_steps,
            callbacks=[schedule],
            shuffle=False,  # else the batches of an epoch come in another order after a restart
            verbose=0,
        )
        state = schedule.state
    checkpoints.load(model, state.best_step)
    return Trained(model, state, held_out.base_psnr)


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Give Keras this process' rows of the sampler's batches; each epoch goes on where the last one ended."""

    def __init__(self, sampler: PatchSampler, epoch_steps: int, first: int, rows: slice) -> None:
        super().__init__()
        self._sampler, self._epoch_steps, self._first, self._rows = sampler, epoch_steps, first, rows

    def __len__(self) -> int:
        return self._epoch_steps

    def __getitem__(self, index: int) -> tuple[Float32Array, Float32Array]:
        return self._sampler.batch(self._first + index, self._rows)

    def on_epoch_end(self) -> None:
        self._first += self._epoch_steps


def fingerprint(
    architecture: Architecture, spec: PatchSpec, split: Split, plan: TrainingPlan, began_with: bytes
) -> str:
    """Digest everything that makes two trainings the same one, every pixel among it; the length may differ."""
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
    """Pick the settings that are not the default: what comes with a later version changes no older fingerprint."""
    values = ((field.name, getattr(settings, field.name), field.default) for field in fields(settings))
    return {name: value for name, value, usual in values if value != usual}


def _digest(pair: Pair) -> str:
    pixels = hashlib.sha256(str(pair.hr.shape).encode())
    for plane in (pair.hr, pair.plane, pair.residual):
        pixels.update(b"" if plane is None else plane.tobytes())
    return pixels.hexdigest()
