"""Which of the bundled models are the models, by scale, kind of picture, and whether it is live."""

import pytest

from edge_srcnn.models.ladder import ladder_of

CLEAN = {f"fast-{size}-x{scale}" for size in ("s", "m", "l", "xl") for scale in (2, 3, 4)}
CAMERA = {f"fast-{size}-x2-camera" for size in ("s", "m", "l")}
PAPER = {"srcnn-915-x2", "srcnn-915-x3", "srcnn-915-x4", "srcnn-955-x2", "srcnn-915-x2-camera"}
ALL = CLEAN | CAMERA | PAPER


@pytest.mark.parametrize(
    ("bundled", "scale", "camera", "live", "models"),
    [
        (ALL, 2, False, True, ("fast-s-x2", "fast-m-x2", "fast-l-x2")),
        (ALL, 4, False, True, ("fast-s-x4", "fast-m-x4", "fast-l-x4")),
        (ALL, 2, False, False, ("fast-s-x2", "fast-m-x2", "fast-l-x2", "fast-xl-x2")),
        (ALL, 2, True, True, ("fast-s-x2-camera", "fast-m-x2-camera", "fast-l-x2-camera")),
        (ALL, 2, True, False, ("fast-s-x2-camera", "fast-m-x2-camera", "fast-l-x2-camera")),
        (ALL, 3, True, True, ("fast-s-x3", "fast-m-x3", "fast-l-x3")),
        (CLEAN | PAPER, 2, True, True, ("fast-s-x2", "fast-m-x2", "fast-l-x2")),
        ({"fast-m-x2", "fast-s-x3"}, 2, False, True, ("fast-m-x2",)),
        ({"fast-s-x2", "fast-l-x2", *PAPER}, 2, False, True, ("fast-s-x2", "fast-l-x2")),
        ({"fast-xl-x2", *PAPER}, 2, False, True, ("srcnn-915-x2",)),
        (PAPER, 2, True, True, ("srcnn-915-x2-camera",)),
        (PAPER, 2, False, False, ("srcnn-915-x2",)),
        (PAPER, 3, True, True, ("srcnn-915-x3",)),
        ((), 4, False, True, ("srcnn-915-x4",)),
    ],
)
def test_the_models_are_those_that_are_bundled_the_fastest_first(bundled, scale, camera, live, models):
    ladder = ladder_of(bundled, scale, camera=camera, live=live)
    assert ladder.models == models
    assert ladder.best == models[-1]
