"""A noisy network camera that stands still: the service averages it, reuses tiles, and tells of it."""

import io
import json
import signal

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")
pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.imaging.bicubic import upscale_bicubic
from tests.edge_srcnn.noise import SIGMA, NoisyScene
from tests.edge_srcnn.service.faulty_camera import FaultyCamera
from tests.edge_srcnn.service.running import Watcher, running
from tests.edge_srcnn.web.serving import get, wait_until

pytestmark = pytest.mark.slow

SIZE = 240, 320


def config(source, *, temporal=None, engine="auto"):
    setting = "" if temporal is None else f'temporal = "{temporal}"\n'
    return (
        f'source = {json.dumps(source)}\nsinks = ["http://127.0.0.1:0#quality=100", "null:"]\n'
        f'[enhance]\nmodel = "fast-s-x2"\nengine = "{engine}"\nthreads = 1\n{setting}[service]\nstatistics_s = 1\n'
    )


def luma(service, view):
    with Image.open(io.BytesIO(get(service, f"/snapshot.jpg?view={view}").body)) as picture:
        return np.asarray(picture.convert("L"))


@pytest.fixture(scope="module")
def scene():
    return NoisyScene(SIZE)


@pytest.fixture
def camera(scene):
    with FaultyCamera(rate=25) as camera:
        camera.show([scene.jpeg() for _ in range(101)])
        yield camera


def test_noise_falls_tiles_are_reused_and_the_camera_is_seen_as_it_is(tmp_path, camera, scene):
    with running(tmp_path, config(camera.uri())) as service:
        service.wait_for(lambda state: state["temporal"]["noise"] is not None and (state["still_share"] or 0) > 0.5)
        state = service.state()
        assert (state["temporal"]["strength"], state["temporal"]["passing"]) == ("normal", None)
        assert state["temporal"]["noise"] == pytest.approx(SIGMA, rel=0.2)
        assert state["temporal"]["still"] > 0.9
        seen = luma(service, "camera")
        assert seen.shape == SIZE
        assert scene.error(seen) == pytest.approx(SIGMA, rel=0.15)
        base = luma(service, "bicubic")
        assert np.std(base - upscale_bicubic(scene.scene.astype(np.float32), 2)) < SIGMA / 3
        text = get(service, "/metrics").text
        for name in ("noise_grey_levels", "still_ratio", "temporal_seconds", "temporal_active 1.0"):
            assert f"edge_srcnn_{name}" in text
        wait_until(lambda: " still, " in service.log)


def test_temporal_off_shows_what_the_camera_gives_and_a_reload_turns_it_on(tmp_path, camera, scene):
    with running(tmp_path, config(camera.uri(), temporal="off")) as service:
        service.wait_for(lambda state: state["frames_out"] > 30)
        state = service.state()
        assert state["temporal"]["strength"] is None
        assert state["still_share"] == pytest.approx(0, abs=0.05)
        base, seen = luma(service, "bicubic"), luma(service, "camera")
        assert scene.error(seen) == pytest.approx(SIGMA, rel=0.15)
        assert np.std(base - upscale_bicubic(scene.scene.astype(np.float32), 2)) > SIGMA / 2
        assert "edge_srcnn_temporal_active 0.0" in get(service, "/metrics").text
        losses, model = state["camera_losses"], state["model"]
        service.config.write_text(config(camera.uri(), temporal="strong"))
        service.send(signal.SIGHUP)
        service.wait_for(lambda state: state["temporal"]["strength"] == "strong" and state["temporal"]["still"] > 0.9)
        state = service.state()
        assert (state["camera_losses"], state["model"]) == (losses, model)  # nothing was opened anew


def test_a_camera_that_changes_its_size_and_one_that_comes_back_begin_anew(tmp_path, camera):
    with running(tmp_path, config(camera.uri(timeout_s=5), engine="bicubic")) as service, Watcher(service) as watcher:
        service.wait_for(lambda state: state["temporal"]["still"] > 0.9)
        other = NoisyScene((120, 160))
        camera.show([other.jpeg() for _ in range(51)])
        service.wait_for(lambda state: state["size_in"] == [160, 120] and state["temporal"]["still"] > 0.9)
        assert other.error(luma(service, "camera")) == pytest.approx(SIGMA, rel=0.15)
        camera.vanish()
        service.wait_for_phase("waiting for camera")
        service.wait_for(lambda state: state["temporal"]["noise"] is None)
        camera.appear()
        service.wait_for(lambda state: state["temporal"]["still"] > 0.9)
        assert service.state()["camera_losses"] == 1
        assert watcher.broken is None


def test_a_bad_word_is_one_line_and_exit_78(run_cli, tmp_path):
    (tmp_path / "c.toml").write_text(config("test:", temporal="much"))
    done = run_cli("config", "check", "c.toml")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    said = 'c.toml line 7: enhance.temporal: found text "much"; give one of auto, off, strong, weak'
    assert said in done.stderr
    assert run_cli("run", "--config", "c.toml", "--seconds", "1").returncode == 78


def test_config_show_says_where_it_comes_from(run_cli, tmp_path):
    (tmp_path / "c.toml").write_text(config("test:", temporal="weak"))
    shown = run_cli("config", "show", "--config", "c.toml")
    (line,) = (line for line in shown.stdout.splitlines() if "temporal" in line)
    assert line.split() == ["enhance.temporal", '"weak"', "c.toml", "line", "7"]
