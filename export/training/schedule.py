"""Steer a training from Keras' callbacks: learning rate, evaluation, checkpoints, and when to stop."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import keras
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.models.spec import LUMA_PLANE
from export.data.pair import Pair
from export.data.pairs import Float32Array
from export.data.patch_spec import PatchSpec
from export.data.patches import centre_crops, common_crop_px
from export.training.checkpoints import Checkpoints, TrainingState
from export.training.devices import ONE_DEVICE, Devices, agree
from export.training.plan import TrainingPlan

PREDICT_BATCH = 4
LEAST_MSE = 1e-5
"""What is nearer than 50 dB counts as 50: a picture that a camera left as it was must not outweigh all others."""

COLLAPSE_DB = 0.4
"""A held-out PSNR this far below the best means dead units: the best weights come back, at half the rate."""

AGREE_STEPS = 10
"""Steps after which several processes agree on how many minutes have gone."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Tell how far a training is: share done (0..1), step, held-out PSNR so far (dB), seconds."""

    done: float
    step: int
    psnr: float
    seconds: float


class HeldOut:
    """Measure the PSNR of networks, and of the base, on the centres of held-out pictures.

    They are cut anew each time, a few at once: there may be more of them than memory holds.

    Parameters
    ----------
    pairs
        The held-out pictures.
    spec
        How patches are cut for the network.
    """

    def __init__(self, pairs: tuple[Pair, ...], spec: PatchSpec) -> None:
        self._pairs, self._spec, self._adds = pairs, spec, spec.plane == LUMA_PLANE
        self._crop_px = common_crop_px(pairs, spec)
        self.base_psnr = _mean_psnr([_mse(base, hr) for _, hr, base in self._crops()])

    def psnr(self, model: keras.Model) -> float:
        """Measure the mean PSNR of a network in dB."""
        found = []
        for x, hr, base in self._crops():
            out = keras.ops.convert_to_numpy(model(x, training=False))
            found.append(_mse(base + out if self._adds else out, hr))
        return _mean_psnr(found)

    def _crops(self) -> Iterator[tuple[Float32Array, Float32Array, Float32Array]]:
        for first in range(0, len(self._pairs), PREDICT_BATCH):
            yield centre_crops(self._pairs[first : first + PREDICT_BATCH], self._spec, self._crop_px)


def _mse(pictures: Float32Array, hr: Float32Array) -> NDArray[np.float64]:
    """Compute the mean square error of each of some pictures ``[n, h, w, 1]`` in 0..1."""
    error = np.clip(pictures, 0.0, 1.0).astype(np.float64) - hr
    return np.asarray(np.mean(error * error, axis=(1, 2, 3)))


def _mean_psnr(errors: list[NDArray[np.float64]]) -> float:
    """Compute the mean PSNR in dB of all pictures, some of whose errors each array holds."""
    return float(np.mean(-10.0 * np.log10(np.maximum(np.concatenate(errors), LEAST_MSE))))


class Schedule(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Set the learning rate, evaluate, save, and stop when the training is done.

    Parameters
    ----------
    plan
        Length and learning rate.
    state
        Where the training goes on.
    held_out
        Evaluates at the end of each epoch.
    checkpoints
        Keep what each evaluation leaves.
    on_progress
        Told every tenth step, and after each evaluation.
    before_epoch
        Called when an epoch begins.
    devices
        Those of the training; what process 0 measures decides for all.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        state: TrainingState,
        held_out: HeldOut,
        checkpoints: Checkpoints,
        on_progress: Callable[[Progress], None],
        before_epoch: Callable[[], None],
        devices: Devices = ONE_DEVICE,
    ) -> None:
        super().__init__()
        self.state = state
        self._plan, self._held_out, self._checkpoints, self._on_progress = plan, held_out, checkpoints, on_progress
        self._before_epoch, self._devices = before_epoch, devices
        self._step = state.step
        self._seconds = self._own_seconds = state.seconds
        self._clock = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Call what every epoch begins with."""
        self._before_epoch()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Set the learning rate of the step."""
        done = self._plan.progress(self._step, self._seconds)
        self.model.optimizer.learning_rate.assign(self._plan.rate(done) * self.state.rate_factor)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count the step and its seconds; stop where the plan is done."""
        self._step += 1
        self._count_seconds()
        done = self._plan.progress(self._step, self._seconds)
        if self._step % 10 == 0:
            psnr = self.state.history[-1][1] if self.state.history else math.nan
            self._on_progress(Progress(done, self._step, psnr, self._seconds))
        if done >= 1.0:
            self.model.stop_training = True
            self._keep(logs)

    def _count_seconds(self) -> None:
        now = time.monotonic()
        self._own_seconds += now - self._clock
        self._clock = now
        if self._devices.processes == 1 or self._plan.minutes is None:
            self._seconds = self._own_seconds
        elif self._step % AGREE_STEPS == 0:
            self._seconds = self._own_seconds = agree(self._own_seconds, self._devices)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Evaluate and save, unless the last step of the training did."""
        if self.state.step != self._step:
            self._keep(logs)

    def _keep(self, logs: dict[str, float] | None) -> None:
        """Evaluate the network, go back to its best weights where it collapsed, and save."""
        psnr = agree(self._held_out.psnr(self.model), self._devices)
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
