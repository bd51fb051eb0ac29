"""What is installed, what the processor can do, and whether each engine computes each model right."""

import platform
import sys
from dataclasses import dataclass

import edge_srcnn
from edge_srcnn.engine.backends import AUTO, INTERPRETERS, backend_named, installed_interpreter, package_version
from edge_srcnn.engine.build import tuned_or_default, tuning_key
from edge_srcnn.engine.edgetpu import EdgeTpuReport, report_edgetpu
from edge_srcnn.engine.plan import Plan
from edge_srcnn.engine.processor import available_processors, this_processor
from edge_srcnn.engine.tuning_cache import TuningCache
from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.measure import FRAME_PX
from edge_srcnn.models.bundled import bundled_models, find_model, live_ladder
from edge_srcnn.models.file import read_model
from edge_srcnn.system.installation import is_32_bit
from edge_srcnn.upscaler import load_model

INT8_FEATURES = (
    ("avx2", "AVX2"),
    ("avx512bw", "AVX-512"),
    ("avx512_vnni", "AVX-512 VNNI"),
    ("avx_vnni", "AVX-VNNI"),
    ("amx_int8", "AMX int8"),
    ("asimd", "NEON"),
    ("asimddp", "NEON dot product"),
    ("i8mm", "NEON int8 matrix"),
)
"""Flags of /proc/cpuinfo that int8 kernels use, and their names."""

_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "flatbuffers", "tflite")


@dataclass(frozen=True)
class EngineReport:
    """Report an interpreter: its version, or None with what to do about it."""

    name: str
    package: str
    version: str | None
    cure: str


@dataclass(frozen=True)
class SelfTest:
    """Report a model's self-test in an engine: ``ok`` and what was found."""

    model: str
    engine: str
    ok: bool
    result: str


@dataclass(frozen=True)
class LiveModel:
    """Report a model of live video: whether it was tuned here, and what a frame of ``FRAME_PX`` took, if it ran."""

    model: str
    tuned: bool
    frame_ms: float | None


@dataclass(frozen=True)
class Diagnosis:
    """Hold everything that ``edge-srcnn doctor`` shows."""

    edge_srcnn: str
    python: str
    system: str
    processor: str
    processors: int
    features: tuple[str, ...]
    packages: dict[str, str]
    engines: tuple[EngineReport, ...]
    setting: str
    tuned: bool
    self_tests: tuple[SelfTest, ...]
    edge_tpu: EdgeTpuReport
    live: tuple[LiveModel, ...] = ()
    python_bits: int = 64

    @property
    def healthy(self) -> bool:
        """Tell whether there is an engine, and every self-test passed."""
        return bool(self.self_tests) and all(test.ok for test in self.self_tests)


def diagnose() -> Diagnosis:
    """Look at the machine and its Edge TPUs, and run every bundled model's golden self-test in every engine."""
    processor, usual = this_processor(), installed_interpreter()
    setting, tuned = _setting(usual)
    interpreters = map(backend_named, INTERPRETERS)
    engines = tuple(EngineReport(each.name, each.package, each.version(), each.cure) for each in interpreters)
    return Diagnosis(
        edge_srcnn=edge_srcnn.__version__,
        python=sys.version.split()[0],
        python_bits=32 if is_32_bit() else 64,
        system=f"{platform.system()} {platform.release()}",
        processor=f"{processor.name} ({processor.machine})",
        processors=available_processors(),
        features=tuple(label for flag, label in INT8_FEATURES if flag in processor.flags),
        packages={package: package_version(package) or "not installed" for package in _PACKAGES},
        engines=engines,
        setting=setting,
        tuned=tuned,
        self_tests=tuple(_self_test(m, e.name) for e in engines if e.version for m in bundled_models()),
        edge_tpu=report_edgetpu(),
        live=_live(usual),
    )


def _setting(engine: str | None) -> tuple[str, bool]:
    """Tell how frames of ``FRAME_PX`` are computed, and whether that was measured here."""
    if engine is None:
        return "bicubic alone", False
    try:
        plan, measured, _ = _known_of(AUTO, engine)
        return str(plan), measured
    except EdgeSrcnnError as error:
        return f"nothing ({error})", False


def _live(engine: str | None) -> tuple[LiveModel, ...]:
    """Look up the models of live video, the fastest first."""
    if engine is None:
        return ()
    try:
        return tuple(LiveModel(name, *_known_of(name, engine)[1:]) for name in live_ladder(2))
    except EdgeSrcnnError:  # the self-tests tell
        return ()


def _known_of(name: str, engine: str) -> tuple[Plan, bool, float | None]:
    """Look up a model's plan for ``FRAME_PX``, whether it was measured here, and what a live frame took, if it ran."""
    model, backend, (width, height) = read_model(find_model(name, 2)), backend_named(engine), FRAME_PX
    size = height * model.spec.scale, width * model.spec.scale
    return *tuned_or_default(model, backend, *size), TuningCache().get_ms(tuning_key(model, backend, *size))


def _self_test(model: str, engine: str) -> SelfTest:
    try:
        with load_model(model, engine=engine) as upscaler:
            return SelfTest(model, engine, True, upscaler.self_test())
    except EdgeSrcnnError as error:
        return SelfTest(model, engine, False, str(error))
