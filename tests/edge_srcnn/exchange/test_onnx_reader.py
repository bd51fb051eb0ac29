"""Networks of others in ONNX: read as a chain, they compute what onnxruntime computes."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx

from edge_srcnn.errors import ModelUnsupported, UsageError
from edge_srcnn.exchange.importing import read_network
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE
from tests.edge_srcnn.exchange import onnx_networks as networks
from tests.edge_srcnn.exchange.chains import inner, run_chain
from tests.edge_srcnn.exchange.onnx_files import INPUT, OUTPUT, Builder, run_onnx
from tests.edge_srcnn.exchange.onnx_networks import NETWORKS

SIDE = 40
SHRUNK_PX = {"valid": 6, "centred": 4}
"""By how much on each side the result is smaller: twice the halo."""


def plane() -> np.ndarray:
    return np.random.default_rng(5).random((SIDE, SIDE + 8))


def check(path, foreign, *, shrunk=0, white=1, clipped=False, **options):
    """Expect onnxruntime's numbers, where neither sees the border."""
    ours = run_chain(foreign.network, plane(), foreign.scale)
    theirs = run_onnx(path, plane() * white, **options) / white
    ours = np.clip(ours, 0, 1) if clipped else ours
    border = (foreign.network.context_px[0] + 3) * foreign.scale
    found, wanted = inner(inner(ours, shrunk) if shrunk else ours, border), inner(theirs, border)
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert wanted.std() > 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_computes_what_onnxruntime_computes(tmp_path, name):
    b = Builder()
    NETWORKS[name](b)
    path = b.save(tmp_path / f"{name}.onnx")
    foreign = read_network(path)
    assert foreign.scale == (3 if name == "crd" else 2)
    assert foreign.network.plane == LUMA_PLANE
    assert foreign.network.residual == (name == "over_bicubic")
    assert [layer.relu for layer in foreign.network.graph.layers[::-1]] == [
        False,
        *[True] * (len(foreign.network.graph.layers) - 1),
    ]
    check(path, foreign, shrunk=SHRUNK_PX.get(name, 0))


@pytest.mark.slow
@pytest.mark.parametrize("opset", range(11, onnx.defs.onnx_opset_version() + 1))
def test_every_opset_from_11_on_is_read(tmp_path, opset):
    b = Builder(constants="Constant" if opset % 2 else "initializer")
    networks.crd(b)
    try:
        path = b.save(tmp_path / "a.onnx", opset=opset)
        check(path, read_network(path))
    except RuntimeError as error:
        if "opset" not in str(error):  # onnxruntime may not know the newest one yet
            raise


def test_an_older_opset_is_refused(tmp_path):
    b = Builder()
    networks.dcr(b)
    with pytest.raises(ModelUnsupported, match=r"opset 10; 11 and later are known: export it again"):
        read_network(b.save(tmp_path / "a.onnx", opset=10))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "saved"),
    [
        ({"constants": "Constant"}, {}),
        ({"dtype": np.float16}, {}),
        ({"dtype": np.float16, "constants": "Constant"}, {}),
        ({}, {"shape": (1, 1, SIDE, SIDE + 8)}),
        ({}, {"shape": ("n", 1, None, None)}),
        ({}, {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}),
    ],
    ids=["constants", "float16", "float16 constants", "static", "batch", "external"],
)
def test_weights_and_sizes_come_in_any_way(tmp_path, options, saved):
    b = Builder(**options)
    networks.sesr(b)
    path = b.save(tmp_path / "a.onnx", **saved)
    check(path, read_network(path))


def test_planes_come_with_channels_last(tmp_path):
    b = Builder()
    x = networks.espcn(b)
    b.nodes.insert(0, onnx.helper.make_node("Transpose", [INPUT], ["nchw"], perm=[0, 3, 1, 2]))
    next(node for node in b.nodes if node.op_type == "Conv").input[0] = "nchw"
    b.add("Transpose", b.add("DepthToSpace", x, blocksize=2), perm=[0, 2, 3, 1], output=OUTPUT)
    path = b.save(tmp_path / "a.onnx", shape=(1, "h", "w", 1))
    check(path, read_network(path), nhwc=True)


@pytest.mark.parametrize(("network", "residual"), [(networks.srcnn, False), (networks.vdsr, True)])
def test_a_network_that_keeps_the_size_reads_the_bicubic_picture_or_cleans(tmp_path, network, residual):
    b = Builder()
    network(b)
    path = b.save(tmp_path / "a.onnx")
    with pytest.raises(UsageError, match="keeps the size of its input; give --scale"):
        read_network(path)
    for scale, plane_name in ((3, BICUBIC_PLANE), (1, LUMA_PLANE)):
        found = read_network(path, scale)
        assert (found.scale, found.network.plane, found.network.residual) == (scale, plane_name, residual)
        assert (found.network.unshuffle, found.network.shuffle) == (1, 1)
    ours, theirs = run_chain(found.network, plane(), 1), run_onnx(path, plane())
    np.testing.assert_allclose(inner(ours, 5), inner(theirs, 5), atol=2e-5)


def test_another_scale_than_that_of_the_network_is_a_mistake(tmp_path):
    b = Builder()
    networks.crd(b)
    with pytest.raises(UsageError, match=r"--scale 2: .* upscales by 3; leave --scale out"):
        read_network(b.save(tmp_path / "a.onnx"), 2)


@pytest.mark.parametrize(
    "network", [networks.of_255, networks.of_255_bare, networks.over_bicubic], ids=lambda each: each.__name__
)
def test_a_network_on_0_to_255_is_brought_to_0_to_1(tmp_path, network):
    b = Builder()
    network(b)
    path = b.save(tmp_path / "a.onnx")
    check(path, read_network(path, white=255), white=255, clipped=network is networks.of_255)


@pytest.mark.parametrize(
    "network", [networks.over_bicubic_clipped, networks.relu_at_the_end], ids=lambda each: each.__name__
)
def test_the_limits_of_pixels_at_the_end_are_the_hosts(tmp_path, network):
    b = Builder()
    network(b)
    path = b.save(tmp_path / "a.onnx")
    foreign = read_network(path)
    assert not foreign.network.graph.layers[-1].relu
    ours, theirs = run_chain(foreign.network, plane(), 2), run_onnx(path, plane())
    np.testing.assert_allclose(*(np.clip(inner(each, 14), 0, 1) for each in (ours, theirs)), atol=2e-5)


def test_channels_that_nobody_shuffled_are_sub_pixels(tmp_path):
    b = Builder()
    networks.channels_at_the_end(b)
    path = b.save(tmp_path / "a.onnx")
    foreign = read_network(path)
    assert (foreign.scale, foreign.network.shuffle) == (2, 2)
    cells = run_onnx(path, plane())
    theirs = cells.reshape(2, 2, SIDE, SIDE + 8).transpose(2, 0, 3, 1).reshape(2 * SIDE, 2 * SIDE + 16)
    np.testing.assert_allclose(inner(run_chain(foreign.network, plane(), 2), 12), inner(theirs, 12), atol=2e-5)
