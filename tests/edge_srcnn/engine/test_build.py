"""The golden self-test: what an engine computes is what the model says, or it is refused."""

import numpy as np
import pytest

from edge_srcnn.engine.build import self_test_tolerance
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import SelfTestFailed
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import digest, parse_model
from edge_srcnn.upscaler import open_model


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_engine_passes_the_golden_self_test(engine, upscalers, scale):
    upscaler = upscalers(scale, engine)
    most = 0 if engine == "litert" else self_test_tolerance(upscaler.spec)  # the golden output is LiteRT's
    said = ["identical", "within 1 level", *(f"within {n} levels" for n in range(2, most + 1))]
    assert upscaler.self_test() in said[: most + 1]


def changed_golden(levels: int):
    """The golden output with one pixel moved by ``levels``, and the digest that goes with it."""

    def golden(stored: bytes) -> bytes:
        pixel = stored[100] + levels if stored[100] < 128 else stored[100] - levels
        return stored[:100] + bytes([pixel]) + stored[101:]

    return golden


def tampered(model_bytes, reseal, levels: int) -> bytes:
    golden = changed_golden(levels)
    output = parse_model(model_bytes, "").golden.tobytes()
    return reseal(
        model_bytes,
        golden=golden,
        spec=lambda stored: {**stored, "golden_output_sha256": digest(golden(output))},
    )


@pytest.mark.parametrize("levels", [3, 50])
def test_a_tampered_golden_output_fails_the_self_test(engine, model_bytes, reseal, levels):
    with (
        open_model(parse_model(tampered(model_bytes, reseal, levels), ""), EngineOptions(engine)) as upscaler,
        pytest.raises(SelfTestFailed, match=f"engine {engine} computes srcnn-915-x2 wrongly"),
    ):
        upscaler.self_test()


def test_one_level_of_difference_passes_but_is_not_called_identical(model_bytes, reseal):
    pytest.importorskip("ai_edge_litert.interpreter")
    with open_model(parse_model(tampered(model_bytes, reseal, 1), ""), EngineOptions("litert")) as upscaler:
        assert upscaler.self_test() == "within 1 level"


@pytest.mark.parametrize(
    ("levels", "pixels", "passes"),
    [(3, 1, True), (3, 20, True), (4, 1, False), (2, 200, False), (1, 5000, True)],  # of 96 x 128, five layers
)
def test_a_few_pixels_of_a_deep_network_may_differ_by_more_levels(reseal, levels, pixels, passes):
    pytest.importorskip("ai_edge_litert.interpreter")
    whole = bundled_models()["fast-m-x2"].read_bytes()
    model = parse_model(whole, "")
    golden = model.golden.copy()
    few = golden.reshape(-1)[:pixels]
    few[:] = np.where(few < 128, few + levels, few - levels)
    lie = reseal(
        whole,
        golden=lambda stored: golden.tobytes(),
        spec=lambda stored: {**stored, "golden_output_sha256": digest(golden)},
    )
    with open_model(parse_model(lie, ""), EngineOptions("litert")) as upscaler:
        if passes:
            assert upscaler.self_test() == f"within {levels} level{'s'[: levels - 1]}"
        else:
            with pytest.raises(SelfTestFailed, match=f"off by up to {levels} levels"):
                upscaler.self_test()


def test_another_golden_input_fails_the_self_test(model_bytes, reseal):
    other = reseal(model_bytes, spec=lambda stored: {**stored, "golden_input_sha256": "0" * 64})
    with open_model(parse_model(other, "")) as upscaler, pytest.raises(SelfTestFailed, match="golden input"):
        upscaler.self_test()


def test_a_model_that_lies_about_its_residual_fails_the_self_test(engine, model_bytes, reseal):
    lie = reseal(model_bytes, spec=lambda stored: {**stored, "residual": False})
    with (
        open_model(parse_model(lie, ""), EngineOptions(engine)) as upscaler,
        pytest.raises(SelfTestFailed, match="levels"),
    ):
        upscaler.self_test()
