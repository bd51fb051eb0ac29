"""What a model of one's own is called: never as a bundled one, and short where its training was."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_srcnn.errors import UsageError
from edge_srcnn.models.bundled import BUNDLED, bundled_models, own_name
from edge_srcnn.models.file import read_model
from export.architectures import find_architecture
from export.job import ExportJob
from export.packaging import nearest_bundled
from export.run import named_by_result
from export.training.checkpoints import TrainingState
from export.training.plan import TrainingPlan, is_short


def job(network: str, *, scale: int = 2, **options: object) -> ExportJob:
    plan = TrainingPlan(**{"steps": 20000, **options.pop("plan", {})})  # type: ignore[arg-type]
    return ExportJob(find_architecture(network, scale), plan, Path("out"), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (job("fast-m"), "fast-m-x2-own"),
        (job("srcnn-915", scale=3), "srcnn-915-x3-own"),
        (job("fast-m", degradation="camera"), "fast-m-x2-camera-own"),
        (job("fast-c16d4"), "fast-c16d4-x2"),
        (job("fast-m", degradation="cv2"), "fast-m-x2-cv2"),
        (job("fast-m", is_short=True), "fast-m-x2-short"),
        (job("fast-c16d4", is_short=True), "fast-c16d4-x2-short"),
        (job("fast-m", called="mine"), "mine"),
        (job("fast-m", called="mine", is_short=True), "mine"),
    ],
)
def test_a_model_is_named_by_its_network_and_never_as_a_bundled_one(made: ExportJob, name: str) -> None:
    assert made.name == name
    assert name not in bundled_models()
    assert made.targets()["int8"] == Path("out") / f"{name}.tflite"
    assert made.training_folder.name.startswith(made.architecture.name)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["fast-m-x2-own"]),
        ({"plan": {"steps": 300}}, ["fast-m-x2-short"]),
        ({"plan": {"steps": 1000}, "start_from": Path("a.tflite")}, ["fast-m-x2-own"]),
        ({"plan": {"steps": 1000}, "teachers": (Path("a.tflite"),)}, ["fast-m-x2-own"]),
        ({"plan": {"steps": None, "minutes": 5}}, ["fast-m-x2-own", "fast-m-x2-short"]),
        ({"plan": {"steps": 300}, "called": "mine"}, ["mine"]),
        ({"plan": {"steps": 300}, "weights": Path("a.h5")}, ["fast-m-x2-own"]),
    ],
)
def test_what_may_come_of_a_job_is_known_before_it_begins(options: dict[str, object], names: list[str]) -> None:
    assert [each.name for each in job("fast-m", **options).possible] == names


@pytest.mark.parametrize(
    ("steps", "begun", "short"),
    [(4999, False, True), (5000, False, False), (999, True, True), (1000, True, False)],
)
def test_a_training_is_short_below_5000_steps_or_1000_that_begin_with_trained_weights(
    steps: int, begun: bool, short: bool
) -> None:
    assert is_short(steps, begun=begun) is short


@pytest.mark.parametrize("name", [*bundled_models(), "auto", "", " ", "a/b", "a\n"])
def test_a_name_of_a_bundled_model_or_none_at_all_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"give (another )?--name, such as "):
        own_name(name)


def test_the_folder_of_the_bundled_models_is_refused() -> None:
    with pytest.raises(UsageError, match="the bundled models' folder, which an upgrade replaces; give another -o"):
        replace(job("fast-m"), output=BUNDLED)


@pytest.mark.parametrize(
    ("network", "scale", "degradation", "bundled"),
    [
        ("fast-m", 2, "bicubic", "fast-m-x2"),
        ("fast-m", 2, "camera", "fast-m-x2-camera"),
        ("fast-c16d4", 3, "bicubic", "fast-m-x3"),
        ("fast-s", 1, "camera", "fast-s-x1-camera"),
        ("srcnn-955", 4, "bicubic", "srcnn-955-x4"),
        ("fast-c8d3", 2, "bicubic", "fast-s-x2"),
        ("fast-m", 2, "cv2", "fast-m-x2"),
    ],
)
def test_it_is_compared_with_the_bundled_model_of_its_scale_and_kind_that_does_about_as_much_work(
    network: str, scale: int, degradation: str, bundled: str
) -> None:
    assert nearest_bundled(find_architecture(network, scale), degradation) == bundled


@pytest.mark.parametrize(
    ("network", "graph", "steps", "name"),
    [
        ("fast-s", "fast-s-x2", 12000, "fast-s-x2"),
        ("fast-s", "fast-s-x2", 300, "fast-s-x2"),
        ("fast-s", "fast-m-x2", 12000, "fast-s-x2-own"),
        ("fast-s", "fast-m-x2", 300, "fast-s-x2-short"),
    ],
)
def test_the_name_of_a_bundled_model_is_for_the_very_same_network_alone(
    network: str, graph: str, steps: int, name: str
) -> None:
    graphs = {"int8": read_model(bundled_models()[graph]).graph}
    assert named_by_result(job(network), TrainingState(step=steps), graphs).name == name
