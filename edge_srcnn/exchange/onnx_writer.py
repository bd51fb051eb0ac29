"""Write a model as ONNX, for the tools of other accelerators and runtimes: in float32, or in int8 as QDQ.

Source: the ONNX operator schemas, opset 13, the first one with weights quantized per channel.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edge_srcnn
from edge_srcnn.engine.build import network_of
from edge_srcnn.engine.graph import FLOAT, Convolution, Network, Quantization
from edge_srcnn.errors import UsageError
from edge_srcnn.exchange.onnx_file import import_onnx
from edge_srcnn.exchange.onnx_operators import CUBIC
from edge_srcnn.exchange.onnx_reader import RESIDUAL
from edge_srcnn.models.file import Model
from edge_srcnn.models.spec import BICUBIC_PLANE, ModelSpec

OPSET, IR_VERSION = 13, 8
MIRROR, ZEROS, NONE = "mirror", "zeros", "none"
PADDINGS = (MIRROR, ZEROS, NONE)


@dataclass(frozen=True)
class Form:
    """Describe how a model is written.

    Attributes
    ----------
    int8
        As QuantizeLinear and DequantizeLinear around each layer, with the model's own scales; else in float32.
    whole
        With the bicubic picture and the limits of pixels in it: it gives the picture, and not the residual.
    padding
        One of ``PADDINGS``: what stands around the picture. ``MIRROR`` is what our engine does; ``ZEROS`` pads each
        convolution, which more tools know; ``NONE``: the result is smaller by the halo.
    size
        Height and width of the input; None: any.
    """

    int8: bool = False
    whole: bool = False
    padding: str = MIRROR
    size: tuple[int, int] | None = None


def write_onnx(model: Model, form: Form = Form()) -> bytes:
    """Write a model's network.

    Parameters
    ----------
    model
        In int8 or float32. What is written of an int8 one in float32 computes with its weights, but does not round
        between the layers.
    form
        How.

    Returns
    -------
    The bytes of an ONNX file; what it is, and what to do before and after it, stands in its metadata.

    Raises
    ------
    Unavailable
        The package ``onnx`` is missing.
    UsageError
        ``form`` makes no sense for this model.
    """
    network = network_of(model)
    if form.int8 and network.graph.dtype != np.int8:
        raise UsageError(f"--int8: {model.spec.name} is in {network.graph.dtype}; give an int8 model, or leave it out")
    if form.whole and form.padding == NONE:
        raise UsageError("--whole: needs --padding mirror or zeros; without, the residual is smaller than the picture")
    if form.size is not None and any(side % network.unshuffle for side in form.size):
        raise UsageError(f"--size: {model.spec.name} reads blocks of {network.unshuffle}x{network.unshuffle} pixels")
    return _Writer(network, model.spec, form).write()


def metadata_of(spec: ModelSpec, form: Form) -> dict[str, str]:
    """Say what an exported network is, and what to do before and after it, in texts."""
    plane, pixels = ("the camera's luma", "luma") if spec.plane != BICUBIC_PLANE else ("bicubic luma", "bicubic")
    size = f"{spec.scale} times as large" if spec.upsampling > 1 else "of the same size"
    after = f"a picture's luma / 255, {size}: times 255, round, limit to 0..255"
    if spec.residual and not form.whole:
        after = (
            f"a residual, {size}: times 255 * strength, add the luma upscaled bicubically (cubic, a = {CUBIC}), round"
        )
    whole = form.whole and spec.plane == BICUBIC_PLANE
    return {
        **{name: str(getattr(spec, name)) for name in ("name", "family", "architecture", "scale", "unshuffle")},
        **{name: str(getattr(spec, name)) for name in ("shuffle", "halo_px", "degradation", "graph_sha256")},
        "plane": pixels,
        RESIDUAL: json.dumps(spec.residual and not form.whole),
        "strength": "1.0",
        "padding": form.padding,
        "quantization": "int8" if form.int8 else "float32",
        "weights_quantization": spec.quantization,
        "input": f"{'luma' if whole else plane} / 255, [1, 1, height, width]",
        "output": after,
        "licence_of_training_data": spec.training.licence,
    }


class _Writer:
    """One graph in the making."""

    def __init__(self, network: Network, spec: ModelSpec, form: Form) -> None:
        self._onnx, self._network, self._spec, self._form = import_onnx(), network, spec, form
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def write(self) -> bytes:
        helper, kind = self._onnx.helper, self._onnx.TensorProto.FLOAT
        self._add_nodes()
        output = "residual" if self._network.residual and not self._form.whole else "picture"
        self._nodes[-1].output[0] = output
        size: tuple[int | str, int | str] = self._form.size or ("height", "width")
        inputs = [helper.make_tensor_value_info("luma", kind, [1, 1, *size])]
        outputs = [helper.make_tensor_value_info(output, kind, [1, 1, *self._result_size()])]
        graph = helper.make_graph(self._nodes, self._spec.name, inputs, outputs, self._weights)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="edge-srcnn",
            producer_version=edge_srcnn.__version__,
        )
        helper.set_model_props(model, metadata_of(self._spec, self._form))
        self._onnx.checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data

    def _add_nodes(self) -> None:
        network, form, u, v = self._network, self._form, self._network.unshuffle, self._network.shuffle
        source = "luma"
        if form.whole and network.plane == BICUBIC_PLANE and self._spec.scale > 1:
            source = self._bicubic(source)
        x, halo = source, network.context_px[0]
        if form.padding == MIRROR and halo:
            pads = self._constant("mirror", np.array([0, 0, halo, halo] * 2, np.int64))
            x = self._node("Pad", x, pads, mode="reflect")
        x = self._node("SpaceToDepth", x, blocksize=u) if u > 1 else x
        x = self._convolutions(x)
        x = self._node("DepthToSpace", x, blocksize=v, mode="CRD") if v > 1 else x
        if not form.whole:
            return
        if network.residual:
            on_luma = network.plane != BICUBIC_PLANE and self._spec.scale > 1
            x = self._node("Add", self._bicubic(source) if on_luma else source, x)
        self._limited(x)

    def _convolutions(self, x: str) -> str:
        quantization = self._network.graph.input
        if self._form.int8:
            x = self._requantized(x, quantization, "luma")
        for number, layer in enumerate(self._network.graph.layers, 1):
            side = layer.kernel[0] // 2 if self._form.padding == ZEROS else 0
            x = self._node("Conv", x, *self._parameters(layer, quantization, number), pads=[side] * 4)
            x = self._node("Relu", x) if layer.relu else x
            quantization = layer.output
            if self._form.int8:
                x = self._requantized(x, quantization, f"result_{number}")
        return x

    def _parameters(self, layer: Convolution, source: Quantization, number: int) -> Iterator[str]:
        """Give names of the weights ``[outputs, inputs, height, width]`` and the bias, in float or quantized."""
        weights, names = layer.weights.transpose(0, 3, 1, 2), (f"weights_{number}", f"bias_{number}")
        scales = layer.weight_scales, layer.weight_scales * np.float32(source.scale)
        for name, values, scale in zip(names, (weights, layer.bias), scales, strict=True):
            if self._form.int8:
                zeros = self._constant(f"{name}_zero", np.zeros(len(scale), values.dtype))
                given = self._constant(name, values), self._constant(f"{name}_scale", scale), zeros
                yield self._node("DequantizeLinear", *given, axis=0)
            elif source == FLOAT:
                yield self._constant(name, values)
            else:
                each = scale.astype(np.float64).reshape(-1, *[1] * (values.ndim - 1))
                yield self._constant(name, (values * each).astype(np.float32))

    def _requantized(self, x: str, to: Quantization, name: str) -> str:
        scale = self._constant(f"{name}_scale", np.float32(to.scale))
        zero = self._constant(f"{name}_zero", np.int8(to.zero_point))
        return self._node("DequantizeLinear", self._node("QuantizeLinear", x, scale, zero), scale, zero)

    def _bicubic(self, x: str) -> str:
        scale = self._constant("scale", np.array([1, 1, self._spec.scale, self._spec.scale], np.float32))
        how = {"mode": "cubic", "cubic_coeff_a": CUBIC, "coordinate_transformation_mode": "half_pixel"}
        return self._limited(self._node("Resize", x, "", scale, **how))  # as the host's is, which is in 8 bits

    def _limited(self, x: str) -> str:
        return self._node("Clip", x, self._constant("black", np.float32(0)), self._constant("white", np.float32(1)))

    def _result_size(self) -> tuple[int | str, int | str]:
        if self._form.size is None:
            return "result_height", "result_width"
        lost = 2 * self._network.context_px[0] if self._form.padding == NONE else 0
        times = self._spec.scale if self._form.whole else self._network.upsampling
        height, width = ((side - lost) * times for side in self._form.size)
        return height, width

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self._nodes) + 1}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def _constant(self, name: str, values: NDArray[Any] | np.generic) -> str:
        if any(each.name == name for each in self._weights):
            return name
        self._weights.append(self._onnx.numpy_helper.from_array(np.asarray(values), name))
        return name
