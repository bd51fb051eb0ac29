"""The ladder in the running service, seen over HTTP: load and heat come and go, and pictures go on."""

import json
import signal
from time import monotonic, sleep

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from tests.edge_srcnn.bundles import environment_of, make_ladder
from tests.edge_srcnn.service.running import Watcher, config, running
from tests.edge_srcnn.web.serving import get, metric, wait_until

pytestmark = pytest.mark.slow

SOURCE = "test:size=64x48,fps=5"

# A frame takes its real time, which is little at this size, and what the file "load" says for its model; sleeping
# takes no processor from others, so a slow machine sees the same. What takes seconds to decide takes tenths.
INJECTED = """
import json, pathlib, time
from edge_srcnn.live import governor
from edge_srcnn.system import temperature
from edge_srcnn.live import ladder_upscaler
from edge_srcnn.live import upscaler
governor.HOLD_S, governor.PATIENCE_S, governor.HEAT_SETTLE_S, ladder_upscaler.LOOK_S = 1.0, 2.0, 1.0, 0.5
governor.WINDOW_S = 20.0  # a machine that is busy otherwise may have used up its steps before the test begins
load = upscaler.load
def told():
    try:
        return json.loads(pathlib.Path("load").read_text())
    except (OSError, ValueError):
        return {}
def loaded(name, *options, **named):
    upscaler = load(name, *options, **named)
    real = upscaler.upscale_frame
    def slow(*arguments):
        time.sleep(told().get(name, 0.0))
        return real(*arguments)
    upscaler.upscale_frame = slow
    return upscaler
upscaler.load = loaded
temperature.HeatWatch.newest = lambda self: temperature.Heat(told().get("celsius", 50.0), ())
"""


@pytest.fixture(scope="module")
def ladder_environment(tmp_path_factory):
    """What processes need so that three models of a ladder are what is bundled."""
    return environment_of(make_ladder(tmp_path_factory.mktemp("ladder") / "models"), tmp_path_factory.mktemp("site"))


@pytest.fixture
def inject(tmp_path):
    """Say what frames take and how hot it is: ``inject(**{"fast-m-x2": 0.3}, celsius=85.0)``."""

    def write(**told: float) -> None:
        other = tmp_path / "load.new"
        other.write_text(json.dumps(told))
        other.replace(tmp_path / "load")

    write()
    return write


@pytest.fixture
def environment(tmp_path, ladder_environment):
    """The ladder, and a cache of this test's own."""
    return ladder_environment | {"XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def service(tmp_path, inject, environment):
    text = config(SOURCE, engine="auto", idle=True, more="statistics_s = 1\n")
    with running(tmp_path, text, instead=INJECTED, environment=environment) as service:
        yield service


def on(model):
    return lambda state: state["model"] == f"fast-{model}-x2"


def test_load_and_heat_step_down_and_their_end_up_again_without_a_gap(service, inject):
    with Watcher(service) as viewer:
        first_s = viewer.sees(live=True, since_s=0.0)
        service.wait_for(on("l"), 60)
        ladder = service.state()["ladder"]
        assert ladder["models"] == ["fast-s-x2", "fast-m-x2", "fast-l-x2"]
        assert ladder["index"] == 2
        begun_s = monotonic()

        inject(**{"fast-l-x2": 0.4})  # of 0.2 s
        service.wait_for(on("m"))
        assert service.state()["ladder"]["last_step"].startswith("stepped down: ")
        assert metric(service, "edge_srcnn_active_model", model="fast-m-x2") == 1
        assert metric(service, "edge_srcnn_active_model", model="fast-l-x2") == 0
        assert metric(service, "edge_srcnn_ladder_steps_total", direction="down", reason="behind") >= 1
        wait_until(lambda: "fast-m-x2: stepped down: " in service.log)

        inject(celsius=82.0)
        service.wait_for(on("s"))
        assert service.state()["ladder"]["last_step"] == "stepped down: 82 °C"
        service.wait_for(lambda state: state["status"] == "the processor is hot or throttled: 82 °C")
        assert service.state()["phase"] == "degraded"

        inject()
        service.wait_for(on("m"), 90)
        service.wait_for_phase("live")
        assert service.state()["ladder"]["last_step"].startswith("stepped up: ")
        steps = {(each["direction"], each["reason"]) for each in service.state()["ladder"]["steps"]}
        assert steps == {("down", "behind"), ("down", "hot"), ("up", "room")}
        gap_s = viewer.longest_gap_s(begun_s)
    assert first_s - service.began_s < 20
    # the load itself makes frames of 0.4 s; a step adds nothing that is seen on a machine that is busy otherwise, too
    assert gap_s < 0.4 + 0.2 + 1.0


def test_what_was_measured_is_chosen_at_once_after_a_new_start(tmp_path, service, environment):
    with Watcher(service):
        service.wait_for(on("l"), 60)
    kept = json.loads((tmp_path / "cache" / "edge-srcnn" / "tuned.json").read_text())
    assert len(kept["measured"]) == 3
    assert {(each["height"], each["width"]) for each in kept["measured"]} == {(96, 128)}
    service.stop()
    text = service.config.read_text()
    with running(tmp_path / "again", text, instead=INJECTED, environment=environment) as again, Watcher(again):
        again.wait_for(on("l"))
        assert again.state()["ladder"]["steps"] == []


def test_a_reload_with_a_named_model_leaves_the_ladder_and_back_again_enters_it(service, inject):
    with Watcher(service):
        service.wait_for(on("l"))
        text = service.config.read_text()
        service.config.write_text(text.replace("[enhance]\n", '[enhance]\nmodel = "fast-s-x2"\n'))
        service.send(signal.SIGHUP)
        service.wait_for(lambda state: state["model"] == "fast-s-x2" and state["ladder"]["models"] == ["fast-s-x2"])
        inject(**{"fast-s-x2": 0.5})
        wait_until(lambda: "fast-s-x2 is too slow" in service.log, 30)
        inject()
        service.config.write_text(text)
        service.send(signal.SIGHUP)
        service.wait_for(on("l"))
        assert service.log.count("is too slow") == 1


def test_nobody_computes_what_nobody_takes_and_the_first_viewer_sees_the_present(service):
    service.wait_for_phase("idle")
    service.wait_for(lambda state: state["idle_frames"] > 3)
    state = service.state()
    assert (state["idle"], state["frames_out"], state["fps_out"], state["signal"]) == (True, 0, 0.0, True)
    assert state["dropped"] + state["idle_frames"] <= state["frames_in"]
    assert metric(service, "edge_srcnn_idle") == 1
    assert metric(service, "edge_srcnn_frames_idle_total") > 3
    wait_until(lambda: service.systemd.status == "idle: nobody looks, and nothing is recorded")
    assert get(service, "/healthz").status == 200

    asked_s = monotonic()
    answer = get(service, "/snapshot.jpg")
    assert answer.status == 200 and answer.headers["X-Signal"] == "live"
    assert float(answer.headers["X-Timestamp"]) > 0
    assert monotonic() - asked_s < 10
    service.wait_for(lambda state: state["frames_out"] >= 1)  # it is counted when all sinks have it
    service.wait_for_phase("idle")

    with Watcher(service) as viewer:
        viewer.sees(live=True, since_s=0.0)
        service.wait_for_phase("live")
    service.wait_for_phase("idle")  # some seconds after the last one has left
    out = service.state()["frames_out"]
    sleep(1)
    assert service.state()["frames_out"] == out
    wait_until(lambda: ", idle, " in service.log)


def test_who_looks_at_the_cameras_picture_only_wakes_no_network(service):
    service.wait_for_phase("idle")
    plain = get(service, "/snapshot.jpg?view=bicubic")
    assert (plain.status, plain.headers["X-View"]) == (200, "bicubic")
    assert service.state()["frames_out"] == 0
