"""Brokers that are gone, hang, start again, or are old; and messages of others."""

import json
import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("paho.mqtt.enums")

from edge_srcnn.errors import Unavailable
from edge_srcnn.sinks import Stream, open_sink
from tests.edge_srcnn.sinks.brokers import WAIT_S, Listener, Mosquitto, broker, running
from tests.edge_srcnn.web.serving import wait_until

pytestmark = pytest.mark.slow

ROOT = "edge-srcnn/garden"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with broker(tmp_path / "broker") as started:
        yield started


def test_a_broker_that_starts_again_is_found_again(mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    with running(mosquitto.port, "snapshot=0.5", others=True) as pipeline:
        with Listener(mosquitto.port) as listener:
            listener.wait(f"{ROOT}/image", 2)
        mosquitto.stop()
        wait_until(lambda: pipeline.state().sinks[0].error is not None, WAIT_S)
        before, began_s = pipeline.state().frames_out, time.monotonic()
        time.sleep(1)
        assert (pipeline.state().frames_out - before) / (time.monotonic() - began_s) > 10
        mosquitto.start()
        with Listener(mosquitto.port) as listener:
            assert listener.wait(f"{ROOT}/availability").payload == b"online"
            listener.wait("homeassistant/sensor/edge-srcnn-garden/fps_in/config")
            listener.wait(f"{ROOT}/image", 2)
        assert pipeline.state().sinks[0].error is None
    assert caplog.text.count("trying again") in (1, 2)  # gone, and then nobody there
    assert caplog.text.count("works again") == 1


def test_frames_go_on_at_the_same_rate_while_the_broker_hangs(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_srcnn.sinks.mqtt_connection.KEEP_ALIVE_S", 2)
    with running(mosquitto.port, "snapshot=0.1", others=True, source="test:size=320x240,fps=20") as pipeline:
        with Listener(mosquitto.port) as listener:
            listener.wait(f"{ROOT}/image", 3)

        def frames_in(seconds: float) -> float:
            before, began_s = pipeline.state().frames_out, time.monotonic()
            time.sleep(seconds)
            return (pipeline.state().frames_out - before) / (time.monotonic() - began_s)

        usual = frames_in(2)
        mosquitto.pause()
        hanging = frames_in(3)
        assert hanging > 0.85 * usual
        wait_until(lambda: pipeline.state().sinks[0].error is not None, WAIT_S)  # it says nothing for too long
        mosquitto.go_on()
        with Listener(mosquitto.port) as listener:
            wait_until(lambda: pipeline.state().sinks[0].error is None, WAIT_S)
            listener.wait(f"{ROOT}/image", 3)


def test_the_end_comes_at_once_while_the_broker_hangs(mosquitto: Mosquitto) -> None:
    with running(mosquitto.port, "snapshot=0.1") as pipeline, Listener(mosquitto.port) as listener:
        listener.wait(f"{ROOT}/image")
        mosquitto.pause()
        began_s = time.monotonic()
        pipeline.stop()
        wait_until(lambda: not any(thread.name == "mqtt" for thread in threading.enumerate()), WAIT_S)
        assert time.monotonic() - began_s < 5
        mosquitto.go_on()


class OldBroker(socketserver.ThreadingTCPServer):
    """Passes on to a broker all but MQTT 5, which it answers as one that knows 3.1.1 alone (MQTT 3.1.1, 3.2.2.3)."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.behind, self.levels = port, list[int]()


class Passing(socketserver.BaseRequestHandler):
    """One connection."""

    server: OldBroker

    def handle(self) -> None:
        first = self.request.recv(4096)
        level = first[first.index(b"MQTT") + 4]
        self.server.levels.append(level)
        if level > 4:
            self.request.sendall(bytes([0x20, 2, 0, 1]))
            return
        with socket.create_connection(("127.0.0.1", self.server.behind)) as behind:
            behind.sendall(first)
            ways = {self.request: behind, behind: self.request}
            while data := [(ways[one], one.recv(65536)) for one in select.select(list(ways), [], [])[0]]:
                for target, sent in data:
                    if not sent:
                        return
                    target.sendall(sent)


def test_a_broker_that_knows_mqtt_3_alone_is_spoken_to(mosquitto: Mosquitto) -> None:
    with OldBroker(mosquitto.port) as old, Listener(mosquitto.port) as listener:
        serving = threading.Thread(target=old.serve_forever)
        serving.start()
        try:
            with running(old.server_address[1], "snapshot=0.5"):
                listener.wait(f"{ROOT}/image", 2)
            assert listener.wait(f"{ROOT}/availability", 2).payload == b"offline"
            assert old.levels == [5, 4]
        finally:
            old.shutdown()
            serving.join()


def test_no_broker_is_one_clear_error() -> None:
    sink = open_sink("mqtt://someone:secret-password@127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"^mqtt://\*\*\*@127.0.0.1:1: the broker cannot be reached \(.*refused\)$"):
        sink.begin(Stream(None, None, None, lambda: None))
    sink.close()


def test_a_name_that_is_not_known_is_told() -> None:
    sink = open_sink("mqtt://no-such-host.invalid")
    with pytest.raises(Unavailable, match="there is no such name in the network"):
        sink.begin(Stream(None, None, None, lambda: None))


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\xfe\x00", b"[1", b"null", json.dumps({"a": 1}).encode(), 3_000_000 * b"x"], ids=len
)
def test_no_message_of_others_ends_the_connection(mosquitto: Mosquitto, payload: bytes) -> None:
    topics = [
        "homeassistant/status",
        "homeassistant/sensor/edge-srcnn-garden/x/config",
        f"{ROOT}/set/strength",
        f"{ROOT}/state",
    ]
    with Listener(mosquitto.port) as listener:
        for topic in topics:
            listener.publish(topic, payload, retain=True)
        with running(mosquitto.port) as pipeline:
            listener.wait("homeassistant/sensor/edge-srcnn-garden/fps_in/config")
            for topic in topics:
                listener.publish(topic, payload)
            states = len(listener.of(f"{ROOT}/state"))
            listener.wait(f"{ROOT}/state", states + 2)
            assert len(listener.of(f"{ROOT}/availability")) == 1  # it was never gone
            assert pipeline.state().sinks[0].error is None


def test_pictures_that_are_too_large_for_the_broker_are_told_and_end_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        broker(tmp_path / "broker", "allow_anonymous true", "max_packet_size 6000") as small,
        Listener(small.port) as listener,
        running(small.port, "snapshot=0.2&quality=100", source="test:size=320x240,fps=20") as pipeline,
    ):
        wait_until(lambda: "more than the broker takes (6000)" in (pipeline.state().sinks[0].error or ""), WAIT_S)
        listener.wait(f"{ROOT}/state", 4)
        assert len(listener.of(f"{ROOT}/availability")) == 1 and not listener.of(f"{ROOT}/image")
        assert caplog.text.count("more than the broker takes") == 1


def test_a_flood_of_births_tells_discovery_once_a_second(mosquitto: Mosquitto) -> None:
    topic = "homeassistant/sensor/edge-srcnn-garden/fps_in/config"
    with Listener(mosquitto.port) as listener, running(mosquitto.port, "snapshot=off"):
        listener.wait(topic)
        began_s = time.monotonic()
        for _ in range(200):
            listener.publish("homeassistant/status", "online")
        listener.wait(topic, 2)
        states = len(listener.of(f"{ROOT}/state"))
        listener.wait(f"{ROOT}/state", states + 2)
        assert len(listener.of(topic)) <= time.monotonic() - began_s + 3
