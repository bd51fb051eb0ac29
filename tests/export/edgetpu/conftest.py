"""Our own model, and small ones of other makers, converted as people convert them."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import Model, read_model

SIDE = 16


def image(*shape: int | None, batch: int | None = 1) -> Any:
    return keras.Input(shape or (SIDE, SIDE, 4), batch_size=batch)


def _srcnn() -> tuple[Any, Any]:
    x = image(480, 640, 1)
    y = layers.Conv2D(64, 9, padding="same", activation="relu")(x)
    y = layers.Conv2D(32, 1, activation="relu")(y)
    return x, layers.Conv2D(1, 5, padding="same")(y)


def _after_convolution(step: Callable[[Any], Any], outputs: int = 4, **options: Any) -> tuple[Any, Any]:
    x = image()
    return x, step(layers.Conv2D(outputs, 3, **options)(x))


def _same(value: Any) -> Any:
    return value


def _depth_to_space(value: Any) -> Any:
    return layers.Lambda(lambda pixels: tf.nn.depth_to_space(pixels, 2), output_shape=(28, 28, 1))(value)


def _of_any_size() -> tuple[Any, Any]:
    x = image(None, None, 1)
    return x, layers.Conv2D(4, 3)(x)


def _of_any_batch() -> tuple[Any, Any]:
    x = image(batch=None)
    return x, layers.Conv2D(4, 3)(x)


def _with_branches() -> tuple[Any, Any]:
    x = image()
    y = layers.Conv2D(4, 3, padding="same")(x)
    return x, layers.Concatenate()([layers.Add()([x, y]), layers.MaxPooling2D(2, 1, padding="same")(y)])


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "SRCNN 640x480": _srcnn,
    "grouped convolution": lambda: _after_convolution(_same, groups=2),
    "GELU": lambda: _after_convolution(_same, activation="gelu"),
    "nearest": lambda: _after_convolution(layers.UpSampling2D(2)),
    "bilinear": lambda: _after_convolution(layers.UpSampling2D(2, interpolation="bilinear")),
    "transposed": lambda: _after_convolution(layers.Conv2DTranspose(4, 2, 2)),
    "DEPTH_TO_SPACE": lambda: _after_convolution(_depth_to_space),
    "leaky": lambda: _after_convolution(lambda y: layers.Conv2D(4, 3)(layers.LeakyReLU()(y))),
    "classifier": lambda: _after_convolution(
        lambda y: layers.Softmax()(layers.Dense(5)(layers.GlobalAveragePooling2D()(y))), 8
    ),
    "any size": _of_any_size,
    "any batch": _of_any_batch,
    "branches": _with_branches,
    "one": lambda: _after_convolution(_same),
}


def convert(name: str, ends: Any = tf.int8) -> bytes:
    x, y = MODELS[name]()
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(x, y))
    if ends is not None:
        shape = [1, *(side or SIDE for side in x.shape[1:])]
        generator = np.random.default_rng(0)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: iter([[generator.random(shape, np.float32)] for _ in range(2)])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = ends
    made: bytes = converter.convert()
    return made


@pytest.fixture(scope="session")
def converted() -> Callable[..., bytes]:
    """Converts one of ``MODELS``: full int8, with ends of another type, or (None) float."""
    return cache(convert)


@pytest.fixture(scope="session")
def ours() -> Model:
    """The bundled network, which nobody has packed yet."""
    return read_model(bundled_models()["srcnn-915-x2"])
