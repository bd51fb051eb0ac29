"""Drawn pictures, published weights, and a small network that is trained once for all tests of the workstation side."""

import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads and TensorFlow's wait for each other on a busy machine
import keras
import numpy as np
import pytest
from PIL import Image

from edge_srcnn.imaging.luma import UInt8Array
from export.architectures import Architecture, Layer, find_architecture
from export.data.pairs import Float32Array, Split, load_split
from export.data.patch_spec import PatchSpec, patch_spec
from export.int8 import convert as quantization
from export.int8.convert import convert, representative_dataset
from export.training.network import layers_of
from export.training.plan import TrainingPlan
from export.training.train import Trained, train
from tests.export.trainings import SPEC

Draw = Callable[..., UInt8Array]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever is the first to want a trained network trains it."""
    for item in items:
        if {"small", "fast", "either"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def _imports_are_not_garbage() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def few_representatives() -> Iterator[None]:
    """Quantizes by an eighth of the inputs that a shipped network gets: the networks here are as small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantization, "N_REPRESENTATIVE", quantization.N_REPRESENTATIVE // 8)
        yield


@pytest.fixture
def prompt_clean_up(_imports_are_not_garbage: None) -> Iterator[None]:
    """Ends the threads of TensorFlow's datasets now: on a busy machine, ending old ones can take a minute."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draws a plane of discs and bars with soft edges, uint8 ``[h, w]``: sharp, textured, different for each seed."""

    def drawn(seed: int, height: int = 160, width: int = 160) -> UInt8Array:
        rng = np.random.default_rng(seed)
        y, x = np.indices((height, width), dtype=np.float64)
        plane = np.full((height, width), float(rng.integers(60, 190)))
        for _ in range(60):
            dy, dx, radius = y - rng.integers(height), x - rng.integers(width), rng.integers(4, 24)
            angle = rng.uniform(0, np.pi)
            across, along = dy * np.cos(angle) + dx * np.sin(angle), dx * np.cos(angle) - dy * np.sin(angle)
            distance = np.hypot(dy, dx) if rng.random() < 0.5 else np.maximum(abs(across), abs(along))
            cover = np.clip(radius - distance, 0, 1)
            plane = plane * (1 - cover) + cover * rng.integers(10, 245)
        return plane.round().astype(np.uint8)

    return drawn


@pytest.fixture(scope="session")
def pictures(draw: Draw, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six textured PNG pictures, three of them in colour."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(6):
        grey = draw(seed)
        colour = np.stack([grey, draw(seed + 100), 255 - grey], axis=-1)
        Image.fromarray(colour if seed % 2 else grey).save(folder / f"{seed}.png")
    return folder


@dataclass(frozen=True)
class Small:
    """A small network, trained for seconds, and everything it was made of."""

    architecture: Architecture
    spec: PatchSpec
    split: Split
    plan: TrainingPlan
    trained: Trained
    layers: tuple[Layer, ...]
    representative: list[Float32Array]
    float32: bytes
    int8: bytes


def trained_for_seconds(architecture: Architecture, plan: TrainingPlan, pictures: Path, folder: Path) -> Small:
    spec = patch_spec(architecture)
    split = load_split([pictures], spec)
    trained = train(architecture, spec, split, plan, folder)
    layers = layers_of(trained.model)
    representative = representative_dataset(split.train, architecture)
    return Small(
        architecture=architecture,
        spec=spec,
        split=split,
        plan=plan,
        trained=trained,
        layers=layers,
        representative=representative,
        float32=convert(layers, architecture),
        int8=convert(layers, architecture, representative),
    )


@pytest.fixture(scope="session")
def small(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Small:
    plan = TrainingPlan(steps=90, batch=16, epoch_steps=30, learning_rate=5e-3)
    architecture = find_architecture("srcnn-915", filters=(8, 4))
    return trained_for_seconds(architecture, plan, pictures, tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="session")
def fast(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The same on the camera's grid, in blocks of 2x2 pixels: both ends are shuffled."""
    plan = TrainingPlan(steps=60, batch=16, epoch_steps=30, learning_rate=2e-2)
    architecture = find_architecture("fast-c8d2b2")
    return trained_for_seconds(architecture, plan, pictures, tmp_path_factory.mktemp("training"))


@pytest.fixture(params=["small", "fast"])
def either(request: pytest.FixtureRequest) -> Small:
    """A network of each family."""
    made: Small = request.getfixturevalue(request.param)
    return made


@pytest.fixture(scope="module")
def split(pictures: Path) -> Split:
    return load_split([pictures], SPEC)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, draw: Draw) -> Path:
    """Four pictures, and one that is none."""
    folder = tmp_path_factory.mktemp("data") / "holidays"
    folder.mkdir()
    for seed in range(4):
        Image.fromarray(draw(seed, 100, 110)).save(folder / f"{seed}.png")
    (folder / "broken.png").write_text("hello")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published weights that pass the picture through."""
    convolutions = [
        keras.layers.Conv2D(n, k, activation=a) for n, k, a in ((4, 9, "relu"), (2, 1, "relu"), (1, 5, None))
    ]
    model = keras.Sequential([keras.Input((None, None, 1)), *convolutions])
    for layer in model.layers:
        kernel, bias = (np.zeros_like(w) for w in layer.get_weights())
        kernel[kernel.shape[0] // 2, kernel.shape[1] // 2, 0, 0] = 1
        layer.set_weights([kernel, bias])
    path = tmp_path_factory.mktemp("weights") / "trained_SRCNN.weights.h5"
    model.save_weights(path)
    return path
