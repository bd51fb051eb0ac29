"""What is installed, what the processor can do, and whether each engine computes each model right."""

import os
import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import edge_srcnn
from edge_srcnn.engine.interpreter import ENGINES, installed_version
from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.model import bundled_models
from edge_srcnn.upscaler import available_processors, load_model

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

_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "flatbuffers")


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
    self_tests: tuple[SelfTest, ...]

    @property
    def healthy(self) -> bool:
        """True when there is an engine, and every self-test passed."""
        return bool(self.self_tests) and all(test.ok for test in self.self_tests)


def diagnose() -> Diagnosis:
    """Look at the machine, and run the golden self-test of every bundled model in every installed engine."""
    flags, name = _processor()
    engines = tuple(
        EngineReport(name, info.package, installed_version(name), info.cure) for name, info in ENGINES.items()
    )
    return Diagnosis(
        edge_srcnn=edge_srcnn.__version__,
        python=sys.version.split()[0],
        system=f"{platform.system()} {platform.release()}",
        processor=f"{name} ({platform.machine()})",
        processors=available_processors(),
        features=tuple(label for flag, label in INT8_FEATURES if flag in flags),
        packages={package: _version(package) for package in _PACKAGES},
        engines=engines,
        self_tests=tuple(_self_test(m, e.name) for e in engines if e.version for m in bundled_models()),
    )


def _self_test(model: str, engine: str) -> SelfTest:
    try:
        with load_model(model, engine=engine) as upscaler:
            return SelfTest(model, engine, True, upscaler.self_test())
    except EdgeSrcnnError as error:
        return SelfTest(model, engine, False, str(error))


def _processor() -> tuple[frozenset[str], str]:
    """Feature flags and name of the processor, as Linux tells them."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines if ":" in line]
    known = {key: value for key, value in reversed([f for f in fields if len(f) == 2])}
    flags = frozenset((known.get("flags") or known.get("Features") or "").split())
    return flags, known.get("model name") or known.get("Model") or platform.processor() or os.uname().machine


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
