"""Plan a training: its length, its learning rate, and every other knob."""

import math
from dataclasses import dataclass

from edge_srcnn.errors import UsageError
from export.architectures import Architecture
from export.data.degradation import RANDOM

OPTIMIZERS = ("muon", "adam")
ADAM_RATE = 2e-3

SHORT_STEPS, SHORT_STEPS_BEGUN = 5000, 1000
"""A training of fewer steps is short; the second holds for one that begins with trained weights, or has a teacher."""


def is_short(steps: int, *, begun: bool) -> bool:
    """Tell whether so few steps leave a network worse than it can be (``docs/numbers.md``)."""
    return steps < (SHORT_STEPS_BEGUN if begun else SHORT_STEPS)


def usual_rate(optimizer: str, architecture: Architecture) -> float:
    """Give the peak of the learning rate that suits an optimizer and a network."""
    return ADAM_RATE if optimizer == "adam" else architecture.muon_rate


EDGES = 0.08


def usual_edges(architecture: Architecture, degradation: str) -> float:
    """Give the share of drawn edges that suits a network: noise would hide what is to be seen beside them."""
    return EDGES if architecture.even and degradation not in RANDOM else 0.0


def check_edges(edges: float, architecture: Architecture, degradation: str) -> None:
    """Raise UsageError where drawn edges cannot show a pattern of sub-pixels."""
    if edges and usual_edges(architecture, degradation) == 0.0:
        raise UsageError(
            f"--edges {edges:g}: is for fast networks for x2 and pictures without noise; leave it out here"
        )


SQUARE = tuple(range(8))
"""The elements of D4, as ``export.data.patches.d4_transform`` counts them."""


@dataclass(frozen=True)
class Symmetry:
    """Name a subgroup of D4; the identity comes first."""

    name: str
    elements: tuple[int, ...]

    @property
    def order(self) -> int:
        """Count the elements of the group, which are the filters of a set."""
        return len(self.elements)


SYMMETRIES = {
    symmetry.name: symmetry
    for symmetry in (
        Symmetry("none", SQUARE[:1]),
        Symmetry("flips", SQUARE[::2]),
        Symmetry("square", SQUARE),
    )
}
"""By name: no symmetry; left and right, top and bottom; these and quarter turns."""


def check_filters(symmetry: Symmetry, architecture: Architecture) -> None:
    """Raise UsageError where a network's filters do not make up whole sets."""
    filters = [outputs for _, outputs in architecture.layers[:-1]]
    if any(n % symmetry.order for n in filters):
        raise UsageError(
            f"--symmetry {symmetry.name}: filters come in sets of {symmetry.order}, not {','.join(map(str, filters))};"
            " give other filters, or --symmetry none"
        )


@dataclass(frozen=True)
class TrainingPlan:
    """Hold every knob of a training.

    Attributes
    ----------
    steps, minutes
        How long: exactly one of the two is given. Minutes count training time, over all restarts.
    optimizer
        One of ``OPTIMIZERS``.
    learning_rate, final_rate
        Peak and end of the cosine; ``warmup`` is the share of the training during which the rate climbs.
    epoch_steps
        Steps between two checkpoints, each with an evaluation on the held-out pictures.
    symmetry
        One of ``SYMMETRIES``: what the network's filters are, and stay.
    expand
        Channels between the two kernels whose product each kernel is in training, see
        ``export.training.expansion``; 0: none.
    edges
        Share of each batch that is drawn edges, see ``export.data.edges``.
    precision
        Keras dtype policy: ``float32``, or ``mixed_bfloat16``, twice as fast on processors with bfloat16 units.
    """

    steps: int | None = None
    minutes: float | None = None
    batch: int = 64
    optimizer: str = "muon"
    learning_rate: float = 2e-2
    final_rate: float = 1e-5
    warmup: float = 0.02
    epoch_steps: int = 500
    precision: str = "float32"
    seed: int = 0
    symmetry: str = "none"
    expand: int = 0
    edges: float = 0.0

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise UsageError("give either --steps or --minutes")
        if not (self.steps or self.minutes or 0) > 0:  # nan, too
            raise UsageError("--steps and --minutes must be more than 0")
        if self.expand and self.symmetry != "none":
            raise UsageError(f"--symmetry {self.symmetry} trains kernels as they are: give --expand 0")
        if not 0 <= self.edges < 1:  # nan, too
            raise UsageError(f"--edges {self.edges:g}: give a share of each batch, from 0 to less than 1")

    @property
    def n_edges(self) -> int:
        """Count the drawn edges of a batch."""
        return max(1, round(self.edges * self.batch)) if self.edges else 0

    def progress(self, step: int, seconds: float) -> float:
        """Compute the share of the training that is done, 0..1."""
        done = step / self.steps if self.steps else seconds / (60.0 * (self.minutes or 1.0))
        return min(done, 1.0)

    def rate(self, progress: float) -> float:
        """Compute the learning rate: linear warm-up, then half a cosine (Loshchilov & Hutter, "SGDR", equation 5)."""
        if progress < self.warmup:
            return self.learning_rate * max(progress / self.warmup, 0.01)
        phase = (progress - self.warmup) / (1.0 - self.warmup)
        return self.final_rate + (self.learning_rate - self.final_rate) * (1 + math.cos(math.pi * phase)) / 2
