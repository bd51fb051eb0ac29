"""Settings that change while frames go on: each reaches the frames, and one that makes no sense changes nothing."""

import threading

import numpy as np
import pytest

from edge_srcnn.errors import Conflict, EdgeSrcnnError, UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.service.changes import CHANGEABLE
from edge_srcnn.service.settings import Config, Enhance
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.service.controlled import CARD, FPS, SIZE, card, controlled, turned
from tests.edge_srcnn.service.parts import wait_until

pytestmark = pytest.mark.slow

REGION = (16, 8, 24, 16)
ROI = ",".join(map(str, REGION))
EVERYWHERE = {"temporal": "off", "roi": None, "rotate": 0, "hflip": False, "vflip": False, "crop": None, "fps": None}


@pytest.fixture(scope="module")
def service():
    with controlled() as running:
        yield running


def after(service, **changes):
    """The first result that was taken by the camera after a change; what other tests changed is undone."""
    told = service.control.change({"model": "fast-s-x2", "strength": 1.0} | EVERYWHERE | changes)
    assert (
        {name: told[name] for name in changes} == changes == {name: service.control.values()[name] for name in changes}
    )
    service.result_that(lambda result: service._upscaler.model == told["model"])
    seen = service.result().original.index
    return service.result_that(lambda result: result.original.index > seen + 3)


TURNS = [
    *({"rotate": degrees} for degrees in (90, 180, 270)),
    *({"hflip": True}, {"vflip": True}, {"hflip": True, "vflip": True, "rotate": 90}),
    *({"crop": "8,4,40,30"}, {"crop": "9,5,31,33", "rotate": 270, "hflip": True}),
]


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_rotation_mirroring_and_crop_reach_the_frames(service, turn):
    result = after(service, **turn)
    expected = turned(card(round(result.original.time_s * FPS)), **turn)
    assert np.array_equal(result.original.luma, expected)
    assert result.frame.size == (2 * expected.shape[1], 2 * expected.shape[0])
    assert service.supervisor.state().size_in == result.original.size


@pytest.mark.parametrize("model", ["fast-m-x2", "srcnn-915-x2", "fast-s-x3", "fast-s-x1-camera"])
def test_another_model_gives_the_pixels_that_it_gives_to_a_picture(service, model):
    result = after(service, model=model)
    with load_model(model, strength=1) as alone:
        assert np.array_equal(result.frame.luma, alone.upscale(np.ascontiguousarray(result.original.luma)))
    assert service.supervisor.state().model == model
    assert result.scale == service.supervisor.state().size_out[0] / SIZE[0]


def test_strength_0_is_bicubic_and_another_is_that_of_a_picture(service):
    result = after(service, strength=0.0)
    assert np.array_equal(result.frame.luma, upscale_bicubic(result.original.luma, 2))
    result = after(service, strength=1.5)
    with load_model("fast-s-x2", strength=1.5) as alone:
        assert np.array_equal(result.frame.luma, alone.upscale(np.ascontiguousarray(result.original.luma)))
    assert service.supervisor.state().strength == 1.5


def test_outside_of_a_region_it_is_bicubic(service):
    result = after(service, roi=ROI)
    left, top, width, height = (2 * side for side in REGION)
    outside = np.ones(result.frame.luma.shape, bool)
    outside[top : top + height, left : left + width] = False
    differs = result.frame.luma != upscale_bicubic(result.original.luma, 2)
    assert not differs[outside].any() and differs[~outside].any()
    share = REGION[2] * REGION[3] / (SIZE[0] * SIZE[1])
    assert service.supervisor.state().enhanced_share == pytest.approx(share)


def test_the_rate_is_capped_and_the_ladder_is_told(service):
    after(service, fps=5.0)
    times = [service.result().frame.time_s for _ in range(4)]
    assert all(0.15 < gap < 0.6 for gap in np.diff(times))
    assert service.capture.rate == 5
    assert next(each for each in service.control.settings() if each.name == "fps").empty == "as the source's name says"
    assert service.control.change({"fps": None})["fps"] == 25
    wait_until(lambda: service.capture.rate == 25)
    service.control.change({"model": "auto", "keep_fps": 2})
    wait_until(lambda: service._keep_fps() == 2 and service.supervisor.state().ladder.target_fps == 2)
    service.control.change({"keep_fps": None})


def test_averaging_over_time_begins_and_ends(service):
    after(service, temporal="strong")
    assert service.supervisor.state().temporal.strength == "strong"
    result = after(service, temporal="off")
    assert service.supervisor.state().temporal.strength is None
    assert result.original is result.camera


def test_the_name_is_that_of_the_values_and_of_what_is_written_on_pictures(service):
    told = service.control.change({"name": "Garden"})
    assert told["name"] == service.config.service.name == "Garden"
    assert service.control.change({"name": None})["name"] is None


WRONG = {
    "unknown": ({"strenght": 1}, UsageError, "strenght: there is no such setting; did you mean strength?"),
    "too much": ({"strength": 1.6}, UsageError, "strength: cannot be 1.6; give 0 to 1.5 or auto"),
    "a text": ({"strength": "0.5"}, UsageError, "strength: cannot be 0.5; give"),
    "no number": ({"strength": float("nan")}, UsageError, "strength: cannot be nan"),
    "a boolean": ({"rotate": False}, UsageError, "rotate: cannot be False; give 0, 90, 180 or 270"),
    "degrees": ({"rotate": 45}, UsageError, "rotate: cannot be 45"),
    "a model": ({"model": "/etc/passwd"}, UsageError, "model: cannot be /etc/passwd; give auto, "),
    "null": ({"hflip": None}, UsageError, "hflip: cannot be None; give on or off"),
    "a list": ({"crop": [1, 2, 3, 4]}, UsageError, "crop: cannot be "),
    "no region": ({"roi": "1,2,3"}, UsageError, "roi: cannot be 1,2,3; give left,top,width,height or nothing"),
    "an empty region": ({"roi": "1,2,0,4"}, UsageError, "roi: cannot be 1,2,0,4"),
    "outside": ({"crop": "60,0,10,10"}, Conflict, "crop: 60,0,10,10 does not lie within the picture, which is 64x48"),
    "turned": ({"roi": "50,0,9,9", "rotate": 90}, Conflict, "roi: .* outside of the picture, which is 48x64"),
    "a long name": ({"name": "x" * 65}, UsageError, "name: cannot be xxxx"),
    "two lines": ({"name": "a\nb"}, UsageError, "name: cannot be "),
    "no sink": ({"recording": True}, Conflict, "recording: cannot be changed here: no sink records"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_sense_changes_nothing(service, case):
    changes, error, said = WRONG[case]
    before = service.control.values()
    with pytest.raises(error, match=said):
        service.control.change({"strength": 0.25 if before["strength"] != 0.25 else 0.5} | changes)
    assert service.control.values() == before


def test_every_setting_takes_what_it_says_and_what_it_is(service):
    settings, values = service.control.settings(), service.control.values()
    assert [each.name for each in settings] == list(values) == list(CHANGEABLE)
    assert set(bundled_models()) < set(settings[0].choices)
    for each in settings:
        each.check(values[each.name])
        assert each.takes
        for choice in each.choices:
            each.check(choice)
            assert each.read(str(choice)) == choice
    assert service.control.change(values) == values


def test_a_reload_says_what_the_file_says(service):
    service.control.change({"strength": 0.5, "rotate": 90, "fps": 5.0, "name": "Garden"})
    file = service.config
    service.reload(lambda: Config(CARD, file.sinks, Enhance("fast-s-x2", threads=1)))
    expected = {"strength": 1.0, "rotate": 0, "fps": 25, "name": None}
    assert {name: service.control.values()[name] for name in expected} == expected
    service.result_that(lambda result: result.original.size == SIZE)


@pytest.mark.parametrize("steady", [True, False], ids=["service", "run"])
def test_many_changes_from_many_threads_leave_no_frame_out(steady):
    """As ``run`` and as the service: an engine that fails would raise in the one, and be counted in the other."""
    models = ("fast-s-x2", "fast-m-x2", "fast-s-x3", "auto")
    with controlled(steady=steady) as service:
        refused = []

        def work(seed: int) -> None:
            dice = np.random.default_rng(seed)
            for _ in range(20):
                turn = {"rotate": int(dice.choice([0, 90, 180, 270])), "hflip": bool(dice.integers(2))}
                roi = {"roi": dice.choice([ROI, ""]).item() or None}
                try:
                    service.control.change({"model": str(dice.choice(models)), **turn, **roi})
                except EdgeSrcnnError as error:
                    refused.append(error)
                service.result()

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        last = service.control.change({"model": "fast-m-x3", "strength": 0.5})
        service.result_that(lambda result: service._upscaler.model == last["model"])
        state = service.supervisor.state()
        assert not refused
        assert (state.failed, state.engine_restarts, state.errors) == (0, 0, ())
        assert not [each for each in threading.enumerate() if each.name == "make engine"]


@pytest.mark.parametrize(("model", "usual"), [("fast-s-x2", 1.0), ("fast-s-x1-camera", "auto")])
def test_a_strength_that_nobody_asked_for_is_the_usual_one(model, usual):
    with controlled(model=model) as running:
        assert running.control.values()["strength"] == usual
