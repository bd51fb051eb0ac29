"""``edge-srcnn models import`` and ``export`` in processes of their own: what comes in and goes out, or is refused."""

import json
import sys

import cv2
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx

from edge_srcnn.models.bundled import BUNDLED
from edge_srcnn.models.file import read_model
from tests.edge_srcnn.exchange import onnx_networks
from tests.edge_srcnn.exchange.onnx_files import Builder

pytestmark = pytest.mark.slow


@pytest.fixture
def espcn(tmp_path):
    b = Builder()
    onnx_networks.over_bicubic(b)
    return b.save(tmp_path / "espcn.onnx")


@pytest.fixture
def vdsr(tmp_path):
    b = Builder()
    onnx_networks.vdsr(b)
    return b.save(tmp_path / "vdsr.onnx")


def test_a_network_becomes_a_model_with_a_card_that_every_command_takes(run_cli, tmp_path, espcn, texture):
    done = run_cli("models", "import", espcn)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("model    espcn.tflite  (")
    assert "card     espcn.md\nnetwork  x2, 5x5x8, 3x3x6, 3x3x4; residual, float32\n" in done.stdout
    assert "In int8, several times as fast: edge-srcnn export --int8 --weights" in done.stdout
    card = (tmp_path / "espcn.md").read_text()
    assert "# espcn\n\nA network that others trained (`espcn.onnx`), for x2: convolutions 5x5x8, 3x3x6, 3x3x4" in card
    assert "- Licence: unknown: the file does not say it; ask who published it." in card
    told = json.loads(run_cli("models", "espcn.tflite", "--json").stdout)["models"][0]
    assert (told["family"], told["scale"], told["plane"], told["residual"]) == ("imported", 2, "luma", True)
    cv2.imwrite(str(tmp_path / "small.png"), texture(40, 48))
    done = run_cli("upscale", "small.png", "-o", "large.png", "--model", "espcn.tflite")
    assert (done.returncode, done.stderr) == (0, "")
    assert cv2.imread(str(tmp_path / "large.png")).shape == (80, 96, 3)
    assert run_cli("bench", "--model", "espcn.tflite", "--size", "64x48", "--json").returncode == 0


def test_the_name_is_that_of_the_output_or_the_one_that_is_given(run_cli, tmp_path, vdsr):
    assert run_cli("models", "import", vdsr, "-s", "3", "-o", "mine.tflite").returncode == 0
    assert run_cli("models", "import", vdsr, "-s", "3", "--name", "other").returncode == 0
    assert [read_model(tmp_path / f"{name}.tflite").spec.name for name in ("mine", "other")] == ["mine", "other"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["vdsr.onnx"], 2, "vdsr.onnx: keeps the size of its input; give --scale 2"),
        (["espcn.onnx", "-s", "3"], 2, "--scale 3: espcn.onnx upscales by 2; leave --scale out"),
        (["espcn.onnx", "--white", "7"], 2, "--white 7: use 1 or 255"),
        (["espcn.onnx", "--name", "fast-m-x2"], 2, "fast-m-x2: a bundled model is called so; give another --name"),
        (["espcn.onnx", "-o", "srcnn-915-x2.tflite"], 2, "srcnn-915-x2: a bundled model is called so"),
        (["espcn.onnx", "-o", f"{BUNDLED}/own.tflite"], 2, "the bundled models' folder, which an upgrade replaces"),
        (["espcn.onnx", "--name", "a/b"], 2, "'a/b': no name for a model"),
        ([str(BUNDLED / "fast-m-x2.tflite"), "--name", "own"], 2, "is a model of ours already; give it to --model"),
        (["gone.onnx"], 66, "gone.onnx: cannot be read"),
        (["picture.onnx", "-o", "new.tflite"], 65, "picture.onnx: is damaged, or not an ONNX file"),
        (["picture.tflite"], 65, "picture.tflite: not a TFLite model"),
        (["tanh.onnx"], 65, "tanh.onnx: node 2 of 6, Tanh 'Tanh_1': is not known; known are Conv, Relu"),
        (["espcn.onnx", "-o", "/proc/own.tflite"], 73, "/proc/own.tflite: "),
        (["picture.tflite", "-o", "picture.tflite", "--overwrite"], 2, "-o picture.tflite: is the file that is read"),
        (["espcn.onnx", "-o", "there.tflite"], 73, "there.tflite: exists already; give --overwrite"),
        (["espcn.onnx", "-o", "card.tflite"], 73, "card.md: exists already; give --overwrite"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(run_cli, tmp_path, espcn, vdsr, words, code, told):
    b = Builder()
    tanh = onnx_networks.espcn(b, activation=lambda b, x, c: b.add("Tanh", x))
    onnx_networks.sub_pixels(b, tanh)
    b.save(tmp_path / "tanh.onnx")
    for name in ("picture.onnx", "picture.tflite", "there.tflite", "card.md"):
        (tmp_path / name).write_bytes(b"\x89PNG" * 20)
    before = sorted(tmp_path.iterdir())
    done = run_cli("models", "import", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    assert told in done.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [["import", "espcn.onnx"], ["export", "fast-m-x2"]], ids=" ".join)
def test_without_the_package_onnx_it_says_what_installs_it(run_cli, tmp_path, espcn, words):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text("import sys\nsys.modules['onnx'] = None\n")
    path = f"{tmp_path / 'site'}:{':'.join(sys.path)}"
    done = run_cli("models", *words, extra_env={"PYTHONPATH": path})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (69, "", 1)
    assert "onnx, which reads and writes ONNX files, " in done.stderr
    assert "[onnx]" in done.stderr


def test_a_grey_picture_that_does_not_stay_grey_is_a_warning(run_cli, tmp_path):
    b = Builder()
    onnx_networks.of_255_bare(b)
    b.nodes[-1].op_type = "DepthToSpace"
    b.save(tmp_path / "net.onnx")
    done = run_cli("models", "import", "net.onnx")
    assert done.returncode == 0
    assert "a grey picture of level 128 becomes " in done.stderr
    assert "is it --white 255" in done.stderr


def test_a_bundled_model_goes_out_as_onnx(run_cli, tmp_path):
    done = run_cli("models", "export", "fast-s-x2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("fast-s-x2.onnx  (")
    options = ["--int8", "--whole", "--padding", "zeros", "--size", "64x48", "-o", "other.onnx"]
    assert run_cli("models", "export", "fast-s-x2", *options).returncode == 0
    written = onnx.load(tmp_path / "other.onnx")
    assert [each.dim_value for each in written.graph.input[0].type.tensor_type.shape.dim] == [1, 1, 48, 64]
    done = run_cli("models", "import", "fast-s-x2.onnx", "--name", "again")
    assert "residual, float32" in done.stdout
    weights = [read_model(path).spec.layers for path in (tmp_path / "again.tflite", BUNDLED / "fast-s-x2.tflite")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["fast-mm-x2"], 66, "did you mean fast-m-x2?"),
        (["fast-m-x2", "-o", "out.pb"], 2, "-o out.pb: only ONNX is written; give a name that ends with .onnx"),
        (["fast-m-x2", "--padding", "ones"], 2, "--padding ones: use mirror, zeros, none"),
        (["fast-m-x2", "--size", "huge"], 2, "--size huge: give width x height"),
        (["fast-m-x2", "--whole", "--padding", "none"], 2, "--whole: needs --padding mirror or zeros"),
        (["fast-m-x2", "-o", "there.onnx"], 73, "there.onnx: exists already; give --overwrite"),
    ],
)
def test_an_export_that_makes_no_sense_is_one_line(run_cli, tmp_path, words, code, told):
    (tmp_path / "there.onnx").write_bytes(b"1")
    done = run_cli("models", "export", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    assert told in done.stderr


@pytest.mark.parametrize("words", [["show", "fast-m-x2"], ["fast-m-x2"]], ids=" ".join)
def test_show_may_be_left_out(run_cli, words):
    assert run_cli("models", *words).stdout.startswith("# fast-m-x2\n")


def test_the_models_have_a_help_for_each_command(run_cli):
    for command, option in (("show", "--no-time"), ("import", "--white"), ("export", "--padding")):
        assert option in run_cli("models", command, "--help").stdout


def test_pictures_are_those_of_onnxruntime(run_cli, tmp_path, espcn, texture):
    from tests.edge_srcnn.exchange.onnx_files import run_onnx

    assert run_cli("models", "import", espcn).returncode == 0
    small = texture(40, 48) // 4 + 96  # far from black and white, where the bicubic picture is limited
    cv2.imwrite(str(tmp_path / "small.png"), small)
    assert run_cli("upscale", "small.png", "-o", "large.png", "--model", "espcn.tflite").returncode == 0
    wanted = np.clip(np.rint(run_onnx(espcn, small / 255) * 255), 0, 255)
    found = cv2.imread(str(tmp_path / "large.png"), cv2.IMREAD_UNCHANGED)
    apart = np.abs(found.astype(int) - wanted)[10:-10, 10:-10]
    assert apart.max() <= 1  # the bicubic picture is in 8 bits
