"""A folder that is watched, and has no picture yet: the service is ready, and takes up what comes."""

import os
import socket
from time import monotonic

import pytest
from PIL import Image

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.sources.testcard import draw_test_card
from tests.edge_srcnn.service.running import config, note, running
from tests.edge_srcnn.web.serving import get, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def taken_address():
    """The address of a port that somebody else holds."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_folder_without_a_picture_is_ready_and_waits(tmp_path):
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    with running(tmp_path / "service", config(f"{incoming}/?watch=yes&poll=0.05"), watchdog_s=2) as service:
        _, said = service.systemd.hear("READY")
        assert said["STATUS"] == "starting: waiting for the first picture"
        assert get(service, "/state").json["phase"] == "starting"
        service.systemd.hear("WATCHDOG")
        Image.fromarray(draw_test_card()[:48, :64]).save(incoming / "first.png")
        service.wait_for_phase("live")
        wait_until(lambda: service.systemd.status == "live: 64x48 to 128x96")
        assert len(service.systemd.said("READY")) == 1
        service.stop()
    assert "Traceback" not in service.log


def test_a_picture_that_is_written_anew_is_shown_again(tmp_path, record_property):
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    latest, lasted_s = incoming / "latest.png", []
    with running(tmp_path / "service", config(f"{incoming}/?watch=yes&poll=0.05")) as service:
        for number in range(1, 6):
            picture = Image.fromarray(draw_test_card()[number : number + 48, :64])
            if number % 2:  # as one program does it, and as another
                picture.save(latest)
            else:
                picture.save(incoming / ".new.png")
                os.replace(incoming / ".new.png", latest)
            written_s = monotonic()
            lasted_s.append(service.wait_for(lambda state, number=number: state["frames_out"] == number) - written_s)
        service.stop()
    assert "Traceback" not in service.log
    note(
        record_property,
        "latest.jpg is written anew in a watched folder",
        served_again_s=max(lasted_s[1:]),
        lost=0,
    )


def test_a_folder_whose_page_cannot_be_served_is_ready_and_says_so(tmp_path, taken_address):
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    text = config(f"{incoming}/?watch=yes").replace("http://127.0.0.1:0", taken_address)
    with running(tmp_path / "service", text) as service:
        _, said = service.systemd.hear("READY")
        assert said["STATUS"].startswith("degraded: ")
        assert "cannot listen there (Address already in use)" in said["STATUS"]
