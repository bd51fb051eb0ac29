"""The service's strength: less of it for noisy cameras by itself, what is asked for, and another one without a gap."""

import io
import json
import signal
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")
pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.service.build import Service
from edge_srcnn.service.settings import Config, Enhance
from tests.edge_srcnn.noise import NoisyScene
from tests.edge_srcnn.service.faulty_camera import FaultyCamera
from tests.edge_srcnn.service.running import running
from tests.edge_srcnn.web.serving import get

CARD = "test:size=64x48,fps=15"
ANY_CAMERA = "rtsp://127.0.0.1/stream"  # which is not opened here
NOISY, CLEAN = NoisyScene((48, 64), 12.0), NoisyScene((48, 64), 0.5)


@contextmanager
def made(source, **enhance):
    """A service that does not run; ``shown`` feeds its engine by hand."""
    service = Service(Config(source, ("null:",), Enhance(**{"model": "fast-s-x2"} | enhance)))
    try:
        yield service
    finally:
        service._upscaler.close()


def shown(service, scene, frames=200):
    """The strength after so many frames of a scene."""
    for _ in range(frames):
        assert service._upscaler.upscale_frame(scene.frame()) is not None
    return service.supervisor.state().strength


def reload(service, **changes):
    service.reload(lambda: replace(service.config, **changes))


@pytest.mark.slow
def test_a_camera_that_is_too_noisy_for_the_model_is_sharpened_less_and_a_card_is_not():
    with made(ANY_CAMERA) as service:
        assert shown(service, CLEAN, 1) == 1
        assert shown(service, NOISY) == 0
        assert shown(service, CLEAN) == 1
    with made(CARD) as service:
        assert shown(service, NOISY, 20) == 1
    with made(CARD, strength="auto") as service:
        assert shown(service, NOISY) == 0


@pytest.mark.parametrize("asked", ["0", "0.5", "1", "1.5"])
def test_what_is_asked_for_holds_for_a_noisy_camera_too(asked):
    with made(ANY_CAMERA, strength=asked) as service:
        assert shown(service, NOISY, 3) == float(asked)


def test_a_reload_takes_another_strength_and_leaves_the_engine():
    with made(ANY_CAMERA, strength="1.5") as service:
        assert shown(service, CLEAN, 1) == 1.5
        engine = service._upscaler._upscaler
        for asked, expected in (("0.25", 0.25), ("auto", 1.0), (None, 1.0), ("0", 0.0)):
            reload(service, enhance=replace(service.config.enhance, strength=asked))
            assert shown(service, CLEAN, 1) == expected
        assert service._upscaler._upscaler is engine
        reload(service, enhance=replace(service.config.enhance, model="fast-s-x3"))
        assert shown(service, CLEAN, 1) == 0.0
        assert service._upscaler._upscaler is not engine


def test_a_reload_that_goes_from_a_card_to_a_camera_minds_its_noise():
    with made(CARD) as service:
        assert shown(service, NOISY, 5) == 1
        reload(service, source=ANY_CAMERA)
        assert shown(service, NOISY) == 0


def config(source, **enhance):
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in enhance.items())
    sinks = 'sinks = ["http://127.0.0.1:0#quality=100", "null:"]'
    return f'source = {json.dumps(source)}\n{sinks}\n[enhance]\nmodel = "fast-s-x2"\nthreads = 1\n{lines}'


def reconfigure(service, text):
    service.config.write_text(text)
    service.send(signal.SIGHUP)


def luma(service, view):
    with Image.open(io.BytesIO(get(service, f"/snapshot.jpg?view={view}").body)) as picture:
        return np.asarray(picture.convert("L"))


@pytest.mark.slow
def test_a_noisy_camera_is_sharpened_less_until_its_frames_are_averaged(tmp_path):
    scene = NoisyScene((120, 160), 6.0)
    with FaultyCamera(rate=25) as camera:
        camera.show([scene.jpeg() for _ in range(101)])
        with running(tmp_path, config(camera.uri(), temporal="off")) as service:
            service.wait_for(lambda state: state["strength"] < 0.5)
            assert f"edge_srcnn_strength_ratio {service.state()['strength']}" in get(service, "/metrics").text
            reconfigure(service, config(camera.uri(), temporal="auto"))
            service.wait_for(lambda state: state["strength"] > 0.8)
            reconfigure(service, config(camera.uri(), temporal="auto", strength=0))
            service.wait_for(lambda state: state["strength"] == 0)
            state = service.state()
            assert (state["engine_restarts"], state["camera_losses"]) == (0, 0)
            enhanced, bicubic = luma(service, "enhanced"), luma(service, "bicubic")
            assert np.abs(enhanced.astype(int) - bicubic).mean() < 1  # two frames of a scene that is averaged
