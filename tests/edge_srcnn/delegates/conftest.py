"""What the tests of accelerators share: libraries, and looks at what a process leaves behind."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_srcnn.engine.backends import Delegate
from edge_srcnn.engine.build import network_of
from edge_srcnn.engine.packing import halo, pack
from edge_srcnn.engine.plan import Blocks
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.models.edgetpu import TpuForm
from edge_srcnn.models.file import Model, seal_model
from edge_srcnn.upscaler import read_named
from tests.edge_srcnn.delegates.build import COMPILER, build

ROOT = Path(__file__).parents[3]
PLAIN = "srcnn-915-x2"
BLOCKS, TILE = Blocks((2, 2), (2, 2)), (64, 64)
NAMES = ("idle", "refuses", "other", "copies")


@dataclass(frozen=True)
class Libraries:
    """The delegates, by name: paths and, with options, what the engine takes."""

    folder: Path

    def path(self, name: str) -> str:
        return str(self.folder / f"{name}.so")

    def delegate(self, name: str, **options: object) -> Delegate:
        return Delegate(self.path(name), tuple((key, str(value)) for key, value in options.items()))


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Libraries:
    """Compiled once; skips where there is no compiler."""
    if COMPILER is None:
        pytest.skip("there is no C compiler 'cc' to build delegates with")
    folder = tmp_path_factory.mktemp("delegates")
    for name in NAMES:
        build(folder / f"{name}.so", f"{name}.c")
    build(folder / "coral" / "libedgetpu.so.1", "edgetpu.c", "-Wl,-soname,libedgetpu.so.1")
    return Libraries(folder)


@pytest.fixture
def coral(libraries: Libraries, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Processes that are started find the stand-in for libedgetpu, with one device; ``coral.setenv`` changes it."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(libraries.folder / "coral"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CORAL_DEVICES", "usb:/sys/bus/usb/devices/2-1")
    return monkeypatch


def children(process: int | str = "self") -> list[int]:
    """Processes that one has, zombies among them."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found += [int(each) for each in (task / "children").read_text().split()]
    return found


def in_shared_memory() -> set[str]:
    """What lies there; the semaphores of Dask's clusters apart, which other tests start: ours has none."""
    return {name for name in os.listdir("/dev/shm") if not name.startswith("sem.mp-")}


@pytest.fixture
def traces() -> Iterator[SimpleNamespace]:
    """What there is now; after the test nothing more may be there."""
    before = SimpleNamespace(
        children=children(), shared=in_shared_memory(), descriptors=len(os.listdir("/proc/self/fd"))
    )
    yield before
    assert set(children()) <= set(before.children)
    assert in_shared_memory() <= before.shared
    assert len(os.listdir("/proc/self/fd")) <= before.descriptors


def form_of(model: Model) -> TpuForm:
    """What ``edge-srcnn export --edgetpu`` makes, in small tiles: only convolutions, which processors run too."""
    network = network_of(model)
    assert network.unshuffle == 1, "cells are pixels"
    around = halo(network.graph, BLOCKS, views=False)
    packed = write_graph(pack(network.graph, BLOCKS, TILE, views=False, shuffle=network.shuffle))
    return TpuForm(packed, BLOCKS.inner, TILE, around, upsampling=network.upsampling)


@pytest.fixture
def compiled_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a model's file, that of ``PLAIN`` or of another: as good as compiled, or with ``None`` not yet."""

    def write(compiler: str | None = "16.0.384591198", name: str = PLAIN, model: Model | None = None) -> Path:
        plain = model or read_named(name, 2)
        path = tmp_path / "model.tflite"
        form = replace(form_of(plain), compiler=compiler)
        path.write_bytes(seal_model(plain.spec, plain.graph, plain.golden, form))
        return path

    return write
