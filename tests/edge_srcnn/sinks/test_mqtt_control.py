"""Settings by MQTT: a real service, a real broker, and what somebody publishes there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.enums")

from edge_srcnn.service.changes import Changes
from tests.edge_srcnn.service.controlled import CARD, Running, controlled
from tests.edge_srcnn.sinks.brokers import WAIT_S, Listener, Mosquitto, broker
from tests.edge_srcnn.web.serving import wait_until

pytestmark = pytest.mark.slow

ROOT = "edge-srcnn/cam"


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@contextmanager
def service(
    mosquitto: Mosquitto, *others: str, options: str = "", changes: Changes | None = None
) -> Iterator[tuple[Running, Listener]]:
    """A service whose settings are changed at the broker, and who listens there."""
    address = f"mqtt://127.0.0.1:{mosquitto.port}#topic={ROOT}&interval=0.5&{options}".rstrip("&")
    with controlled(CARD, address, "null:", *others, changes=changes) as running, Listener(mosquitto.port) as listener:
        listener.wait(f"{ROOT}/state")
        yield running, listener


@pytest.fixture
def running(mosquitto: Mosquitto) -> Iterator[tuple[Running, Listener]]:
    with service(mosquitto) as made:
        yield made


def refused(listener: Listener) -> str:
    found: str = listener.state(ROOT)["refused"]
    return found


def settings(listener: Listener) -> dict[str, Any]:
    found: dict[str, Any] = listener.wait(f"{ROOT}/settings").json["settings"]
    return found


@pytest.mark.parametrize(
    ("name", "payload", "value"),
    [
        ("strength", "0.25", 0.25),
        ("strength", "auto", "auto"),
        ("model", "fast-m-x2", "fast-m-x2"),
        ("temporal", "weak", "weak"),
        ("hflip", "ON", True),
        ("vflip", "on", True),
        ("rotate", "180", 180),
        ("crop", "8,8,32,16", "8,8,32,16"),
        ("roi", "8,8,32,16", "8,8,32,16"),
        ("fps", "10", 10.0),
        ("name", "Gärten", "Gärten"),
    ],
)
def test_what_home_assistant_publishes_changes_a_setting(
    running: tuple[Running, Listener], name: str, payload: str, value: Any
) -> None:
    made, listener = running
    assert settings(listener)[name] != value
    listener.publish(f"{ROOT}/set/{name}", payload)
    wait_until(lambda: settings(listener)[name] == value, WAIT_S)
    assert made.control.values()[name] == value
    assert refused(listener) == ""


@pytest.mark.parametrize(("payload", "value"), [("none", None), ("None", None), ("", None)])
def test_a_setting_is_emptied_by_a_word_or_by_nothing(
    running: tuple[Running, Listener], payload: str, value: Any
) -> None:
    _, listener = running
    listener.publish(f"{ROOT}/set/crop", "8,8,32,16")
    wait_until(lambda: settings(listener)["crop"] == "8,8,32,16", WAIT_S)
    listener.publish(f"{ROOT}/set/crop", payload)
    wait_until(lambda: settings(listener)["crop"] is value, WAIT_S)


def test_a_new_name_is_that_of_the_device_and_changes_no_topic(running: tuple[Running, Listener]) -> None:
    _, listener = running
    topics = listener.discovered().keys()
    listener.publish(f"{ROOT}/set/name", "Street")
    wait_until(lambda: {each["device"]["name"] for each in listener.discovered().values()} == {"Street"}, WAIT_S)
    assert listener.discovered().keys() == topics


def test_a_picture_is_written_to_the_disk(
    running: tuple[Running, Listener], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, listener = running
    monkeypatch.chdir(tmp_path)
    listener.publish(f"{ROOT}/set/snapshot", "PRESS")
    wait_until(lambda: list(tmp_path.rglob("*.jpg")) != [], WAIT_S)


@pytest.mark.parametrize(
    ("name", "payload", "said"),
    [
        ("strength", "7", "strength: cannot be 7; give 0 to 1.5 or auto"),
        ("strength", "loud", "strength: cannot be loud"),
        ("strength", "nan", "strength: cannot be nan"),
        ("hflip", "perhaps", "hflip: cannot be perhaps; give on or off"),
        ("model", "no-such-model", "model: cannot be no-such-model"),
        ("crop", "garbage", "crop: cannot be garbage"),
        ("crop", "1,1,9999,9999", "crop: "),
        ("recording", "on", "recording: cannot be changed here"),
        ("nonsense", "1", "nonsense: there is no such setting"),
        ("not a name", "1", "a command: there is no such setting"),
        ("name", b"\xff\xfe", "name: not a text in UTF-8"),
        ("name", b"a\n2026-01-01 ERROR: not from us", "name: cannot be a\N{REPLACEMENT CHARACTER}2026-01-01 ERROR"),
        ("strength", b"x" * 60_000, "strength: cannot be xxxx"),
        ("strength", b'{"value": 1}', 'strength: cannot be {"value": 1}'),
    ],
)
def test_what_makes_no_sense_is_refused_told_and_logged_once(
    running: tuple[Running, Listener], caplog: pytest.LogCaptureFixture, name: str, payload: bytes, said: str
) -> None:
    made, listener = running
    before = made.control.values()
    for _ in range(3):
        listener.publish(f"{ROOT}/set/{name}", payload)
    wait_until(lambda: refused(listener).startswith(said), WAIT_S)
    assert made.control.values() == before
    assert caplog.text.count("a command was refused") == 1
    assert len(refused(listener)) < 500
    if name == "strength":
        listener.publish(f"{ROOT}/set/strength", "0.5")
        wait_until(lambda: refused(listener) == "", WAIT_S)  # it was followed at last


def test_commands_that_were_retained_are_not_followed(mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port) as listener:
        listener.publish(f"{ROOT}/set/strength", "0.125", retain=True)
    try:
        with service(mosquitto) as (running, listener):
            listener.publish(f"{ROOT}/set/hflip", "on")
            wait_until(lambda: settings(listener)["hflip"] is True, WAIT_S)
            assert running.control.values()["strength"] != 0.125
            assert refused(listener) == ""
    finally:
        with Listener(mosquitto.port) as listener:
            listener.publish(f"{ROOT}/set/strength", "", retain=True)


def test_nothing_is_followed_where_control_is_off(mosquitto: Mosquitto) -> None:
    with service(mosquitto, options="control=no") as (running, listener):
        before = running.control.values()
        listener.publish(f"{ROOT}/set/hflip", "on")
        states = len(listener.of(f"{ROOT}/state"))
        listener.wait(f"{ROOT}/state", states + 2)
        assert running.control.values() == before
        assert not [topic for topic in listener.discovered() if "/sensor/" not in topic and "hflip" in topic]


def test_settings_are_kept_where_that_is_asked_for(mosquitto: Mosquitto, tmp_path: Path) -> None:
    file = tmp_path / "cam.changes.toml"
    with service(mosquitto, options="control=persist", changes=Changes(file)) as (_, listener):
        listener.publish(f"{ROOT}/set/strength", "0.75")
        wait_until(lambda: file.exists() and "0.75" in file.read_text(), WAIT_S)


def test_a_flood_of_commands_holds_up_no_frame_and_the_last_one_counts(running: tuple[Running, Listener]) -> None:
    made, listener = running
    before, told = made.pipeline.state().frames_out, len(listener.of(f"{ROOT}/availability"))
    for count in range(300):
        listener.publish(f"{ROOT}/set/strength", str(count % 100 / 100))
    listener.publish(f"{ROOT}/set/hflip", "on")
    wait_until(lambda: made.pipeline.state().frames_out > before + 20, WAIT_S)
    assert len(listener.of(f"{ROOT}/availability")) == told  # it was never gone
    assert made.pipeline.state().sinks[0].error is None


def test_settings_stay_at_the_broker_for_who_comes_later(
    running: tuple[Running, Listener], mosquitto: Mosquitto
) -> None:
    with Listener(mosquitto.port) as late:
        late.wait(f"{ROOT}/settings")
        told = late.of(f"{ROOT}/settings")[0]  # those that the service sends meanwhile come after it
        assert told.retain and json.loads(told.payload)["blocked"].keys() >= {"recording"}
