"""``edge-srcnn compile`` as users run it: what it prints and writes, with and without a compiler."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import read_model
from export.edgetpu.form import tpu_form
from export.edgetpu.network import read_network
from tests.export.cli.commands import Cli
from tests.export.edgetpu import compilers, flatbuffers
from tests.export.edgetpu.compilers import stand_in

NAME = "srcnn-915-x2"
MODEL = read_model(bundled_models()[NAME])
FORM = tpu_form(MODEL)
COMPILED = flatbuffers.compiled(FORM.input_shape, FORM.output_shape)
LEFT_OVER = flatbuffers.compiled(FORM.input_shape, FORM.output_shape, rest=["DEPTH_TO_SPACE"])


@pytest.fixture
def compile_(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Runs the command in this process, in an empty folder, on a machine without a compiler."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return partial(cli, "compile")


def made() -> set[str]:
    return {path.name for path in Path().iterdir()}


def test_without_a_compiler_the_file_is_written_and_it_says_what_to_do(compile_: Cli) -> None:
    status, out, err = compile_(NAME)
    assert status == 69
    assert err == (
        "edge-srcnn: edgetpu_compiler is not on the PATH: install edgetpu-compiler, or name it with --compiler\n"
    )
    assert "verdict: full, every operation runs on the Edge TPU" in out
    assert "edgetpu_compiler -s -t 600 -o . srcnn-915-x2-tpu.tflite" in out
    for words in (
        "coral.ai/docs/edgetpu/compiler",
        "docker run",
        "colab",
        "--compiled srcnn-915-x2-tpu_edgetpu.tflite",
    ):
        assert words in out
    assert made() == {"srcnn-915-x2-tpu.tflite"}
    written = read_model(Path("srcnn-915-x2-tpu.tflite"))
    assert (written.spec, written.graph, written.tpu) == (MODEL.spec, MODEL.graph, FORM)


def test_on_an_arm_computer_it_says_that_there_is_no_compiler(compile_: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    status, out, err = compile_(NAME)
    assert status == 69
    assert "does not exist for aarch64, only for x86-64" in err
    assert "docker run" in out


def test_a_file_that_is_ready_is_not_written_again(compile_: Cli) -> None:
    compile_(NAME, "--tile", "96x64")
    before = Path("srcnn-915-x2-tpu.tflite").read_bytes()
    assert read_model(Path("srcnn-915-x2-tpu.tflite")).tpu == tpu_form(MODEL, (96, 64))
    status, _, _ = compile_("srcnn-915-x2-tpu.tflite")
    assert (status, made()) == (69, {"srcnn-915-x2-tpu.tflite"})
    assert Path("srcnn-915-x2-tpu.tflite").read_bytes() == before


def test_nothing_is_replaced_without_overwrite(compile_: Cli, tmp_path: Path) -> None:
    Path("srcnn-915-x2-tpu.tflite").touch()
    assert compile_(NAME)[0] == 73
    assert compile_(NAME, "--overwrite")[0] == 69
    Path("srcnn-915-x2_edgetpu.tflite").touch()
    compiler = stand_in(tmp_path, compilers.SUCCESS, output=COMPILED)
    status, _, err = compile_(NAME, "--compiler", compiler)
    assert (status, "srcnn-915-x2_edgetpu.tflite: exists already" in err) == (73, True)
    assert not (tmp_path / "arguments").exists(), "told before the compiler takes its time"
    assert compile_(NAME, "--compiler", compiler, "--overwrite")[0] == 0


def test_compiled_the_model_has_its_metadata_and_its_log(compile_: Cli, tmp_path: Path) -> None:
    status, out, err = compile_(NAME, "--compiler", stand_in(tmp_path, compilers.SUCCESS, output=COMPILED), "-o", "out")
    assert (status, err) == (0, "")
    assert "--engine edgetpu --model out/srcnn-915-x2_edgetpu.tflite" in out
    written = read_model(Path("out/srcnn-915-x2_edgetpu.tflite"))
    assert (written.spec, written.graph) == (MODEL.spec, MODEL.graph)
    assert written.tpu is not None
    assert (written.tpu.graph, written.tpu.compiler, written.tpu.halo) == (COMPILED, "16.0.384591198", FORM.halo)
    assert Path("out/srcnn-915-x2_edgetpu.log").read_text() == compilers.SUCCESS


def test_the_compiler_of_the_path_is_taken(compile_: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, compilers.SUCCESS, output=COMPILED)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert compile_(NAME, "--timeout", "42")[0] == 0
    assert "-t 42" in (tmp_path / "arguments").read_text()


def test_a_partial_result_must_be_allowed(compile_: Cli, tmp_path: Path) -> None:
    compiler = stand_in(tmp_path, compilers.PARTIAL, output=LEFT_OVER)
    status, _, err = compile_(NAME, "--compiler", compiler)
    assert status == 1
    assert "not all of it runs on the TPU: 1 DEPTH_TO_SPACE: Operation is otherwise supported" in err
    assert "--allow-partial" in err
    assert made() == {"srcnn-915-x2_edgetpu.log"}
    assert compile_(NAME, "--compiler", compiler, "--allow-partial", "--overwrite")[0] == 0


def test_a_log_that_hides_what_stayed_on_the_cpu_does_not_help(compile_: Cli, tmp_path: Path) -> None:
    status, _, err = compile_(NAME, "--compiler", stand_in(tmp_path, compilers.SUCCESS, output=LEFT_OVER))
    assert (status, "not all of it runs on the TPU: DEPTH_TO_SPACE" in err) == (1, True)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (b"", "no TFL3"),
        (COMPILED[: len(COMPILED) // 2], "cannot be read"),
        (FORM.graph, "nothing runs on the TPU"),
        (flatbuffers.compiled((8, 8, 4), (8, 8, 4)), "input and output are not those"),
    ],
    ids=["empty", "cut", "not compiled", "of another model"],
)
def test_an_output_of_no_use_is_refused(compile_: Cli, tmp_path: Path, output: bytes, words: str) -> None:
    status, _, err = compile_(NAME, "--compiler", stand_in(tmp_path, compilers.SUCCESS, output=output))
    assert status == 1
    assert "the compiler's output is of no use" in err
    assert words in err
    assert made() == {"srcnn-915-x2_edgetpu.log"}


def test_a_failure_is_one_line_and_leaves_the_log(compile_: Cli, tmp_path: Path) -> None:
    status, _, err = compile_(NAME, "--compiler", stand_in(tmp_path, compilers.LARGE), "--tile", "512x512")
    assert (status, err.count("\n")) == (1, 1)
    assert "smaller --tile (its log: srcnn-915-x2_edgetpu.log)" in err
    assert Path("srcnn-915-x2_edgetpu.log").read_text() == compilers.LARGE
    # the advice can be followed: the log of what failed is in nobody's way
    compiler = stand_in(tmp_path, compilers.SUCCESS, output=COMPILED)
    assert compile_(NAME, "--compiler", compiler, "--tile", "128x128")[0] == 0
    assert Path("srcnn-915-x2_edgetpu.log").read_text() == compilers.SUCCESS


def test_what_was_compiled_elsewhere_becomes_a_model(compile_: Cli) -> None:
    compile_(NAME, "--tile", "64x64")
    form = tpu_form(MODEL, (64, 64))
    graph = flatbuffers.compiled(form.input_shape, form.output_shape)
    Path("srcnn-915-x2-tpu_edgetpu.tflite").write_bytes(graph)
    status, _, err = compile_("srcnn-915-x2-tpu.tflite", "--compiled", "srcnn-915-x2-tpu_edgetpu.tflite")
    assert (status, err) == (0, "")
    written = read_model(Path("srcnn-915-x2_edgetpu.tflite"))
    assert written.tpu is not None
    assert (written.tpu.graph, written.tpu.tile, written.tpu.compiler) == (graph, (64, 64), "elsewhere")


def test_something_else_from_elsewhere_is_refused(compile_: Cli) -> None:
    Path("other.tflite").write_bytes(LEFT_OVER)
    status, _, err = compile_(NAME, "--compiled", "other.tflite")
    assert status == 65
    assert err.startswith("edge-srcnn: other.tflite: DEPTH_TO_SPACE stayed on the CPU")
    Path("other.tflite").write_bytes(FORM.graph)
    assert compile_(NAME, "--compiled", "other.tflite")[0] == 65
    assert compile_(NAME, "--compiled", "nowhere.tflite")[0] == 66


@pytest.mark.slow
def test_a_model_of_others_is_compiled_as_it_is(compile_: Cli, tmp_path: Path) -> None:
    shape = (1, 8, 8, 4)
    tensors = [flatbuffers.tensor("in", shape), flatbuffers.tensor("out", shape)]
    relu = flatbuffers.code(flatbuffers.schema.BuiltinOperator.RELU)
    theirs = flatbuffers.model(tensors, [flatbuffers.operator(0, [0], [1])], [relu], [0], [1])
    Path("theirs.tflite").write_bytes(theirs)
    made_of_it = flatbuffers.compiled((8, 8, 4), (8, 8, 4))
    compiler = stand_in(tmp_path, compilers.SUCCESS, output=made_of_it)
    status, out, _ = compile_("theirs.tflite", "--compiler", compiler)
    assert (status, "--engine edgetpu" in out) == (0, False)
    assert Path("theirs_edgetpu.tflite").read_bytes() == made_of_it
    # what the compiler wrote elsewhere, and somebody put beside the model, is where it belongs
    assert compile_("theirs.tflite", "--compiled", "theirs_edgetpu.tflite")[0] == 0
    Path("copy.tflite").write_bytes(made_of_it)
    assert compile_("theirs.tflite", "--compiled", "copy.tflite")[0] == 73


def test_check_only_compiles_and_writes_nothing(compile_: Cli, tmp_path: Path) -> None:
    compiler = stand_in(tmp_path, compilers.SUCCESS, output=COMPILED)
    status, out, err = compile_(NAME, "--check-only", "--compiler", compiler, "--json")
    assert (status, err, made()) == (0, "", set())
    assert not (tmp_path / "arguments").exists()
    document = json.loads(out)
    assert document["preflight"]["verdict"] == "full"
    assert document["preflight"]["operations"] == [
        {"operation": "CONV_2D", "version": 3, "newest": 5, "runs_on": "TPU", "why": "", "cure": "", "count": 3}
    ]


@pytest.mark.slow
def test_json_is_one_document_even_where_it_ends_badly(compile_: Cli, tmp_path: Path) -> None:
    status, out, _ = compile_(NAME, "--json")
    assert (status, json.loads(out)["ready"]) == (69, "srcnn-915-x2-tpu.tflite")
    assert json.loads(out)["instructions"]
    status, out, _ = compile_(NAME, "--json", "--compiler", stand_in(tmp_path, compilers.INTERNAL))
    assert (status, json.loads(out)["log"]) == (1, compilers.INTERNAL)
    compiler = stand_in(tmp_path, compilers.SUCCESS, output=COMPILED)
    status, out, _ = compile_(NAME, "--json", "--compiler", compiler, "--overwrite")
    document = json.loads(out)
    assert (status, document["compiled"]) == (0, "srcnn-915-x2_edgetpu.tflite")
    assert document["compiler"]["operations"] == [{"operation": "CONV_2D", "count": 3, "status": "Mapped to Edge TPU"}]


def test_a_model_that_would_be_refused_ends_with_65_and_the_cure(compile_: Cli, tmp_path: Path) -> None:
    shape = (1, 8, 8, 4)
    tensors = [flatbuffers.tensor("in", shape), flatbuffers.tensor("out", shape)]
    gelu = flatbuffers.code(flatbuffers.schema.BuiltinOperator.GELU, 2)
    data = flatbuffers.model(tensors, [flatbuffers.operator(0, [0], [1])], [gelu], [0], [1])
    Path("gelu.tflite").write_bytes(data)
    compiler = stand_in(tmp_path, compilers.SUCCESS, output=COMPILED)
    status, out, err = compile_("gelu.tflite", "--compiler", compiler)
    assert (status, "verdict: impossible" in out) == (65, True)
    assert "GELU version 2: the compiler does not know it; use ReLU or ReLU6" in err
    assert not (tmp_path / "arguments").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nowhere.tflite"], 66, "neither a file nor one of the bundled models"),
        (["text.tflite"], 65, "not a TFLite model"),
        ([NAME, "--tile", "7x8"], 2, "multiples of 2"),
        ([NAME, "--tile", "big"], 2, "give height x width"),
        ([NAME, "--compiler", "nowhere"], 66, "no executable file"),
        ([NAME, "--timeout", "0"], 2, "--timeout"),
        ([], 2, "Usage"),
    ],
)
def test_mistakes_end_with_their_status(compile_: Cli, arguments: list[str], status: int, words: str) -> None:
    Path("text.tflite").write_text("no model")
    ended, out, err = compile_(*arguments)
    assert (ended, out) == (status, "")
    assert words in err


def test_a_damaged_model_of_ours_is_refused(compile_: Cli) -> None:
    data = bytearray(bundled_models()[NAME].read_bytes())
    data[500] ^= 1
    Path("damaged.tflite").write_bytes(data)
    status, _, err = compile_("damaged.tflite")
    assert (status, "not those that were packaged" in err) == (65, True)


def test_the_help_needs_no_tensorflow() -> None:
    program = "import sys; from export.cli import compile; from export.edgetpu import compilation; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "ai_edge_litert"} & set(done.stdout.split())


def test_the_compiled_stand_in_is_one_operator() -> None:
    assert [operator.custom for operator in read_network(COMPILED).operators] == ["edgetpu-custom-op"]
