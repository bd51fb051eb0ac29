"""From options to a ladder: which models it has, and what it remembers; with real engines."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from edge_srcnn.engine.backends import Delegate
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.tuning_cache import cache_file
from edge_srcnn.errors import NoInput
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.frame_upscaler import RegionControl, RegionUpscaler
from edge_srcnn.live.ladder_upscaler import LadderUpscaler
from edge_srcnn.live.upscaler import Upscalers
from edge_srcnn.system.temperature import Heat
from edge_srcnn.upscaler import Upscaler, load_model
from tests.edge_srcnn.bundles import make_ladder
from tests.edge_srcnn.live.ladder_parts import wait_for_maker
from tests.edge_srcnn.live.pipeline_parts import wait_for

SLOW = Fraction(1, 100)  # frames a second: there is room for anything


@pytest.fixture(scope="module")
def ladder_bundle(tmp_path_factory):
    return make_ladder(tmp_path_factory.mktemp("ladder") / "models")


@pytest.fixture(autouse=True)
def bundled(ladder_bundle, tmp_path, monkeypatch):
    """Three models of a ladder are what is bundled, and nothing was measured yet."""
    monkeypatch.setattr("edge_srcnn.models.bundled.BUNDLED", ladder_bundle)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def live():
    """Make what enhances a live source that has time for any model."""
    made = []

    def make(model=None, asked=None, **options):
        heat = lambda: Heat(None, ())  # noqa: E731
        made.append(Upscalers(model, asked or EngineOptions(), **{"rate": lambda: SLOW, "heat": heat} | options).make())
        return made[-1]

    yield make
    for upscaler in made:
        upscaler.close()


def frame(index: int, size=(24, 16)) -> Frame:
    luma = np.random.default_rng(index).integers(0, 256, size[::-1], np.uint8)
    return Frame(luma, None, Colour(), index, index / 10, index / 10)


def feed(upscaler, frames: int = 2) -> Frame:
    """Give it some frames, and let what they begin in another thread end."""
    for index in range(frames):
        enhanced = upscaler.upscale_frame(frame(index))
        wait_for_maker(upscaler)
    return enhanced


def test_auto_begins_with_the_fastest_and_goes_to_the_best_that_has_room(live):
    upscaler = live()
    assert upscaler.model == "fast-s-x2"
    feed(upscaler, 1)
    upscaler.upscale_frame(frame(1))
    assert upscaler.model == "fast-l-x2"
    assert upscaler.ladder.models == ("fast-s-x2", "fast-m-x2", "fast-l-x2")


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"reuse": True}, {"isolate": True}], ids=str)
def test_after_a_step_the_bytes_are_those_of_the_model_that_is_told(live, options):
    upscaler = live(asked=EngineOptions(**options))
    enhanced = feed(upscaler)
    assert upscaler.model == "fast-l-x2"
    with load_model("fast-l-x2") as alone:
        assert (enhanced.luma == alone.upscale(frame(1).luma)).all()


@pytest.mark.slow
def test_times_are_remembered_where_nothing_but_the_models_decides_on_them(live):
    feed(live(asked=EngineOptions(threads=1)))
    feed(live(roi=RegionControl((0, 0, 8, 8))))
    assert not cache_file().exists()
    feed(live())
    assert cache_file().read_text().count('"milliseconds"') == 3
    again = live()
    feed(again)
    assert again.model == "fast-l-x2"


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(live, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    upscaler = live()
    feed(upscaler)
    assert upscaler.model == "fast-l-x2"


def test_a_named_model_has_no_ladder(live, ladder_bundle):
    for name in ("fast-m-x2", str(ladder_bundle / "fast-m-x2.tflite")):
        upscaler = live(name)
        feed(upscaler, 3)
        assert upscaler.model == "fast-m-x2"
        assert upscaler.ladder.models == ("fast-m-x2",)


def test_the_region_goes_from_candidate_to_candidate(live):
    upscaler = live(roi=RegionControl((4, 4, 12, 8)))
    feed(upscaler)
    assert upscaler.model == "fast-l-x2"
    assert isinstance(upscaler._upscaler, RegionUpscaler)
    assert upscaler.share == pytest.approx(12 * 8 / (24 * 16))


def test_a_rate_that_is_to_be_kept_is_the_target_unless_the_camera_is_slower(live):
    for keep, rate, target in [(Fraction(15), Fraction(30), 15.0), (Fraction(60), Fraction(30), 30.0)]:
        assert live(keep_fps=lambda keep=keep: keep, rate=lambda rate=rate: rate).ladder.target_fps == target
    assert live(keep_fps=lambda: Fraction(15), rate=lambda: None).ladder.target_fps == 15.0


def test_bicubic_alone_has_no_ladder(live):
    assert isinstance(live(asked=EngineOptions("bicubic")), Upscaler)


def test_a_delegate_has_the_best_live_model_and_no_ladder():
    # which is not made here: a machine that has such a library is needed for that
    upscalers = Upscalers(options=EngineOptions(delegate=Delegate("/usr/lib/libvx_delegate.so")))
    assert upscalers.models == ("fast-l-x2",)
    assert Upscalers(options=EngineOptions("edgetpu")).models == ("fast-l-x2",)


def test_the_candidate_stays_when_it_is_made_anew(live):
    upscalers = Upscalers(rate=lambda: SLOW, heat=lambda: Heat(None, ()))
    first = upscalers.make()
    feed(first)
    again = upscalers.make()
    assert isinstance(again, LadderUpscaler)
    assert (first.model, again.model) == ("fast-l-x2", "fast-l-x2")
    for each in (first, again):
        each.close()


def test_a_model_that_is_not_there_is_told_at_once(live, tmp_path):
    with pytest.raises(NoInput, match="nowhere"):
        live(str(Path("nowhere.tflite")))


def test_a_closed_one_lets_go_of_all(live):
    upscaler = live()
    feed(upscaler, 1)
    engine = upscaler._upscaler
    upscaler.close()
    wait_for(lambda: engine._luma is None)
