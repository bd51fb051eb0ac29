"""Published Keras weights: files that Keras itself writes, files of Keras 2, and everything that is none of these."""

from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from edge_srcnn.errors import BadData, NoInput
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import mirror_pad
from edge_srcnn.models.spec import Training
from edge_srcnn.upscaler import open_model
from export.architectures import find_architecture
from export.architectures.srcnn import read_weights
from export.int8.convert import convert
from export.packaging import describe

Draw = Callable[..., UInt8Array]

DIRECT = find_architecture("srcnn-915", filters=(8, 4), residual=False)


def published(
    kernels: tuple[int, ...] = (9, 1, 5), filters: tuple[int, ...] = (8, 4, 1), *, spread: float = 0.05
) -> keras.Sequential:
    """The network that people publish: a Sequential of Conv2D; random, yet near to passing its input through."""
    model = keras.Sequential([keras.Input((None, None, 1))])
    for n, k in zip(filters[:-1], kernels[:-1], strict=True):
        model.add(keras.layers.Conv2D(n, k, activation="relu"))
    model.add(keras.layers.Conv2D(filters[-1], kernels[-1]))
    rng = np.random.default_rng(1)
    for layer in model.layers:
        kernel, bias = layer.get_weights()
        kernel = rng.normal(0, spread / kernel.shape[0], kernel.shape)
        kernel[kernel.shape[0] // 2, kernel.shape[1] // 2, 0, 0] += 1
        layer.set_weights([kernel, rng.normal(0, spread / 5, bias.shape)])
    return model


def save_as_keras_2(model: keras.Sequential, path: Path, names: list[str] | None = None) -> None:
    """What ``model.save_weights("x.h5")`` of Keras 2 wrote: a group a layer, its weights named in attributes."""
    names = names or [f"conv2d_{number}" for number in range(1, len(model.layers) + 1)]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        for name, layer in zip(names, model.layers, strict=True):
            group = file.create_group(name)
            weights = [f"{name}/kernel:0", f"{name}/bias:0"]
            group.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, values in zip(weights, layer.get_weights(), strict=True):
                group.create_dataset(weight, data=values)


def save_as_keras_3(model: keras.Sequential, path: Path) -> None:
    model.save_weights(path)


def save_trained_as_keras_3(model: keras.Sequential, path: Path) -> None:
    """With the state of its optimizer, whose moments have the shapes of the weights."""
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save_weights(path)


def save_whole(model: keras.Sequential, path: Path) -> None:
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(path)


FORMS = {
    "keras 3": (save_as_keras_3, "trained.weights.h5"),
    "keras 3 with an optimizer": (save_trained_as_keras_3, "trained.weights.h5"),
    "a whole model": (save_whole, "trained.h5"),
    "keras 2": (save_as_keras_2, "trained_SRCNN_weights.h5"),
}

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_file_gives_the_weights_that_were_saved(tmp_path: Path, form: str) -> None:
    save, name = FORMS[form]
    model = published()
    save(model, tmp_path / name)
    for layer, original in zip(read_weights(tmp_path / name, DIRECT), model.layers, strict=True):
        kernel, bias = original.get_weights()
        assert np.array_equal(layer.kernel, kernel)
        assert np.array_equal(layer.bias, bias)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_upscaling_with_a_file_equals_keras_own_predict(tmp_path: Path, draw: Draw, form: str) -> None:
    save, name = FORMS[form]
    model = published()
    save(model, tmp_path / name)
    graph = convert(read_weights(tmp_path / name, DIRECT), DIRECT)
    facts = Training((), "not stated", 0, 0, 0.0, 0, weights=name)
    packaged = describe(DIRECT, graph, quantization="float32", degradation="bicubic", training=facts)

    grey = draw(3, 40, 50)
    luma = mirror_pad(upscale_bicubic(grey, 2), 6)[None, :, :, None].astype(np.float32) / 255
    predicted = model.predict(luma, verbose=0)[0, :, :, 0]
    with open_model(packaged) as upscaler:
        sharp = upscaler.upscale(grey)
    expected = np.clip(np.rint(predicted * 255), 0, 255)
    difference = np.abs(sharp.astype(int) - expected)
    assert difference.max() <= 1, "half a level may round either way"
    assert np.mean(difference != 0) < 0.01
    assert sharp.std() > 20, "not a flat picture"


@pytest.mark.parametrize(
    "names",
    [
        ["conv2d_8", "conv2d_9", "conv2d_10"],  # "conv2d_10" is first by the alphabet
        ["patches", "mapping", "reconstruction"],
        ["c", "b", "a"],
    ],
)
@pytest.mark.parametrize("filters", [(8, 4, 1), (8, 8, 1)])
def test_layers_are_put_into_the_order_of_their_channels(
    tmp_path: Path, names: list[str], filters: tuple[int, int, int]
) -> None:
    model = published(filters=filters)
    save_as_keras_2(model, tmp_path / "named.h5", names)
    architecture = find_architecture("srcnn-915", filters=filters[:2], residual=False)
    kernels = [layer.kernel.shape[0] for layer in read_weights(tmp_path / "named.h5", architecture)]
    assert kernels == [9, 1, 5]


@pytest.mark.parametrize(
    ("kernels", "filters", "message"),
    [
        ((9, 1, 5), (64, 32, 1), r"layer 1 is 9x9x1->64, but srcnn-915 with filters 8,4 wants 9x9x1->8;"
                                 r" try --arch srcnn-915 --filters 64,32$"),
        ((9, 5, 5), (8, 4, 1), r"layer 2 is 5x5x8->4, .* wants 1x1x8->4; try --arch srcnn-955 --filters 8,4$"),
        ((9, 3, 5), (16, 8, 1), r"layer 1 is 9x9x1->16, .*; try --arch srcnn-935 --filters 16,8$"),
        ((7, 1, 5), (8, 4, 1), r"layer 1 is 7x7x1->8, but srcnn-915 with filters 8,4 wants 9x9x1->8$"),
    ],
)  # fmt: skip
def test_other_shapes_name_the_layer_and_the_options_that_fit(
    tmp_path: Path, kernels: tuple[int, ...], filters: tuple[int, ...], message: str
) -> None:
    published(kernels, filters).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(BadData, match=message):
        read_weights(tmp_path / "other.weights.h5", DIRECT)


@pytest.mark.parametrize(("kernels", "filters"), [((9, 5), (8, 1)), ((9, 1, 3, 5), (8, 4, 4, 1))])
def test_a_network_of_other_than_three_convolutions_is_no_srcnn(
    tmp_path: Path, kernels: tuple[int, ...], filters: tuple[int, ...]
) -> None:
    published(kernels, filters).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(BadData, match=f"{len(kernels)} convolutions with a bias; SRCNN has 3"):
        read_weights(tmp_path / "other.weights.h5", DIRECT)


def test_a_network_that_takes_colour_is_no_srcnn(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((None, None, 3))])
    for n, k in ((8, 9), (4, 1), (3, 5)):
        model.add(keras.layers.Conv2D(n, k))
    model.save_weights(tmp_path / "colour.weights.h5")
    with pytest.raises(BadData, match="do not lead from 1 channel to 1; found 9x9x3->8, 1x1x8->4, 5x5x4->3"):
        read_weights(tmp_path / "colour.weights.h5", DIRECT)


def test_our_own_checkpoint_is_sent_to_the_right_option(tmp_path: Path) -> None:
    from export.training.network import build_model

    build_model(find_architecture("srcnn-915", filters=(8, 4))).save_weights(tmp_path / "step-90.weights.h5")
    with pytest.raises(BadData, match="--start-from, not --weights"):
        read_weights(tmp_path / "step-90.weights.h5", DIRECT)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    model = published()
    kernel, bias = model.layers[1].get_weights()
    model.layers[1].set_weights([kernel * np.nan, bias])
    model.save_weights(tmp_path / "nan.weights.h5")
    with pytest.raises(BadData, match="layer 2 holds values that are not finite"):
        read_weights(tmp_path / "nan.weights.h5", DIRECT)


def test_a_missing_file_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no such file"):
        read_weights(tmp_path / "nowhere.h5", DIRECT)


def test_a_folder_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no such file"):
        read_weights(tmp_path, DIRECT)


@pytest.mark.parametrize("content", [b"", b"weights, honestly", b"\x89HDF\r\n\x1a\n"])
def test_a_file_of_another_kind_is_bad_data(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.h5").write_bytes(content)
    with pytest.raises(BadData, match="not an HDF5 file of Keras weights"):
        read_weights(tmp_path / "x.h5", DIRECT)


def test_other_hdf5_files_hold_no_convolution(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["names"] = ["a", "b"]
        file["table/values"] = np.zeros((3, 3))
        file["table/words"] = "text"
        file["records"] = np.zeros(3, dtype=[("a", "f4"), ("b", "i4")])
    with pytest.raises(BadData, match="0 convolutions"):
        read_weights(tmp_path / "x.h5", DIRECT)


@pytest.mark.slow
def test_a_file_that_is_damaged_anywhere_is_read_or_refused_but_never_a_crash(tmp_path: Path) -> None:
    published().save_weights(tmp_path / "whole.weights.h5")
    whole = (tmp_path / "whole.weights.h5").read_bytes()
    damaged = tmp_path / "damaged.weights.h5"
    rng = np.random.default_rng(0)
    refused = 0
    for start in range(0, len(whole), 128):
        damaged.write_bytes(whole[:start] + rng.bytes(16) + whole[start + 16 :])
        try:
            read_weights(damaged, DIRECT)
        except BadData:
            refused += 1
    assert refused > 10
    for length in range(0, len(whole), 1024):
        damaged.write_bytes(whole[:length])
        with pytest.raises(BadData):
            read_weights(damaged, DIRECT)
