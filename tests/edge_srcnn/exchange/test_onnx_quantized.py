"""Int8 networks in ONNX, as onnxruntime's own tool quantizes them: our engine computes what onnxruntime computes."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.exchange.importing import import_model, read_network
from edge_srcnn.upscaler import open_model
from tests.edge_srcnn.exchange.chains import inner
from tests.edge_srcnn.exchange.onnx_files import INPUT, Builder, run_onnx
from tests.edge_srcnn.exchange.onnx_networks import espcn, sub_pixels

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


class Planes(CalibrationDataReader):
    """Noise and a ramp of the whole range, or of greys alone."""

    def __init__(self, low: float, high: float) -> None:
        ramp = np.linspace(low, high, 40 * 48).reshape(40, 48)
        noise = np.random.default_rng(5).uniform(low, high, (40, 48))
        noise[0, :2] = low, high
        self._planes = iter([{INPUT: each[None, None].astype(np.float32)} for each in (ramp, noise)])

    def get_next(self):
        return next(self._planes, None)


def quantized(folder, *, low=0.0, high=1.0, activations=QuantType.QInt8, per_channel=True):
    b = Builder()
    x = espcn(b)
    sub_pixels(b, x)
    b.save(folder / "float.onnx", shape=(1, 1, 40, 48))
    quantize_static(
        folder / "float.onnx",
        folder / "int8.onnx",
        Planes(low, high),
        quant_format=QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=activations,
        weight_type=QuantType.QInt8,
    )
    return folder / "int8.onnx"


@pytest.mark.parametrize("activations", [QuantType.QInt8, QuantType.QUInt8])
@pytest.mark.parametrize("per_channel", [True, False])
def test_an_int8_network_computes_what_onnxruntime_computes(tmp_path, activations, per_channel):
    path = quantized(tmp_path, activations=activations, per_channel=per_channel)
    model = import_model(path, "mine")
    assert (model.spec.quantization, model.spec.scale, model.spec.residual) == ("int8", 2, False)
    luma = np.random.default_rng(7).integers(0, 256, (40, 48)).astype(np.uint8)
    with open_model(model, EngineOptions("litert")) as upscaler:
        ours = upscaler.upscale(luma)
    theirs = np.clip(np.rint(run_onnx(path, luma / 255) * 255), 0, 255)
    apart = np.abs(inner(ours, 12).astype(int) - inner(theirs, 12))
    assert (apart > 2).mean() < 0.001  # a level of the output is more than a grey level
    assert (apart > 0).mean() < 0.05
    assert len(np.unique(theirs)) > 20


def test_one_that_was_calibrated_with_grey_alone_is_refused(tmp_path):
    with pytest.raises(ModelUnsupported, match="calibrate it with pictures from black to white"):
        read_network(quantized(tmp_path, low=0.2, high=0.7))
