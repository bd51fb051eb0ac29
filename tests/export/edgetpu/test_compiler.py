"""The wrapper around the compiler: its words are read, its time is bounded, and nothing of it stays."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_srcnn.errors import EdgeSrcnnError, NoInput
from export.edgetpu.compiler import CompilationFailed, compile_graph, find_compiler
from export.edgetpu.log import read_log
from tests.export.edgetpu import compilers
from tests.export.edgetpu.compilers import stand_in

FAILURES = {
    "large activations": (compilers.LARGE, "activations are too large for the chip; use a smaller --tile"),
    "operator version": (compilers.UNKNOWN, "it does not know CONV_2D version 6"),
    "internal error": (compilers.INTERNAL, "the compiler broke down"),
    "time-out of its own": (compilers.TOO_LONG, "it took too long"),
    "float model": (compilers.FLOATING, "not full int8; convert it with a representative dataset"),
    "invalid model": (compilers.INVALID, "the compiler takes it for no model"),
    "dynamic shape": (compilers.DYNAMIC, "shapes that are not fixed"),
    "no reason": (compilers.SILENT, "does not say why"),
    "no words": ("", "never said that it succeeded"),
}


def refusal(compiler: Path, graph: bytes = b"graph", **options: float) -> CompilationFailed:
    with pytest.raises(CompilationFailed) as caught:
        compile_graph(compiler, graph, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return caught.value


def alive(marker: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if marker in line]


@pytest.mark.parametrize(
    ("log", "version"), [(compilers.SUCCESS, "16.0.384591198"), (compilers.OLD_SUCCESS, "15.0.340273435")]
)
def test_success_is_read(log: str, version: str) -> None:
    found = read_log(log)
    assert found.version == version
    assert (found.failure, found.on_cpu) == (None, "")
    assert [(row.operation, row.count, row.on_tpu) for row in found.operations] == [("CONV_2D", 3, True)]


def test_a_partial_success_says_what_runs_on_the_cpu() -> None:
    found = read_log(compilers.PARTIAL)
    assert found.failure is None
    assert found.on_cpu.startswith("1 DEPTH_TO_SPACE: Operation is otherwise supported, but not mapped")


@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_explained_whatever_the_exit_status(name: str, status: int, tmp_path: Path) -> None:
    log, words = FAILURES[name]
    error = refusal(stand_in(tmp_path, log, output=b"of_another", status=status))
    assert words in str(error)
    assert error.log == log
    assert isinstance(error, EdgeSrcnnError)
    assert error.exit_code == 1


def test_the_output_is_read_and_the_folder_goes(tmp_path: Path) -> None:
    made = compile_graph(stand_in(tmp_path, compilers.SUCCESS, output=b"compiled"), b"graph", timeout_s=77)
    assert (made.graph, made.text, made.log.version) == (b"compiled", compilers.SUCCESS, "16.0.384591198")
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[:4] == ["-s", "-t", "77", "-o"]
    assert not Path(arguments[4]).exists()


def test_success_without_an_output_is_a_failure(tmp_path: Path) -> None:
    assert "no output file" in str(refusal(stand_in(tmp_path, compilers.SUCCESS)))


def test_success_with_an_exit_status_is_a_failure(tmp_path: Path) -> None:
    error = refusal(stand_in(tmp_path, compilers.SUCCESS, output=b"compiled", status=3))
    assert "exit status 3" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("then", ["sleep 4711", "sleep 4712 & wait", "trap '' TERM; sleep 4713"])
def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, then: str) -> None:
    began = time.monotonic()
    error = refusal(stand_in(tmp_path, compilers.VERSION, then=then), timeout_s=1, grace_s=0.2)
    assert "no end after 1.2 s" in str(error)
    assert error.log == compilers.VERSION
    assert time.monotonic() - began < 5
    number = then[then.index("47") :][:4]
    deadline = time.monotonic() + 3
    while alive(f"sleep {number}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [line for line in alive(f"sleep {number}") if not line.startswith("Z")]


def test_what_outlives_the_compiler_is_ended_too(tmp_path: Path) -> None:
    compile_graph(stand_in(tmp_path, compilers.SUCCESS, output=b"c", then="sleep 4714 &"), b"graph")
    assert not [line for line in alive("sleep 4714") if not line.startswith("Z")]


@pytest.mark.parametrize("then", ["kill -KILL $$", "kill -SEGV $$", "sh -c 'kill -ABRT $$' || exit 134"])
def test_one_that_is_killed_is_told(tmp_path: Path, then: str) -> None:
    error = refusal(stand_in(tmp_path, compilers.SUCCESS, output=b"compiled", then=then))
    assert "was ended by signal" in str(error)


def test_one_for_another_machine_is_told(tmp_path: Path) -> None:
    path = tmp_path / "edgetpu_compiler"
    path.write_bytes(b"\x7fELF no program")
    path.chmod(0o755)
    assert "is it for this machine?" in str(refusal(path))


def test_a_flood_of_words_is_cut(tmp_path: Path) -> None:
    error = refusal(stand_in(tmp_path, compilers.VERSION, then="head -c 5000000 /dev/zero"))
    assert len(error.log) == 1 << 20


def test_it_is_found_on_the_path_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_compiler() is None
    (tmp_path / "bin").mkdir()
    made = stand_in(tmp_path / "bin", compilers.SUCCESS)
    assert find_compiler() == made
    assert find_compiler(made) == made.resolve()


@pytest.mark.parametrize("kind", ["missing", "folder", "not executable"])
def test_a_name_that_is_no_program_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "compiler"
    if kind == "folder":
        path.mkdir()
    elif kind == "not executable":
        path.touch()
    with pytest.raises(NoInput, match="no executable file"):
        find_compiler(path)


@pytest.mark.slow
def test_an_interrupt_ends_the_compiler(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from export.edgetpu.compiler import compile_graph\n"
        "compile_graph(pathlib.Path(sys.argv[1]), b'graph')"
    )
    compiler = stand_in(tmp_path, compilers.VERSION, then="sleep 4715")
    process = subprocess.Popen([sys.executable, "-c", script, compiler], stderr=subprocess.DEVNULL, cwd=os.getcwd())
    deadline = time.monotonic() + 20
    while not alive("sleep 4715") and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(2)
    process.wait(10)
    time.sleep(0.2)
    assert not [line for line in alive("sleep 4715") if not line.startswith("Z")]
