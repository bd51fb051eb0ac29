"""The learning rate: how high, and how it comes and goes."""

import pytest

from export.architecture import KERNELS
from export.plan import TrainingPlan, usual_rate


def test_every_network_has_a_rate_and_larger_kernels_go_slower() -> None:
    muon, adam = ([usual_rate(optimizer, kernels) for kernels in KERNELS.values()] for optimizer in ("muon", "adam"))
    assert muon == sorted(set(muon), reverse=True)
    assert len(set(adam)) == 1


def test_the_rate_climbs_then_falls_as_a_cosine() -> None:
    plan = TrainingPlan(steps=1000, learning_rate=0.02, final_rate=0.0, warmup=0.1)
    assert plan.rate(0.05) == pytest.approx(0.01)
    assert plan.rate(0.1) == pytest.approx(0.02)
    assert plan.rate(0.55) == pytest.approx(0.01)
    assert plan.rate(1.0) == pytest.approx(0.0)
