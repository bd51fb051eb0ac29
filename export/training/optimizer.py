"""Train convolutions by Muon: each kernel is updated as the matrix that it is, all directions at the same pace.

Neighbouring pixels are almost equal, so a filter's 81 taps hardly move on their own: the gradient is all brightness
and no detail. Muon (Jordan et al., 2024) takes the momentum's singular vectors and lets go of the singular values.
Keras' own does it for dense layers only. Biases, and a last layer of one output, are left to Adam.
"""

from typing import Any

import keras

from export.training.plan import SYMMETRIES, TrainingPlan
from export.training.symmetry import SymmetricGradients

ADAM_SHARE = 0.1
"""Adam's learning rate beside Muon's."""

MOMENTUM_EPSILON = 1e-7


class ConvolutionMuon(SymmetricGradients, keras.optimizers.Muon):  # type: ignore[misc]  # Keras has no types
    """Apply Keras' Muon to kernels ``[h, w, inputs, outputs]``, seen as matrices ``[h * w * inputs, outputs]``."""

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) < 2 or variable.shape[-1] == 1

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign(m, self.momentum * m + gradient)
        direction = keras.ops.reshape(gradient + self.momentum * m, (-1, variable.shape[-1]))
        update = self.lr_adjust(self.zeropower_via_newtonschulz5(direction, self.ns_steps))
        self.assign_sub(variable, lr * keras.ops.reshape(update, variable.shape))


class SymmetricAdam(SymmetricGradients, keras.optimizers.Adam):  # type: ignore[misc]  # Keras has no types
    """Apply Keras' Adam to weights that keep their symmetry."""


def make_optimizer(plan: TrainingPlan) -> keras.optimizers.Optimizer:
    """Make the Keras optimizer that a plan names."""
    optimizer: SymmetricAdam | ConvolutionMuon
    if plan.optimizer == "adam":
        optimizer = SymmetricAdam(learning_rate=plan.learning_rate)
    else:
        optimizer = ConvolutionMuon(
            learning_rate=plan.learning_rate,
            adam_lr_ratio=ADAM_SHARE,
            epsilon=MOMENTUM_EPSILON,
            weight_decay=None,
            adam_weight_decay=None,
        )
    optimizer.symmetry = SYMMETRIES[plan.symmetry]
    return optimizer
