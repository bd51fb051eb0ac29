"""What is installed, what the processor can do, and whether each engine computes each model right."""

import platform
import sys
from dataclasses import dataclass
from importlib import metadata

import edge_srcnn
from edge_srcnn.engine.build import occasion_of, tuned_or_default
from edge_srcnn.engine.edgetpu.report import EdgeTpuReport, report_edgetpu
from edge_srcnn.engine.interpreter import BICUBIC, ENGINES, choose_engine, installed_version
from edge_srcnn.engine.processor import available_processors, this_processor
from edge_srcnn.engine.tuning_cache import recall_ms
from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.loading import load_model
from edge_srcnn.models.bundled import bundled_models, find_model, live_ladder
from edge_srcnn.models.file import read_model

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

FRAME = (480, 640)
"""Height and width of the camera frame whose setting is shown."""

_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "flatbuffers", "tflite")


@dataclass(frozen=True)
class EngineReport:
    """An interpreter: its version, or None with what to do about it."""

    name: str
    package: str
    version: str | None
    cure: str


@dataclass(frozen=True)
class SelfTest:
    """A model in an engine: ``ok`` and what was found."""

    model: str
    engine: str
    ok: bool
    result: str


@dataclass(frozen=True)
class LiveRung:
    """A model that live video may take: whether it was tuned here, and what a frame of ``FRAME`` took, if it ran."""

    model: str
    tuned: bool
    frame_ms: float | None


@dataclass(frozen=True)
class Diagnosis:
    """Everything that ``edge-srcnn doctor`` shows."""

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
    live: tuple[LiveRung, ...] = ()

    @property
    def healthy(self) -> bool:
        """True when there is an engine, and every self-test passed."""
        return bool(self.self_tests) and all(test.ok for test in self.self_tests)


def diagnose() -> Diagnosis:
    """Look at the machine and its Edge TPUs, and run every bundled model's golden self-test in every engine."""
    processor = this_processor()
    setting, tuned = _setting()
    engines = tuple(
        EngineReport(name, info.package, installed_version(name), info.cure) for name, info in ENGINES.items()
    )
    return Diagnosis(
        edge_srcnn=edge_srcnn.__version__,
        python=sys.version.split()[0],
        system=f"{platform.system()} {platform.release()}",
        processor=f"{processor.name} ({processor.machine})",
        processors=available_processors(),
        features=tuple(label for flag, label in INT8_FEATURES if flag in processor.flags),
        packages={package: _version(package) for package in _PACKAGES},
        engines=engines,
        setting=setting,
        tuned=tuned,
        self_tests=tuple(_self_test(m, e.name) for e in engines if e.version for m in bundled_models()),
        edge_tpu=report_edgetpu(),
        live=_live(),
    )


def _setting() -> tuple[str, bool]:
    """How frames of ``FRAME`` are computed, and whether that was measured here."""
    try:
        model, engine = read_model(find_model(None, 2)), choose_engine("auto")
        if engine == BICUBIC:
            return "bicubic alone", False
        height, width = (side * model.spec.scale for side in FRAME)
        setting, measured = tuned_or_default(model, engine, height, width)
        return str(setting), measured
    except EdgeSrcnnError as error:
        return f"nothing ({error})", False


def _live() -> tuple[LiveRung, ...]:
    """Look up the rungs of live video, the fastest first."""
    try:
        engine = choose_engine("auto")
        return () if engine == BICUBIC else tuple(_live_rung(name, engine) for name in live_ladder(2).rungs)
    except EdgeSrcnnError:  # the self-tests tell
        return ()


def _live_rung(name: str, engine: str) -> LiveRung:
    model = read_model(find_model(name, 2))
    height, width = (side * model.spec.scale for side in FRAME)
    _, measured = tuned_or_default(model, engine, height, width)
    return LiveRung(name, measured, recall_ms(occasion_of(model, engine, height, width)))


def _self_test(model: str, engine: str) -> SelfTest:
    try:
        with load_model(model, engine=engine) as upscaler:
            return SelfTest(model, engine, True, upscaler.self_test())
    except EdgeSrcnnError as error:
        return SelfTest(model, engine, False, str(error))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
