from pathlib import Path

import keras
import numpy as np
import pytest

from edge_srcnn.errors import BadData
from edge_srcnn.imaging.bicubic import upscale_bicubic
from export.classic import Srcnn, read_grey, save_grey


def published(path: Path, kernels: tuple[int, int, int]) -> None:
    """Write what people publish: a Sequential of three Conv2D; this one passes its input through."""
    layers = [
        keras.Input((None, None, 1)),
        keras.layers.Conv2D(64, kernels[0], activation="relu"),
        keras.layers.Conv2D(32, kernels[1], activation="relu"),
        keras.layers.Conv2D(1, kernels[2]),
    ]
    model = keras.Sequential(layers)
    for layer in model.layers:
        kernel, bias = (np.zeros_like(w) for w in layer.get_weights())
        kernel[kernel.shape[0] // 2, kernel.shape[1] // 2, 0, 0] = 1.0
        layer.set_weights([kernel, bias])
    model.save_weights(path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kernels"), [("srcnn-915", (9, 1, 5)), ("srcnn-955", (9, 5, 5))])
def test_classic_recipe_with_pass_through_weights_gives_the_bicubic_picture(
    tmp_path: Path, name: str, kernels: tuple[int, int, int]
) -> None:
    grey = np.random.default_rng(5).integers(0, 256, (21, 34), dtype=np.uint8)
    save_grey(tmp_path / "grey.png", grey)
    published(tmp_path / "trained_SRCNN.weights.h5", kernels)

    srcnn = Srcnn(name)
    srcnn.load_weights(tmp_path / "trained_SRCNN.weights.h5")
    save_grey(tmp_path / "large.png", srcnn.upscale(read_grey(tmp_path / "grey.png"), scale=2))

    assert np.array_equal(read_grey(tmp_path / "large.png"), upscale_bicubic(grey, 2))


def test_weights_of_another_architecture_name_the_layer(tmp_path: Path) -> None:
    published(tmp_path / "other.weights.h5", (9, 5, 5))
    with pytest.raises(BadData, match=r"layer 2 is 5x5x64->32, but srcnn-915 .* try --arch srcnn-955"):
        Srcnn("srcnn-915").load_weights(tmp_path / "other.weights.h5")
