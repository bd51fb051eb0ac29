"""A library that cannot be imported: built for another numpy, missing, or not for 32 bits; each with its cure."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from edge_srcnn.engine.backends import BACKENDS, backend_named
from edge_srcnn.engine.edgetpu import report_edgetpu
from edge_srcnn.system import packages
from edge_srcnn.system.installation import how_to_install
from edge_srcnn.system.packages import numpy_clash, why_not_imported
from tests.edge_srcnn.machine import SLOWER

CLASHES = {
    # as Cython and numpy word them
    "dtype": "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility. Expected 96, got 88')",
    "ndarray": "raise ValueError('numpy.ndarray size changed, may indicate binary incompatibility')",
    "ufunc": "raise ValueError('numpy.ufunc size changed, may indicate binary incompatibility')",
    "core": "raise ImportError('numpy.core.multiarray failed to import')",
    "_core": "raise ImportError('numpy._core.umath failed to import')",
    "array_api": "raise AttributeError('_ARRAY_API not found')",
    "version": "raise RuntimeError('module compiled against ABI version 0x1000009 but this numpy is 0x2000000')",
    "api": "raise RuntimeError('module compiled against API version 0x10 but this version of numpy is 0xf')",
    "chain": "try:\n    raise AttributeError('_ARRAY_API not found')\n"
    "except Exception as e:\n    raise ImportError from e",
    "noise": "import sys\nprint('A module that was compiled using NumPy 1.x ...', file=sys.stderr)\n"
    "raise ImportError('numpy.core.multiarray failed to import')",
}
OTHERS = {
    "missing": "import nothing_of_that_name",
    "library": "raise ImportError('libcamera.so.0.3: cannot open shared object file')",
    "python": "raise SyntaxError('f-string')",
    "attribute": "raise AttributeError('module numpy has no attribute float')",
}
FORCE = "pip install --force-reinstall --no-deps "


def picamera2(folder: Path, simplejpeg: str) -> None:
    """Lay out picamera2 as it is: it imports simplejpeg, whose compiled module breaks."""
    for package in ("picamera2", "simplejpeg", "libcamera"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
    (folder / "picamera2/__init__.py").write_text("from . import jpeg_encoder\n")
    (folder / "picamera2/jpeg_encoder.py").write_text("import simplejpeg\n")
    (folder / "simplejpeg/__init__.py").write_text("from . import _jpeg\n")
    (folder / "simplejpeg/_jpeg.py").write_text(simplejpeg)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); from edge_srcnn.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=60 * SLOWER, cwd=folder
    )


@pytest.mark.slow
@pytest.mark.parametrize("clash", ["dtype", "noise"])
def test_picamera2_under_another_numpy_is_one_line_with_the_cure(tmp_path, clash):
    picamera2(tmp_path, CLASHES[clash])
    done = run(tmp_path, "run", "--source", "picamera2:0", "--sink", "null:", "-e", "bicubic")
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.count("\n") == 1
    said = "edge-srcnn: picamera2:0: picamera2 cannot be imported: simplejpeg was built for another numpy than the "
    assert done.stderr.startswith(said)
    assert f"{FORCE}simplejpeg in its environment ({sys.prefix})" in done.stderr
    assert "apt install" not in done.stderr


@pytest.mark.slow
def test_opencv_under_another_numpy_is_one_line_and_no_bug_of_ours(tmp_path):
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2/__init__.py").write_text(CLASHES["array_api"])
    done = run(tmp_path, "demo", "-o", "card.png")
    assert (done.returncode, done.stderr.count("\n")) == (69, 1)
    assert done.stderr.startswith("edge-srcnn: cv2 was built for another numpy")
    assert f"{FORCE}opencv-python-headless" in done.stderr


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, body: str) -> BaseException:
    """What the import of a module raises that holds ``body``."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("from . import _native\n")
    (folder / name / "_native.py").write_text(body)
    monkeypatch.syspath_prepend(folder)
    kept = {each: module for each, module in sys.modules.items() if each.partition(".")[0] == name}
    for each in kept:
        monkeypatch.delitem(sys.modules, each)
    with pytest.raises(Exception) as raised:
        __import__(name)
    sys.modules.update(kept)
    return raised.value


@pytest.mark.parametrize("clash", CLASHES)
def test_each_way_to_say_so_is_known(tmp_path, monkeypatch, clash):
    why = why_not_imported("odd", imported(tmp_path, monkeypatch, "odd_codec", CLASHES[clash]), "odd")
    assert "odd_codec was built for another numpy than the " in why
    assert f"{FORCE}odd_codec" in why
    assert "apt install" not in why


@pytest.mark.parametrize("other", OTHERS)
def test_other_faults_keep_their_own_cure(tmp_path, monkeypatch, other):
    error = imported(tmp_path, monkeypatch, "odd_codec", OTHERS[other])
    assert numpy_clash(error) is None
    why = why_not_imported("odd", error, "odd")
    assert why.endswith("pip install odd")
    assert ("not installed" in why) == (other == "missing")


@pytest.mark.parametrize(
    ("module", "numpy", "cure"),
    [
        ("av", "2.4.6", f"{FORCE}av"),
        ("cv2", "2.4.6", f"{FORCE}opencv-python-headless"),
        ("PIL", "2.4.6", f"{FORCE}pillow"),
        ("simplejpeg", "1.26.4", f"{FORCE}simplejpeg"),
        ("libcamera", "2.4.6", "pip install 'numpy<2'"),
        ("tflite_runtime", "2.4.6", "pip install 'numpy<2'"),
        ("libcamera", "1.26.4", "pip install 'numpy>=2'"),
    ],
)
def test_the_cure_is_of_the_project_that_brings_the_module(tmp_path, monkeypatch, module, numpy, cure):
    monkeypatch.setattr(packages, "_version", lambda project: numpy)
    error = imported(tmp_path, monkeypatch, module, CLASHES["dtype"])
    assert cure in str(numpy_clash(error))


@pytest.fixture
def of_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python as the 32-bit Raspberry Pi OS has it."""
    size = struct.calcsize
    monkeypatch.setattr(struct, "calcsize", lambda form: 4 if form == "P" else size(form))


def test_nobody_is_told_to_install_what_there_is_not_for_32_bits(of_32_bits, monkeypatch):
    for name in BACKENDS:
        assert "64-bit Raspberry Pi OS" in backend_named(name).cure
    assert "apt install python3-picamera2" in how_to_install("picamera2")
    backend = backend_named("litert")
    monkeypatch.setattr(type(backend), "version", lambda self: None)
    with pytest.raises(RuntimeError, match="64-bit Raspberry Pi OS") as raised:
        backend.prepare()
    assert "pip" not in str(raised.value)


@pytest.mark.slow
def test_the_doctor_says_that_a_python_has_32_bits(tmp_path):
    fake = "import struct\nreal = struct.calcsize\nstruct.calcsize = lambda f: 4 if f == 'P' else real(f)\n"
    missing = "from edge_srcnn.engine.interpreter import TfliteBackend\nTfliteBackend.version = lambda self: None\n"
    program = f"{missing}{fake}from edge_srcnn.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "doctor"], capture_output=True, text=True, timeout=60 * SLOWER, cwd=tmp_path
    )
    assert done.returncode == 69, done.stderr
    assert "TensorFlow Lite: there is no package for a 32-bit Python; install the 64-bit Raspberry Pi OS" in done.stdout
    assert "pip install" not in done.stdout


@pytest.mark.parametrize(
    ("worker", "how", "said", "breaks"),
    [
        ("sleeps_when_asked", "", "took longer than 0.3 s to answer; this machine may be busy", False),
        ("dies_when_asked", "SIGSEGV", "breaks when it is asked (its process died (SIGSEGV))", True),
        ("dies_when_asked", "SIGILL", "breaks when it is asked (its process died (SIGILL))", True),
        ("dies_when_asked", "SIGKILL", "could not be asked (its process died (SIGKILL))", False),
        ("dies_when_asked", "SIGTERM", "could not be asked (its process died (SIGTERM))", False),
    ],
)
def test_only_a_crash_is_called_a_break(monkeypatch, worker, how, said, breaks):
    monkeypatch.setattr("edge_srcnn.engine.edgetpu.WORKER", f"tests.edge_srcnn.workers:{worker}")
    monkeypatch.setattr("edge_srcnn.engine.edgetpu.LIMIT_S", 0.3 if worker.startswith("sleeps") else 20.0 * SLOWER)
    monkeypatch.setenv("WORKER_DIES_OF", how)
    problem = report_edgetpu().problem
    assert f"libedgetpu.so.1: {said}" in problem
    assert ("breaks" in problem) == ("install it again" in problem) == breaks


def test_a_machine_too_slow_to_begin_is_no_break(monkeypatch):
    monkeypatch.setattr("edge_srcnn.system.worker_process.START_S", 0.01)
    problem = report_edgetpu().problem
    assert "took longer than" in problem
    assert "breaks" not in problem
