"""ONNX files that are no chain of convolutions on luma, or that were made to do harm: one line, and the cure."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper

from edge_srcnn.errors import BadData, ModelUnsupported, NoInput
from edge_srcnn.exchange.importing import read_network
from tests.edge_srcnn.exchange.onnx_files import INPUT, OUTPUT, Builder
from tests.edge_srcnn.exchange.onnx_networks import ends_with, espcn, sub_pixels


def relu6(b):
    limits = b.constant(0.0), b.constant(6.0)
    return sub_pixels(b, espcn(b, activation=lambda b, x, c: b.add("Clip", x, *limits)))


def tanh(b):
    return sub_pixels(b, espcn(b, activation=lambda b, x, c: b.add("Tanh", x)))


def strided(b):
    return sub_pixels(b, b.conv(INPUT, 1, 4, 3, strides=[2, 2]))


def even_kernel(b):
    return sub_pixels(b, b.conv(INPUT, 1, 4, 2, pads=[0, 0, 1, 1]))


def moved(b):
    return sub_pixels(b, b.conv(INPUT, 1, 4, 3, pads=[0, 0, 2, 2]))


def deconvolution(b):
    weights = b.constant(np.ones((1, 1, 2, 2)))
    return b.add("ConvTranspose", INPUT, weights, strides=[2, 2], output=OUTPUT)


def attention(b):
    x = b.conv(INPUT, 1, 4, 3)
    return sub_pixels(b, b.add("Mul", x, b.add("Sigmoid", b.conv(x, 4, 4, 1))))


def squared(b):
    x = b.conv(INPUT, 1, 4, 3)
    return sub_pixels(b, b.add("Mul", x, x))


def resized_before(b):
    sizes = b.constant([1, 1, 2, 2])
    x = b.add("Resize", INPUT, "", sizes, mode="cubic")
    return ends_with(b, b.conv(x, 1, 1, 3))


def linear_base(b):
    base = b.add("Resize", INPUT, "", b.constant([1, 1, 2, 2]), mode="linear")
    return b.add("Add", base, b.add("DepthToSpace", espcn(b), blocksize=2), output=OUTPUT)


def other_sizes(b):
    x = b.conv(INPUT, 1, 4, 3)
    return sub_pixels(b, b.add("Add", x, b.conv(x, 4, 4, 3, pads=[0] * 4)))


def grown(b):
    return sub_pixels(b, b.conv(INPUT, 1, 4, 3, pads=[2] * 4))


def rgb_out(b):
    return b.add("DepthToSpace", b.conv(INPUT, 1, 12, 3), blocksize=2, output=OUTPUT)


def many_out(b):
    return ends_with(b, b.conv(INPUT, 1, 3, 3))


def nothing(b):
    return b.add("Mul", INPUT, b.constant(2.0), output=OUTPUT)


def twice_the_base(b):
    base = b.add("Resize", INPUT, "", b.constant([1, 1, 2, 2]), mode="cubic")
    x = b.add("Add", base, b.add("DepthToSpace", espcn(b), blocksize=2))
    return b.add("Add", x, base, output=OUTPUT)


def not_a_number(b):
    weights = np.full((4, 1, 3, 3), np.nan)
    return sub_pixels(b, b.add("Conv", INPUT, b.constant(weights), pads=[1] * 4))


def deep(b):
    x = INPUT
    for _ in range(70):
        x = b.add("Relu", b.conv(x, 1, 1, 3))
    return sub_pixels(b, b.conv(x, 1, 4, 3))


def loose(b):
    b.conv("from nowhere", 1, 4, 3)
    return sub_pixels(b, b.nodes[-1].output[0])


def bent_weights(b):
    return sub_pixels(b, b.add("Conv", INPUT, b.constant(np.ones((4, 3))), pads=[1] * 4))


def wrong_channels(b):
    return sub_pixels(b, b.conv(b.conv(INPUT, 1, 5, 3), 4, 4, 3))


def rounded(b, x, scale=1 / 255, zero=-128, dtype=np.int8):
    names = b.constant(scale, np.float32), b.constant(zero, dtype)
    return b.add("DequantizeLinear", b.add("QuantizeLinear", x, *names), *names)


def quantized_float_weights(b):
    return sub_pixels(b, rounded(b, b.conv(rounded(b, INPUT), 1, 4, 3)))


def quantized_skip(b):
    x = rounded(b, INPUT)
    return b.add("Add", x, x, output=OUTPUT)


def quantized_nothing(b):
    return ends_with(b, rounded(b, INPUT))


def quantized_16_bits(b):
    return ends_with(b, rounded(b, INPUT, dtype=np.int16))


def unknown_domain(b):
    b.nodes.append(helper.make_node("FusedConv", [INPUT], [OUTPUT], domain="com.microsoft"))


REFUSED = [
    (relu6, r"node 2 of 6, Clip 'Clip_\d+': limits to 0.0 and 6.0; 0 to 1 or 255 are known"),
    (tanh, r"node 2 of 6, Tanh 'Tanh_1': is not known; known are Conv, Relu, "),
    (strided, r"node 1 of 2, Conv 'Conv_0': has strides \[2, 2\]; 1 is known"),
    (even_kernel, r"has pads \[0, 0, 1, 1\] for a kernel of 2x2|kernel of 2x2; odd sides are known"),
    (moved, r"has pads \[0, 0, 2, 2\] for a kernel of 3x3, which move or stretch the picture"),
    (deconvolution, r"ConvTranspose 'ConvTranspose_0': is not known"),
    (attention, r"Sigmoid 'Sigmoid_\d': is not known"),
    (squared, r"Mul 'Mul_1': reads 't\d+', which is no constant"),
    (resized_before, r"reads the upscaled picture; convolutions on the input's grid are known"),
    (linear_base, r"in mode 'linear', half_pixel; known are nearest, and the bicubic one of the host"),
    (other_sizes, r"adds tensors of which one lost its border"),
    (grown, r"its result is 1 cells larger than its input"),
    (rgb_out, r"by 2 of 12 channels; 4 channels, which give one, are known"),
    (many_out, r"its result has 3 channels; one plane of luma is known"),
    (nothing, r"there is no convolution in it"),
    (twice_the_base, r"the picture is added 2 times to the result; once is known"),
    (not_a_number, r"a weight is no finite number"),
    (deep, r"is one more than 64 convolutions"),
    (loose, r"reads 'from nowhere', which is not computed from the picture"),
    (bent_weights, r"has weights \[4, 3\]; \[outputs, inputs, height, width\] are known"),
    (wrong_channels, r"reads 4 channels where there are 5"),
    (quantized_float_weights, r"Conv 'Conv_\d': has an input, weights or a bias that are not quantized"),
    (quantized_skip, r"Add 'Add_\d': is not known in an int8 network; known are .* Give the float one"),
    (quantized_nothing, r"its output is not the quantized result of its last convolution"),
    (quantized_16_bits, r"QuantizeLinear 'QuantizeLinear_\d': gives int16 with 1 scales; int8 or uint8"),
    (unknown_domain, r"is of the domain com.microsoft; ONNX's own operators are known"),
]


@pytest.mark.parametrize(("network", "told"), REFUSED, ids=[network.__name__ for network, _ in REFUSED])
def test_what_is_no_chain_is_refused_with_the_node_and_what_is_known(tmp_path, network, told):
    b = Builder(constants="initializer")
    network(b)
    path = b.save(tmp_path / "net.onnx")
    with pytest.raises(ModelUnsupported, match=told) as caught:
        read_network(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((1, 3, "h", "w"), "its input is 1x3x"),
        ((1, "c", "h", "w"), "its input is 1x"),
        ((1, 40, 40), "its input is 1x40x40; one plane of luma is known, 1x1xHxW or 1xHxWx1"),
    ],
)
def test_the_input_is_one_plane_of_luma(tmp_path, shape, told):
    b = Builder()
    sub_pixels(b, espcn(b))
    with pytest.raises(ModelUnsupported, match=told):
        read_network(b.save(tmp_path / "net.onnx", shape=shape))


def a_file(tmp_path):
    b = Builder()
    sub_pixels(b, espcn(b))
    return b.save(tmp_path / "net.onnx")


@pytest.mark.parametrize("keep", [0, 1, 40, 0.3, 0.6, 0.9])
def test_a_file_that_ends_too_early_is_refused(tmp_path, keep):
    path = a_file(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    with pytest.raises(BadData, match=r"net\.onnx: "):
        read_network(path)


@pytest.mark.slow
def test_damaged_bytes_are_refused_or_read_and_never_crash(tmp_path):
    path = a_file(tmp_path)
    data, rng = path.read_bytes(), np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_network(path)
        except (BadData, ValueError) as error:
            assert isinstance(error, BadData), error


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(60), b"\x89PNG\r\n\x1a\n", b"onnx" * 99, b"\x00" * 500])
def test_other_files_are_no_onnx(tmp_path, content):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(BadData, match="is damaged, or not an ONNX file"):
        read_network(path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ESPCN_x2.pb", "is a TensorFlow graph; tf2onnx makes ONNX of it; .onnx and .tflite are read"),
        ("net.pth", r"is a PyTorch file; torch\.onnx\.export makes ONNX"),
        ("net.h5", "edge-srcnn export --weights"),
        ("net.param", "give the ONNX that it was made of"),
    ],
)
def test_files_of_other_tools_are_told_with_what_makes_onnx_of_them(tmp_path, name, told):
    (tmp_path / name).write_bytes(b"1234" * 20)
    with pytest.raises(ModelUnsupported, match=told):
        read_network(tmp_path / name)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(NoInput, match=r"gone\.onnx: cannot be read \(No such file or directory\)"):
        read_network(tmp_path / "gone.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(NoInput, match=r"folder\.onnx: is not a file"):
        read_network(tmp_path / "folder.onnx")


def test_a_file_of_a_gigabyte_is_not_read(tmp_path):
    path = tmp_path / "net.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(BadData, match=r"1,073,741,824 bytes; a network has at most 268,435,456"):
        read_network(path)


def claiming(tmp_path, dims):
    b = Builder()
    tensor = TensorProto(name="huge", dims=dims, data_type=TensorProto.FLOAT, raw_data=b"1234")
    b.weights.append(tensor)
    sub_pixels(b, b.add("Conv", INPUT, "huge", pads=[1] * 4))
    return b.save(tmp_path / "net.onnx")


def test_weights_that_claim_a_terabyte_are_refused(tmp_path):
    with pytest.raises(ModelUnsupported, match=r"weights 'huge' are 100,000,000,000 numbers; at most 16,777,216"):
        read_network(claiming(tmp_path, [100_000, 100_000, 10, 1]))


def test_weights_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(ModelUnsupported, match="weights 'huge' cannot be read"):
        read_network(claiming(tmp_path, [4, 1, 3, 3]))


@pytest.mark.parametrize(
    ("location", "length", "told"),
    [
        ("../weights.bin", None, "refers to weights outside of its folder"),
        ("/etc/hostname", None, "refers to weights outside of its folder"),
        ("gone.bin", None, r"gone\.bin: cannot be read"),
        ("short.bin", 144, r"short\.bin: has 3 bytes, where net\.onnx expects 144; copy it again"),
        ("short.bin", "many", r"refers to short\.bin by a number that is none"),
    ],
)
def test_weights_in_other_files_are_read_beside_the_file_alone(tmp_path, location, length, told):
    (tmp_path / "short.bin").write_bytes(b"123")
    tensor = TensorProto(name="weights", dims=[4, 1, 3, 3], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("length", length)):
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    b = Builder()
    b.weights.append(tensor)
    sub_pixels(b, b.add("Conv", INPUT, "weights", pads=[1] * 4))
    path = tmp_path / "net.onnx"
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        b.nodes,
        "network",
        [value(INPUT, TensorProto.FLOAT, [1, 1, 8, 8])],
        [value(OUTPUT, TensorProto.FLOAT, [None] * 4)],
        b.weights,
    )
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    with pytest.raises((BadData, NoInput), match=told):
        read_network(path)
