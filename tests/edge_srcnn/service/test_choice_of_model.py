"""Which model the service takes, by scale and by what gives the pictures; and that a reload chooses anew."""

import json
import signal
from contextlib import contextmanager
from dataclasses import replace

import pytest

from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import NoInput
from edge_srcnn.live.upscaler import Upscalers
from edge_srcnn.service.build import Service
from edge_srcnn.service.settings import Config, Enhance
from tests.edge_srcnn.bundles import CAMERA_MODEL
from tests.edge_srcnn.service.faulty_camera import FaultyCamera
from tests.edge_srcnn.service.parts import frame
from tests.edge_srcnn.service.running import config, running
from tests.edge_srcnn.web.serving import wait_until

CARD = "test:size=64x48,fps=15"
ANY_CAMERA = "picamera2:0?size=64x48"  # which is not opened here

in_this_process = pytest.mark.usefixtures("with_camera_model")


@contextmanager
def made(source, **enhance):
    """A service that does not run; ``chosen`` feeds its engine by hand."""
    service = Service(Config(source, ("null:",), Enhance(**enhance)))
    try:
        yield service
    finally:
        service._upscaler.close()


def chosen(service):
    """The model that sharpens the next frame."""
    assert service._upscaler.upscale_frame(frame()) is not None
    return service.supervisor.state().model


def reload(service, **changes):
    service.reload(lambda: replace(service.config, **changes))


@in_this_process
@pytest.mark.parametrize(
    ("source", "model"),
    [
        (ANY_CAMERA, CAMERA_MODEL),
        ("/dev/video0", CAMERA_MODEL),
        ("v4l2:/dev/video1?size=64x48", CAMERA_MODEL),
        ("rtsp://127.0.0.1/stream", CAMERA_MODEL),
        ("http://127.0.0.1/stream.mjpg", CAMERA_MODEL),
        (CARD, "srcnn-915-x2"),
        ("test:fps=max", "srcnn-915-x2"),
    ],
)
def test_cameras_get_the_model_for_cameras_and_everything_else_the_other(source, model):
    with made(source) as service:
        assert chosen(service) == model


@in_this_process
def test_without_a_model_for_cameras_of_that_scale_it_is_the_other():
    with made(ANY_CAMERA, scale=3) as service:
        assert chosen(service) == "srcnn-915-x3"


@in_this_process
def test_a_model_that_is_named_is_taken_whatever_gives_the_pictures():
    with made(ANY_CAMERA, model="srcnn-915-x2") as service:
        assert chosen(service) == "srcnn-915-x2"
    with made(CARD, model=CAMERA_MODEL) as service:
        assert chosen(service) == CAMERA_MODEL


@pytest.mark.slow
@in_this_process
def test_an_engine_of_its_own_process_and_the_ones_below_it_have_the_same_model():
    models = []
    for candidate in Upscalers(options=EngineOptions(reuse=True, isolate=True), camera=True, live=False).candidates():
        made = candidate.make()
        models.append(made.model)
        made.close()
    assert models == [CAMERA_MODEL, CAMERA_MODEL, None]  # the last is bicubic alone


@pytest.mark.slow
@in_this_process
def test_a_reload_that_goes_from_a_card_to_a_camera_and_back_changes_the_model():
    with made(CARD) as service:
        assert chosen(service) == "srcnn-915-x2"
        reload(service, source=ANY_CAMERA)
        assert chosen(service) == CAMERA_MODEL
        reload(service, source="/dev/video0")
        engine = service._upscaler._upscaler
        assert chosen(service) == CAMERA_MODEL
        reload(service, source="rtsp://127.0.0.1/stream")
        chosen(service)
        assert service._upscaler._upscaler is engine, "another camera needs no other engine"
        reload(service, source=CARD)
        assert chosen(service) == "srcnn-915-x2"


@in_this_process
def test_a_reload_leaves_a_named_model_in_peace():
    with made(CARD, model="srcnn-915-x3") as service:
        engine = service._upscaler._upscaler
        reload(service, source=ANY_CAMERA)
        assert chosen(service) == "srcnn-915-x3"
        assert service._upscaler._upscaler is engine
        reload(service, enhance=Enhance())
        assert chosen(service) == CAMERA_MODEL


@in_this_process
def test_a_source_that_stays_until_the_next_start_keeps_its_model():
    # a file is read to its end; the camera comes with the next start, and its model with it
    with made("test:fps=max") as service:
        reload(service, source=ANY_CAMERA)
        assert chosen(service) == "srcnn-915-x2"
        reload(service, enhance=Enhance(threads=1))
        assert chosen(service) == "srcnn-915-x2"


@in_this_process
def test_a_reload_with_an_unknown_model_changes_nothing():
    with made(CARD) as service:
        reload(service, source=ANY_CAMERA, enhance=Enhance(model="srcnn-915-x2-camra"))
        assert chosen(service) == "srcnn-915-x2"
        assert service.config.source == CARD
    with pytest.raises(NoInput, match=f"did you mean {CAMERA_MODEL}"), made(CARD, model="srcnn-915-x2-camra"):
        pass


@pytest.mark.slow
def test_the_running_service_tells_its_model_and_changes_it_on_sighup(tmp_path, camera_environment):
    for module in ("av", "aiohttp", "simplejpeg", "prometheus_client"):
        pytest.importorskip(module)
    with (
        FaultyCamera() as camera,
        running(tmp_path, config(CARD, engine="auto"), environment=camera_environment) as service,
    ):
        service.wait_for(lambda state: state["model"] == "srcnn-915-x2" and state["frames_out"] > 0)
        service.config.write_text(config(camera.uri(), engine="auto"))
        service.send(signal.SIGHUP)
        service.wait_for(lambda state: state["model"] == CAMERA_MODEL)
        wait_until(lambda: "configuration reloaded" in service.log)
        assert f"model {CAMERA_MODEL}, for camera pictures" in service.log
        service.send(signal.SIGUSR1)
        wait_until(lambda: f'"model": {json.dumps(CAMERA_MODEL)}' in service.log)
        service.stop()
        assert service.process.returncode == 0
