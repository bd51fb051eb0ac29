"""A network that collapses in its training gets up again."""

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edge_srcnn.errors import EdgeSrcnnError
from export.data.pairs import Split
from export.training.checkpoints import STATE_NAME
from export.training.network import build_model, layers_of
from export.training.optimizer import make_optimizer
from export.training.schedule import COLLAPSE_DB, HeldOut
from export.training.train import train
from tests.export.trainings import PLAN, SPEC, TINY, interrupted, same, stored

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]


def spoil_at(monkeypatch: pytest.MonkeyPatch, evaluation: int, value: float) -> list[float]:
    """Ruin the network just before an evaluation; returns the learning rates that the evaluations found."""
    real = HeldOut.psnr
    rates: list[float] = []

    def spoilt(self: Any, model: keras.Model) -> float:
        rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
        if len(rates) == evaluation:
            model.set_weights([np.full_like(weight, value) for weight in model.get_weights()])
        return real(self, model)

    monkeypatch.setattr(HeldOut, "psnr", spoilt)
    return rates


@pytest.mark.parametrize("value", [0.5, math.nan], ids=["wild weights", "no numbers"])
def test_a_collapsed_network_goes_back_to_its_best_and_on_at_half_the_rate(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: float
) -> None:
    rates = spoil_at(monkeypatch, 2, value)
    trained = train(TINY, SPEC, split, PLAN, tmp_path)

    (_, first, _), (_, fallen, _), (_, last, _) = trained.state.history
    assert not fallen >= first - COLLAPSE_DB
    assert last > first - COLLAPSE_DB, "up again after two more steps"
    assert trained.state.rate_factor == 0.5
    # the last batch of an epoch is trained at the progress before it: 1/6, 3/6, 5/6
    expected = [PLAN.rate(1 / 6), PLAN.rate(3 / 6), PLAN.rate(5 / 6) / 2]
    assert rates == pytest.approx(expected, rel=1e-5)
    assert "step 4: the network collapsed; back to step 2, slower" in caplog.text


def test_the_checkpoint_after_a_collapse_holds_the_best_weights(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_at(monkeypatch, 2, 0.5)
    interrupted(split, tmp_path, step=4)
    state = stored(tmp_path)
    assert (state["step"], state["best_step"], state["rate_factor"]) == (4, 2, 0.5)
    models = [build_model(TINY) for _ in range(2)]
    for model, step in zip(models, (2, 4), strict=True):
        model.compile(make_optimizer(PLAN))
        model.optimizer.build(model.trainable_variables)
        model.load_weights(tmp_path / f"step-{step}.weights.h5")
    assert same(layers_of(models[0]), layers_of(models[1]))


def test_a_training_that_never_stood_says_what_to_do(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_at(monkeypatch, 1, math.nan)
    with pytest.raises(EdgeSrcnnError, match="diverged within 2 steps; give a lower --learning-rate"):
        train(TINY, SPEC, split, PLAN, tmp_path)
    assert not (tmp_path / STATE_NAME).exists()
