"""Networks of others in TFLite, made by TensorFlow's converter: float ones as a chain, int8 ones as they are."""

import os

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytest.importorskip("tensorflow")
pytest.importorskip("keras")

import keras
import tensorflow as tf

from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import BadData, ModelUnsupported
from edge_srcnn.exchange.importing import import_model, read_network
from edge_srcnn.upscaler import open_model
from tests.edge_srcnn.exchange.chains import inner, run_chain

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs"),
    pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated"),
]
HEIGHT, WIDTH = 40, 48


def plane() -> np.ndarray:
    return np.random.default_rng(5).random((HEIGHT, WIDTH)).astype(np.float32)


def network(layers, *, channels=1):
    """A Keras model of ``[h, w, 1]``, its weights random and its results of the size of a picture's."""
    keras.utils.set_random_seed(3)
    source = keras.Input((HEIGHT, WIDTH, channels))
    return keras.Model(source, layers(source))


def conv(outputs, side, **options):
    bias = keras.initializers.RandomUniform(0.0, 0.2, seed=side)
    return keras.layers.Conv2D(outputs, side, **{"padding": "same", "bias_initializer": bias, **options})


def shuffled(x, scale=2):
    return keras.layers.Lambda(lambda t: tf.nn.depth_to_space(t, scale))(x)


def espcn(x, scale=2):
    x = conv(8, 5, activation="relu")(x)
    return shuffled(conv(scale**2, 3)(conv(6, 3, activation="relu")(x)), scale)


def sesr(x):
    first = keras.layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_uniform")(conv(6, 5)(x))
    y = keras.layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_uniform")(conv(6, 3)(first))
    y = conv(4, 5)(keras.layers.Add()([first, y]))
    return shuffled(keras.layers.Add()([y, keras.layers.Concatenate()([x] * 4)]))


def normalized(x):
    x = keras.layers.BatchNormalization(gamma_initializer="random_uniform")(conv(8, 3)(x))
    return shuffled(conv(4, 3)(keras.layers.LeakyReLU(negative_slope=0.2)(x)))


def padded(x):
    x = keras.layers.ZeroPadding2D(2)(x)
    return shuffled(conv(4, 3)(conv(6, 5, padding="valid", activation="relu")(x)))


def clipped(x):
    return keras.layers.Lambda(lambda t: tf.clip_by_value(t, 0.0, 1.0))(espcn(x))


def of_255(x):
    x = espcn(keras.layers.Rescaling(1 / 255)(x), 3)
    return keras.layers.Rescaling(255.0)(keras.layers.Lambda(lambda t: tf.clip_by_value(t, 0.0, 1.0))(x))


def written(path, layers, **options):
    converter = tf.lite.TFLiteConverter.from_keras_model(network(layers))
    for name, value in options.items():
        setattr(converter, name, value)
    path.write_bytes(converter.convert())
    return path


def int8_options(*, white=1.0, io=tf.int8):
    """Calibrate from black to white, as full-integer networks are."""
    ramp = np.linspace(0, white, HEIGHT * WIDTH, dtype=np.float32).reshape(1, HEIGHT, WIDTH, 1)
    noise = plane()[None, :, :, None] * white
    return {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "representative_dataset": lambda: ([each.astype(np.float32)] for each in (ramp, noise)),
        "inference_input_type": io,
        "inference_output_type": io,
    }


def run_tflite(path, given):
    """What TensorFlow's own interpreter makes of ``[h, w]``: raw numbers, and how to read them."""
    interpreter = tf.lite.Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(source["index"], given[None, :, :, None].astype(source["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(result["index"]).squeeze(), result["quantization"]


@pytest.mark.parametrize(
    ("layers", "white", "scale", "options"),
    [
        (espcn, 1, 2, {}),
        (sesr, 1, 2, {}),
        (normalized, 1, 2, {}),
        (padded, 1, 2, {}),
        (clipped, 1, 2, {}),
        (of_255, 255, 3, {}),
        (espcn, 1, 2, {"optimizations": [tf.lite.Optimize.DEFAULT], "target_spec.supported_types": [tf.float16]}),
    ],
    ids=["espcn", "sesr", "normalized", "padded", "clipped", "of_255", "float16"],
)
def test_a_float_network_computes_what_tensorflow_computes(tmp_path, layers, white, scale, options):
    converter = tf.lite.TFLiteConverter.from_keras_model(network(layers))
    if options:
        converter.optimizations = options["optimizations"]
        converter.target_spec.supported_types = options["target_spec.supported_types"]
    path = tmp_path / "net.tflite"
    path.write_bytes(converter.convert())
    foreign = read_network(path, white=white)
    assert (foreign.scale, str(foreign.network.graph.dtype)) == (scale, "float32")
    ours = run_chain(foreign.network, plane(), scale)
    theirs = run_tflite(path, plane() * white)[0] / white
    border = scale * (foreign.network.context_px[0] + 1)
    limit = (lambda each: np.clip(each, 0, 1)) if layers in (clipped, of_255) else (lambda each: each)
    np.testing.assert_allclose(limit(inner(ours, border)), limit(inner(theirs, border)), atol=2e-5)
    assert inner(theirs, border).std() > 0.005


@pytest.mark.parametrize("white", [1, 255])
def test_an_int8_network_computes_the_bytes_of_the_plain_interpreter(tmp_path, white):
    path = written(tmp_path / "net.tflite", espcn, **int8_options(white=float(white)))
    model = import_model(path, "mine", white=white)
    assert (model.spec.quantization, model.spec.scale, model.spec.residual) == ("int8", 2, False)
    luma = (plane() * 255).astype(np.uint8)
    raw, (scale, zero_point) = run_tflite(path, luma.astype(np.int16) - 128)
    wanted = np.clip(np.rint((raw.astype(np.float64) - zero_point) * scale * 255 / white), 0, 255).astype(np.uint8)
    with open_model(model, EngineOptions("litert")) as upscaler:
        found = upscaler.upscale(luma)
    border = 2 * (model.spec.halo_px + 1)
    apart = np.abs(inner(found, border).astype(int) - inner(wanted, border))
    assert apart.max() <= (1 if white == 255 else 0)
    assert len(np.unique(wanted)) > 20


def test_an_int8_network_with_float_in_and_out_is_read_as_well(tmp_path):
    path = written(tmp_path / "net.tflite", espcn, **int8_options(io=tf.float32))
    assert str(read_network(path).network.graph.dtype) == "int8"


def mish(x):
    return shuffled(conv(4, 3)(keras.layers.Activation("sigmoid")(conv(4, 3)(x))))


def relu6(x):
    return shuffled(conv(4, 3)(conv(4, 3, activation="relu6")(x)))


def strided(x):
    return shuffled(conv(16, 3, strides=2)(x), 4)


def deconvolution(x):
    return keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same")(conv(4, 3, activation="relu")(x))


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        (mish, r"operator 2 of 4, LOGISTIC: is not known; known are CONV_2D, RELU, "),
        (relu6, r"operator 1 of 3, CONV_2D: has fused activation 3; none and RELU are known"),
        (strided, r"CONV_2D: has strides or dilation; 1 is known"),
        (deconvolution, r"is not known; known are "),
    ],
)
def test_what_is_no_chain_is_refused_with_the_operator_and_what_is_known(tmp_path, layers, told):
    with pytest.raises(ModelUnsupported, match=told):
        read_network(written(tmp_path / "net.tflite", layers))


def test_an_int8_network_with_branches_is_refused_and_what_helps_is_told(tmp_path):
    path = written(tmp_path / "net.tflite", sesr, **int8_options())
    with pytest.raises(ModelUnsupported, match=r"in an int8 network; .* let 'edge-srcnn export' quantize it"):
        read_network(path)


def test_an_int8_network_that_was_calibrated_with_grey_alone_is_refused(tmp_path):
    grey = np.linspace(0.3, 0.6, HEIGHT * WIDTH, dtype=np.float32).reshape(1, HEIGHT, WIDTH, 1)
    options = {**int8_options(), "representative_dataset": lambda: ([grey] for _ in range(2))}
    with pytest.raises(ModelUnsupported, match="calibrate it with pictures from black to white"):
        read_network(written(tmp_path / "net.tflite", espcn, **options))


def test_pictures_in_colour_are_not_read(tmp_path):
    converter = tf.lite.TFLiteConverter.from_keras_model(network(espcn, channels=3))
    (tmp_path / "net.tflite").write_bytes(converter.convert())
    with pytest.raises(ModelUnsupported, match=r"its input is 1x40x48x3; one plane of luma is known, 1xHxWx1"):
        read_network(tmp_path / "net.tflite")


def test_damaged_bytes_are_refused_or_read_and_never_crash(tmp_path):
    path = written(tmp_path / "net.tflite", sesr)
    data, rng = path.read_bytes(), np.random.default_rng(1)
    for number in range(200):
        damaged = bytearray(data[: rng.integers(len(data))] if number % 4 == 0 else data)
        for place in rng.integers(0, len(damaged) + 1, 4):
            damaged[place : place + 1] = bytes([rng.integers(256)])
        path.write_bytes(damaged)
        try:
            read_network(path)
        except Exception as error:
            assert isinstance(error, BadData), repr(error)


@pytest.mark.parametrize("bits", [0x7F800001, 0x7FC00000, 0x7F800000, 0xFF800000], ids=hex)
def test_a_weight_that_is_no_finite_number_is_refused_in_one_line_and_without_a_warning(tmp_path, bits):
    path = written(tmp_path / "net.tflite", espcn)
    data = path.read_bytes()
    weight = np.float32(network(espcn).get_weights()[0].reshape(-1)[0]).tobytes()
    assert data.count(weight) == 1
    path.write_bytes(data.replace(weight, bits.to_bytes(4, "little")))
    with pytest.raises(ModelUnsupported, match=r"net\.tflite: a weight is no finite number$"):
        read_network(path)
