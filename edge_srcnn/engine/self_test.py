"""Compare what an engine computes with the golden output that a model carries."""

import numpy as np

from edge_srcnn.engine.luma import Luma
from edge_srcnn.errors import SelfTestFailed
from edge_srcnn.models.file import Model, ModelSpec, digest, golden_plane

SELF_TEST_SHARE = 0.01
"""Of the pixels of the golden output, no more may differ by more than a level."""


def check_golden(luma: Luma, model: Model, engine: str) -> str:
    """Compute the model's golden input, and compare with what it must give.

    Returns
    -------
    ``identical``, or ``within 1 level`` (or a few, of a deep network) for interpreters with older kernels.

    Raises
    ------
    SelfTestFailed
        The engine computes something else.
    """
    plane = golden_plane()
    out = luma.run_network(plane)
    if digest(plane) != model.spec.golden_input_sha256:
        raise SelfTestFailed(f"{model.spec.name}: made with another golden input; export it again")
    if digest(out) == model.spec.golden_output_sha256:
        return "identical"
    apart = np.abs(out.astype(int) - model.golden)
    worst, allowed = int(apart.max()), self_test_tolerance(model.spec)
    if worst <= allowed and (apart > 1).mean() <= SELF_TEST_SHARE:
        return f"within {worst} level{'s'[: worst - 1]}"
    raise SelfTestFailed(
        f"engine {engine} computes {model.spec.name} wrongly (off by up to {worst} levels); choose another --engine"
    )


def self_test_tolerance(spec: ModelSpec) -> int:
    """Give the levels by which a few pixels may differ from the golden output, with the older, non-XNNPACK kernels.

    These round each result to one or the other of its neighbours; each hidden layer but one may carry that further.
    """
    return max(len(spec.layers) - 2, 1)
