"""What is told to Home Assistant has the keys that its components take, and their templates give values."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.enums")
pytest.importorskip("jsonschema")

import jsonschema

from tests.edge_srcnn.sinks.brokers import broker
from tests.edge_srcnn.sinks.test_mqtt_control import ROOT, service

pytestmark = pytest.mark.slow

SCHEMA = json.loads(Path(__file__).with_name("home_assistant_schema.json").read_text())
STATES = ("state", "settings")
TOPIC = re.compile(r"homeassistant/(\w+)/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)/config")
"""Source: homeassistant/components/mqtt/discovery.py, TOPIC_MATCHER."""


def faults(component: str, config: Any) -> list[str]:
    """What Home Assistant, or its documentation, has against a message of discovery."""
    schema = {"$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{component}"}
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{component}: {each.json_path}: {each.message}" for each in validator.iter_errors(config)]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """All that is told to Home Assistant, by topic; and the messages of other topics, by their last level."""
    with broker(tmp_path_factory.mktemp("broker")) as mosquitto, service(mosquitto) as (_, listener):
        listener.wait(f"{ROOT}/image")
        listener.wait(f"{ROOT}/state", 3)
        states = {name: listener.wait(f"{ROOT}/{name}").json for name in STATES}
        yield {**states, **listener.discovered()}


def entities(told: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Component, name and message of each entity."""
    found = []
    for topic, config in told.items():
        if topic not in STATES:
            match = TOPIC.fullmatch(topic)
            assert match is not None, topic
            found.append((match[1], match[3], config))
    return found


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_entity_has_the_keys_of_its_component(told: dict[str, Any]) -> None:
    kinds = {component for component, _, _ in entities(told)}
    assert kinds == {"camera", "binary_sensor", "sensor", "switch", "select", "number", "text", "button"}
    assert [fault for component, _, config in entities(told) for fault in faults(component, config)] == []


@pytest.mark.parametrize(
    ("component", "wrong"),
    [
        ("sensor", {"state_topc": "a"}),
        ("sensor", {"state_topic": "a/#"}),
        ("sensor", {"device_class": "fps"}),
        ("sensor", {"device_class": "duration", "unit_of_measurement": "fps"}),
        ("sensor", {"entity_category": "config"}),
        ("sensor", {"device": {"name": "without identifiers"}}),
        ("camera", {"state_topic": "a"}),
        ("binary_sensor", {"icon": "camera"}),
        ("switch", {"command_topic": "a/+"}),
        ("select", {"options": []}),
        ("number", {"mode": "knob"}),
        ("text", {"max": 256}),
        ("button", {"state_topic": "a"}),
        ("number", {"availability_topic": "a"}),
    ],
)
def test_the_schema_refuses_what_home_assistant_does(told: dict[str, Any], component: str, wrong: Any) -> None:
    config = next(config for kind, _, config in entities(told) if kind == component)
    assert faults(component, {**config, **wrong})


def test_ids_are_unique_and_all_belong_to_one_device(told: dict[str, Any]) -> None:
    configs = [config for _, _, config in entities(told)]
    assert len({config["unique_id"] for config in configs}) == len(configs)
    assert len({json.dumps(config["device"]) for config in configs}) == 1
    topics = {config.get("availability_topic") or config["availability"][0]["topic"] for config in configs}
    assert topics == {f"{ROOT}/availability"}


def test_old_values_expire_where_they_are_states(told: dict[str, Any]) -> None:
    states = [config for component, _, config in entities(told) if "sensor" in component]
    assert {config["expire_after"] for config in states} == {30}  # three intervals, and at least so many seconds


def test_templates_give_values_of_the_state(told: dict[str, Any]) -> None:
    jinja2 = pytest.importorskip("jinja2")  # which Home Assistant renders with
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    rendered = {}
    for component, key, config in entities(told):
        for name, template in config.items():
            if name.endswith("_template"):
                topic = config["json_attributes_topic" if name.startswith("json") else "state_topic"]
                value = told[topic.rpartition("/")[2]]
                text = environment.from_string(template).render(value_json=value)
                rendered[component, key, name.partition("_")[0]] = text
                assert not name.startswith("json") or isinstance(json.loads(text), dict)
    assert rendered["sensor", "phase", "value"] == "live"
    assert rendered["binary_sensor", "problem", "value"] == "OFF"
    assert float(rendered["sensor", "fps_in", "value"]) > 5
    assert rendered["sensor", "active_model", "value"] == "fast-s-x2"
    assert rendered["sensor", "noise", "value"] == "None"  # Home Assistant's word for what is not known
    assert rendered["select", "model", "value"] == "fast-s-x2"
    assert rendered["switch", "hflip", "value"] == "OFF"
    assert rendered["number", "strength", "value"] == "1.0"
    assert rendered["number", "keep_fps", "value"] == "None"
    assert rendered["text", "crop", "value"] == ""


def test_an_entity_is_available_while_its_setting_can_be_changed(told: dict[str, Any]) -> None:
    jinja2 = pytest.importorskip("jinja2")
    found = {}
    for component, key, config in entities(told):
        for each in config.get("availability", ()):
            if "value_template" in each:
                value = told[each["topic"].rpartition("/")[2]]
                found[component, key] = jinja2.Template(each["value_template"]).render(value_json=value)
    assert found["switch", "recording"] == "offline"  # nothing records here
    assert found["number", "strength"] == found["button", "strength_auto"] == "online"


def test_present_values_are_among_those_that_can_be_chosen(told: dict[str, Any]) -> None:
    for component, key, config in entities(told):
        value = told["settings"]["settings"].get(key)
        if component == "select":
            assert str(value) in config["options"]
        if component == "number" and isinstance(value, float):
            assert config["min"] <= value <= config["max"]
