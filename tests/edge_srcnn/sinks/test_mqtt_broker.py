"""The sink with a real mosquitto: pictures, states, availability and discovery."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("paho.mqtt.enums")

from tests.edge_srcnn.sinks.brokers import WAIT_S, Listener, Mosquitto, broker, running
from tests.edge_srcnn.web.serving import wait_until

pytestmark = pytest.mark.slow

ROOT = "edge-srcnn/garden"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with broker(tmp_path / "broker") as started:
        yield started


def test_pictures_come_at_their_interval_and_the_network_rests_between_them(mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port) as listener, running(mosquitto.port, "snapshot=1") as pipeline:
        began_s = time.monotonic()
        picture = listener.wait(f"{ROOT}/image", 4)
        took_s = time.monotonic() - began_s
        state = pipeline.state()
        assert took_s > 2.5  # the first comes at once, then one a second
        assert Image.open(io.BytesIO(picture.payload)).size == (320, 240)
        assert not picture.retain
        assert state.frames_out <= took_s + 2
        assert state.idle and state.idle_frames > 2 * state.frames_out
        assert state.dropped <= 2
    with Listener(mosquitto.port) as late:
        late.wait(f"{ROOT}/availability")
        assert not late.of(f"{ROOT}/image")  # no picture stays at the broker


def test_a_pipeline_is_not_idle_where_others_take_each_frame(mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port) as listener, running(mosquitto.port, "snapshot=1", others=True):
        listener.wait(f"{ROOT}/image", 2)
        wait_until(lambda: listener.state(ROOT)["fps_out"] > 5, WAIT_S)
        assert listener.state(ROOT)["phase"] == "live"


def test_availability_goes_with_the_service(mosquitto: Mosquitto) -> None:
    topic = f"{ROOT}/availability"
    with Listener(mosquitto.port) as listener:
        with running(mosquitto.port):
            assert listener.wait(topic).payload == b"online"
        assert listener.wait(topic, 2).payload == b"offline"
    with Listener(mosquitto.port) as late:
        told = late.wait(topic)
        assert (told.payload, told.retain) == (b"offline", True)


def test_states_tell_what_the_pipeline_does(mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port) as listener, running(mosquitto.port, "snapshot=off", others=True):
        wait_until(lambda: listener.state(ROOT)["frames"] > 10, WAIT_S)
        state = listener.state(ROOT)
        assert 10 < state["fps_in"] < 30
        assert state["model"] == "bicubic"
        assert state["errors"] == []
        assert not listener.of(f"{ROOT}/image")


def test_discovery_is_told_again_when_home_assistant_starts(mosquitto: Mosquitto) -> None:
    topic = "homeassistant/sensor/edge-srcnn-garden/fps_in/config"
    with Listener(mosquitto.port) as listener, running(mosquitto.port, "snapshot=60&interval=60"):
        listener.wait(topic)
        listener.wait(f"{ROOT}/image")
        listener.publish("homeassistant/status", "offline")
        listener.publish("homeassistant/status", "online")
        listener.wait(topic, 2)
        listener.wait(f"{ROOT}/image", 2)  # which it would not see for a minute otherwise
        assert listener.of(topic)[0].json == listener.of(topic)[1].json


def test_entities_that_are_no_more_are_taken_back(mosquitto: Mosquitto) -> None:
    camera = "homeassistant/camera/edge-srcnn-garden/camera/config"
    foreign = "homeassistant/camera/edge-srcnn-street/camera/config"
    with Listener(mosquitto.port) as listener:
        listener.publish(foreign, '{"name": "another camera"}', retain=True)
        with running(mosquitto.port):
            listener.wait(camera)
            assert camera in listener.discovered()
        with running(mosquitto.port, "snapshot=off"):
            wait_until(lambda: camera not in listener.discovered(), WAIT_S)
            assert "homeassistant/sensor/edge-srcnn-garden/fps_in/config" in listener.discovered()
    with Listener(mosquitto.port) as late:
        late.wait(foreign)
        late.wait(f"{ROOT}/availability")
        assert camera not in late.discovered() and foreign in late.discovered()


def test_ids_are_the_same_at_every_start_and_differ_between_cameras(mosquitto: Mosquitto) -> None:
    def ids(name: str) -> list[str]:
        with Listener(mosquitto.port) as listener, running(mosquitto.port, name=name):
            listener.wait(f"edge-srcnn/{name.lower()}/state")
            return sorted(
                each["unique_id"]
                for each in listener.discovered().values()
                if each["availability_topic"].startswith(f"edge-srcnn/{name.lower()}/")
            )

    garden, again, street = ids("Garden"), ids("Garden"), ids("Street")
    assert garden == again
    assert len({*garden, *street}) == len(garden) + len(street)


def test_nothing_is_told_to_home_assistant_where_discovery_is_off(mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port) as listener, running(mosquitto.port, "discovery=off"):
        listener.wait(f"{ROOT}/image")
        assert {each.topic.partition("/")[0] for each in listener.heard} == {"edge-srcnn"}


HOSTILE = {
    "quotes": 'Gar"den\\',
    "markup": "<script>alert(1)</script>",
    "wildcards": "+/#/$SYS",
    "template": "{{ states('lock.door') }}{% raw %}",
    "letters": "Сад 庭 🌧",
    "path": "../../etc",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_no_name_of_a_camera_leaves_its_topics(mosquitto: Mosquitto, name: str) -> None:
    with Listener(mosquitto.port) as listener, running(mosquitto.port, name=name):
        wait_until(lambda: any(each.topic.endswith("/image") for each in listener.heard), WAIT_S)
        own = next(each.topic for each in listener.heard if each.topic.endswith("/image")).removesuffix("/image")
        assert own.startswith("edge-srcnn/") and own.count("/") == 1
        for topic, config in listener.discovered().items():
            _, _, node, _, _ = topic.split("/")
            assert set(node) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
            assert config["device"]["name"] == name
            assert config["availability_topic"] == f"{own}/availability"
