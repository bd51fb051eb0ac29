"""The plan of a training: how long it is, how high its learning rate, and how that comes and goes."""

import math
from typing import Any

import pytest

from edge_srcnn.errors import UsageError
from export.architectures import find_architecture
from export.architectures.srcnn import KERNELS
from export.training.plan import TrainingPlan, usual_rate


def test_every_network_has_a_rate_and_larger_kernels_go_slower() -> None:
    muon, adam = (
        [usual_rate(optimizer, find_architecture(name)) for name in KERNELS] for optimizer in ("muon", "adam")
    )
    assert muon == sorted(set(muon), reverse=True)
    assert len(set(adam)) == 1


def test_the_rate_climbs_then_follows_half_a_cosine() -> None:
    plan = TrainingPlan(steps=1000, learning_rate=2e-3, final_rate=1e-5, warmup=0.02)
    assert plan.rate(0.0) == pytest.approx(2e-5), "a hundredth, not nothing"
    assert plan.rate(0.01) == pytest.approx(1e-3), "half-way up"
    assert plan.rate(0.02) == pytest.approx(2e-3), "the peak"
    assert plan.rate(0.51) == pytest.approx((2e-3 + 1e-5) / 2), "cos(pi/2) = 0"
    assert plan.rate(0.02 + 0.98 / 3) == pytest.approx(1e-5 + 0.75 * (2e-3 - 1e-5)), "cos(pi/3) = 1/2"
    assert plan.rate(1.0) == pytest.approx(1e-5)


def test_without_a_warmup_the_rate_starts_at_its_peak() -> None:
    assert TrainingPlan(steps=10, learning_rate=1e-3, warmup=0.0).rate(0.0) == pytest.approx(1e-3)


def test_progress_counts_steps_or_minutes() -> None:
    by_steps, by_minutes = TrainingPlan(steps=200), TrainingPlan(minutes=2.0)
    assert [by_steps.progress(step, 1e9) for step in (0, 50, 200, 300)] == [0.0, 0.25, 1.0, 1.0]
    assert [by_minutes.progress(10**9, seconds) for seconds in (0.0, 30.0, 120.0, 500.0)] == [0.0, 0.25, 1.0, 1.0]


@pytest.mark.parametrize(
    "length",
    [{}, {"steps": 5, "minutes": 1.0}, {"steps": 0}, {"steps": -1}, {"minutes": 0.0}, {"minutes": -2.0},
     {"minutes": math.nan}],
)  # fmt: skip
def test_a_plan_needs_one_length_of_more_than_nothing(length: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--steps"):
        TrainingPlan(**length)
