"""The sink with a real mosquitto: pictures, states, availability; faults of brokers and of what they pass on."""

import io
import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("paho.mqtt.enums")

from edge_srcnn.errors import Unavailable
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import Stream, open_sink
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.sinks.brokers import WAIT_S, Listener, Mosquitto, broker
from tests.edge_srcnn.web.serving import wait_until

pytestmark = pytest.mark.slow

ROOT = "edge-srcnn/garden"


@contextmanager
def running(
    port: int,
    options: str = "",
    *,
    name: str = "Garden",
    others: bool = False,
    source: str = "test:size=160x120,fps=20",
) -> Iterator[Pipeline]:
    """The real pipeline with the sink; by itself nobody else takes frames."""
    sink = open_sink(f"mqtt://127.0.0.1:{port}#interval=0.5&{options}".rstrip("&"))
    pipeline = Pipeline(
        open_source(source), load_model(engine="bicubic"), [sink, *([NullSink()] if others else [])], name=name
    )
    thread = threading.Thread(target=pipeline.run)
    thread.start()
    try:
        yield pipeline
    finally:
        pipeline.stop()
        thread.join(WAIT_S)
    assert not thread.is_alive()


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


def test_no_broker_is_one_clear_error() -> None:
    sink = open_sink("mqtt://someone:secret-password@127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"^mqtt://\*\*\*@127.0.0.1:1: the broker cannot be reached \(.*refused\)$"):
        sink.begin(Stream(None, None, None, lambda: None))
    sink.close()


def test_a_name_that_is_not_known_is_told() -> None:
    sink = open_sink("mqtt://no-such-host.invalid")
    with pytest.raises(Unavailable, match="there is no such name in the network"):
        sink.begin(Stream(None, None, None, lambda: None))


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that wants a password."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed (apt install mosquitto)")
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), "camera", "right-password-1"], check=True)
    with broker(tmp_path / "broker", "allow_anonymous false", f"password_file {file}") as started:
        yield started


@pytest.mark.parametrize("how", ["address", "file"])
def test_a_password_opens_the_broker(tmp_path: Path, closed: Mosquitto, how: str) -> None:
    file = tmp_path / "password"
    file.write_text("right-password-1\n")
    file.chmod(0o600)
    address = f"mqtt://127.0.0.1:{closed.port}#interval=0.5&user=camera&password_file={file}"
    if how == "address":
        address = f"mqtt://camera:right-password-1@127.0.0.1:{closed.port}#interval=0.5"
    sink = open_sink(address)
    sink.begin(
        Stream(None, None, None, Pipeline(open_source("test:"), load_model(engine="bicubic"), []).state, "Garden")
    )
    with Listener(closed.port, "camera", "right-password-1") as listener:
        assert listener.wait(f"{ROOT}/availability").payload == b"online"
        listener.wait(f"{ROOT}/state")
    sink.close()


@pytest.mark.parametrize("login", ["", "camera:wrong-password-2@", "camera@"])
def test_a_wrong_password_is_told_and_not_shown(closed: Mosquitto, login: str) -> None:
    sink = open_sink(f"mqtt://{login}127.0.0.1:{closed.port}")
    with pytest.raises(Unavailable, match="the broker refuses the user or password") as raised:
        sink.begin(Stream(None, None, None, lambda: None))
    assert "wrong-password-2" not in str(raised.value)


class Authority:
    """An authority of the test's own, and the certificate of a broker that it has signed."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self.ca, ca_key = folder / f"{name}.pem", folder / f"{name}-key.pem"
        self.key, request, self.certificate = (
            folder / f"{name}-{part}" for part in ("broker-key.pem", "csr", "cert.pem")
        )
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self._openssl("req", "-x509", *ec, "-keyout", ca_key, "-out", self.ca, "-days", 2, "-subj", f"/CN={name}")
        self._openssl("req", *ec, "-keyout", self.key, "-out", request, "-subj", "/CN=localhost")
        names = folder / "names"
        names.write_text("subjectAltName=DNS:localhost")
        signed = ("-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", 2, "-extfile", names)
        self._openssl("x509", "-req", "-in", request, *signed, "-out", self.certificate)

    @property
    def fingerprint(self) -> str:
        told = self._openssl("x509", "-in", self.certificate, "-noout", "-fingerprint", "-sha256")
        return told.strip().partition("=")[2]

    @staticmethod
    def _openssl(*words: object) -> str:
        done = subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, text=True)
        return done.stdout


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    folder = tmp_path_factory.mktemp("authorities")
    return Authority(folder, "right"), Authority(folder, "wrong")


@pytest.fixture
def encrypted(tmp_path: Path, authorities: tuple[Authority, Authority]) -> Iterator[Mosquitto]:
    right = authorities[0]
    with broker(
        tmp_path / "broker", "allow_anonymous true", f"certfile {right.certificate}", f"keyfile {right.key}"
    ) as started:
        yield started


def state_of_nothing() -> Any:
    return Pipeline(open_source("test:"), load_model(engine="bicubic"), []).state()


@pytest.mark.parametrize("trust", ["ca={ca}", "fingerprint={fingerprint}", "verify=no"])
def test_an_encrypted_broker_is_spoken_to(
    encrypted: Mosquitto, authorities: tuple[Authority, Authority], trust: str
) -> None:
    right = authorities[0]
    options = trust.format(ca=right.ca, fingerprint=right.fingerprint)
    sink = open_sink(f"mqtts://localhost:{encrypted.port}#interval=0.5&{options}")
    sink.begin(Stream(None, None, None, state_of_nothing, "Garden"))
    with Listener(encrypted.port, ca=str(right.ca)) as listener:
        assert listener.wait(f"{ROOT}/availability").payload == b"online"
        listener.wait(f"{ROOT}/state", 2)
    sink.close()


@pytest.mark.parametrize(
    ("trust", "said"),
    [
        ("", "its certificate is not trusted .*; if it is the broker's own, add fingerprint={fingerprint}"),
        ("ca={wrong}", "its certificate is not trusted"),
        ("fingerprint=" + 64 * "0", "shows another certificate than fingerprint= names, {fingerprint}"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_refused_with_what_to_do(
    encrypted: Mosquitto, authorities: tuple[Authority, Authority], trust: str, said: str
) -> None:
    right, wrong = authorities
    sink = open_sink(f"mqtts://localhost:{encrypted.port}#{trust.format(wrong=wrong.ca)}".rstrip("#"))
    with pytest.raises(Unavailable, match=said.format(fingerprint=right.fingerprint)):
        sink.begin(Stream(None, None, None, state_of_nothing))


def test_a_certificate_of_another_name_is_refused(
    encrypted: Mosquitto, authorities: tuple[Authority, Authority]
) -> None:
    sink = open_sink(f"mqtts://127.0.0.1:{encrypted.port}#ca={authorities[0].ca}")
    with pytest.raises(Unavailable, match=r"its certificate is not trusted \(.*127\.0\.0\.1"):
        sink.begin(Stream(None, None, None, state_of_nothing))


def test_plain_mqtt_to_an_encrypted_port_ends_in_time(encrypted: Mosquitto) -> None:
    sink = open_sink(f"mqtt://127.0.0.1:{encrypted.port}")
    with pytest.raises(Unavailable, match="the broker"):
        sink.begin(Stream(None, None, None, state_of_nothing))


def test_encryption_to_a_plain_port_ends_in_time(mosquitto: Mosquitto) -> None:
    sink = open_sink(f"mqtts://127.0.0.1:{mosquitto.port}#verify=no")
    with pytest.raises(Unavailable, match="the broker cannot be reached"):
        sink.begin(Stream(None, None, None, state_of_nothing))
    assert ssl.OPENSSL_VERSION


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
