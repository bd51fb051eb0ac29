"""``edge-srcnn export --weights``: float networks of others become int8, and the float network goes out as ONNX."""

import re
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import numpy as np
import onnx

from edge_srcnn.exchange.importing import UNKNOWN_LICENCE, read_network
from edge_srcnn.exchange.onnx_writer import Form, write_onnx
from edge_srcnn.models.file import read_model
from tests.edge_srcnn.exchange import onnx_networks
from tests.edge_srcnn.exchange.onnx_files import Builder
from tests.export.cli.commands import Cli

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
MODELS = ROOT / "docs/models"


def psnr_of(stdout: str) -> dict[str, float]:
    return {name: float(db) for name, db in re.findall(r"^held-out +(\S+) +([\d.]+) ", stdout, re.MULTILINE)}


@pytest.mark.parametrize(("name", "options"), [("fast-s-x2", []), ("srcnn-915-x3", ["--scale", "3"])])
def test_a_float_network_in_onnx_becomes_int8_and_loses_next_to_nothing(
    cli: Cli, tmp_path: Path, pictures: Path, name: str, options: list[str]
) -> None:
    trained = read_model(MODELS / f"{name}-float32.tflite")
    path = tmp_path / "net.onnx"
    path.write_bytes(write_onnx(trained, Form(whole=name.startswith("fast"))))
    done = cli("export", "--int8", "--onnx", "--weights", path, "--data", pictures, "-o", tmp_path / "out", *options)
    assert done.status == 0, done.err
    scale = trained.spec.scale
    model = read_model(tmp_path / f"out/net-x{scale}.tflite")
    assert (model.spec.family, model.spec.quantization, model.spec.scale) == ("imported", "int8", scale)
    assert (model.spec.layers, model.spec.residual) == (trained.spec.layers, True)
    assert model.spec.training.licence == UNKNOWN_LICENCE
    psnr = psnr_of(done.out)
    assert psnr["int8"] > psnr["float32"] - 0.1
    assert "the bundled " in done.out
    assert "A network that others trained (`net.onnx`), for x" in (tmp_path / f"out/net-x{scale}.md").read_text()
    again = read_network(tmp_path / f"out/net-x{scale}.onnx", scale if options else None)
    for one, other in zip(read_network(path, scale).network.graph.layers, again.network.graph.layers, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, rtol=1e-5)
    onnx.checker.check_model(onnx.load(tmp_path / f"out/net-x{scale}.onnx"))


def test_a_model_that_was_imported_becomes_int8(cli: Cli, tmp_path: Path, pictures: Path) -> None:
    b = Builder()
    onnx_networks.anchor(b)
    b.save(tmp_path / "anchor.onnx")
    assert cli("models", "import", tmp_path / "anchor.onnx", "-o", tmp_path / "anchor.tflite").status == 0
    done = cli("export", "--weights", tmp_path / "anchor.tflite", "--data", pictures, "-o", tmp_path / "out")
    assert done.status == 0, done.err
    assert read_model(tmp_path / "out/anchor-x2.tflite").spec.residual is False


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--weights", "net.onnx", "--arch", "fast-m"], 2, "--arch: net.onnx tells what the network is; leave it out"),
        (["--weights", "net.onnx", "--scale", "3"], 2, "--scale 3: net.onnx upscales by 2; leave --scale out"),
        (
            ["--weights", str(ROOT / "edge_srcnn/models/fast-m-x2.tflite")],
            2,
            "is int8 already; 'edge-srcnn models import'",
        ),
        (["--weights", "gone.onnx"], 66, "gone.onnx: cannot be read"),
        (["--arch", "imported"], 2, "--arch imported: the file tells; give --weights FILE.onnx"),
        (["--name", "fast-m-x2"], 2, "fast-m-x2: a bundled model is called so; give another --name"),
    ],
)
def test_a_mistake_is_one_line(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, told: str
) -> None:
    b = Builder()
    onnx_networks.dcr(b)
    b.save(tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    done = cli("export", "--int8", *words)
    assert (done.status, done.out, done.err.count("\n")) == (code, "", 1), done.err
    assert told in done.err
