"""Describe a camera to Home Assistant, by MQTT discovery: one retained message for each entity.

Home Assistant knows two forms: one message a device (from 2024.12 on), and one message an entity. The second is
understood by every version, and by openHAB and others, too; neither is deprecated. Source:
home-assistant.io/integrations/mqtt, MQTT discovery.
"""

import math
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from edge_srcnn.sinks.mqtt_connection import Message
from edge_srcnn.sinks.mqtt_state import ROOT, as_json

ONLINE, OFFLINE = "online", "offline"
"""What Home Assistant expects by itself, of devices and of its own ``status``."""

_LEAST_EXPIRY_S = 30


@dataclass(frozen=True)
class Topics:
    """Name the topics of one camera.

    Attributes
    ----------
    root
        Below which all of them are.
    """

    root: str

    @property
    def availability(self) -> str:
        """``online`` or ``offline``, retained."""
        return f"{self.root}/availability"

    @property
    def state(self) -> str:
        """JSON."""
        return f"{self.root}/state"

    @property
    def picture(self) -> str:
        """JPEG."""
        return f"{self.root}/image"

    @property
    def settings(self) -> str:
        """JSON: the values of settings, and why some of them cannot be changed at the moment."""
        return f"{self.root}/settings"

    def command(self, name: str) -> str:
        """Where a setting is changed; ``+``: a filter for all of them."""
        return f"{self.root}/set/{name}"


@dataclass(frozen=True)
class Entity:
    """Hold one entity: its component, its name within the device, and the keys that its component has.

    Attributes
    ----------
    component
        As Home Assistant calls it, such as ``sensor``.
    key
        Stands for it in topics and ids.
    label
        For people.
    config
        The component's own keys.
    """

    component: str
    key: str
    label: str
    config: dict[str, Any]


def _sensor(key: str, label: str, value: str, **config: Any) -> Entity:
    return Entity("sensor", key, label, {"value_template": f"{{{{ value_json.{value} }}}}", **config})


_MEASURED = {"state_class": "measurement"}
_DIAGNOSTIC = {"entity_category": "diagnostic"}

SENSORS = (
    _sensor(
        "phase",
        "State",
        "phase",
        icon="mdi:cctv",
        json_attributes_template="{{ {'status': value_json.status, 'engine': value_json.engine} | tojson }}",
    ),
    _sensor("fps_in", "Camera rate", "fps_in", unit_of_measurement="fps", icon="mdi:filmstrip", **_MEASURED),
    _sensor("fps_out", "Enhanced rate", "fps_out", unit_of_measurement="fps", icon="mdi:filmstrip", **_MEASURED),
    _sensor("latency", "Latency", "latency_ms", unit_of_measurement="ms", device_class="duration", **_MEASURED),
    _sensor("active_model", "Active model", "model", icon="mdi:image-auto-adjust"),
    _sensor("noise", "Noise", "noise", unit_of_measurement="levels", icon="mdi:blur", **_MEASURED),
    _sensor("still", "Still part", "still_percent", unit_of_measurement="%", icon="mdi:image-frame", **_MEASURED),
    _sensor(
        "dropped",
        "Dropped frames",
        "dropped",
        unit_of_measurement="frames",
        icon="mdi:filmstrip-off",
        state_class="total_increasing",
        **_DIAGNOSTIC,
    ),
)
TEMPERATURE = _sensor(
    "temperature",
    "Processor temperature",
    "temperature_c",
    unit_of_measurement="°C",
    device_class="temperature",
    **_MEASURED,
    **_DIAGNOSTIC,
)
PROBLEM = Entity(
    "binary_sensor",
    "problem",
    "Problem",
    {
        "value_template": "{{ 'ON' if value_json.errors else 'OFF' }}",
        "device_class": "problem",
        "json_attributes_template": "{{ {'errors': value_json.errors, 'refused': value_json.refused} | tojson }}",
        **_DIAGNOSTIC,
    },
)
CAMERA = Entity("camera", "camera", "Picture", {})


@dataclass(frozen=True)
class HomeAssistant:
    """Describe the entities of one camera.

    Attributes
    ----------
    prefix
        Of discovery, as Home Assistant is set up; empty: it is told nothing.
    topics
        The camera's.
    node
        What makes its ids unique; the same at every start.
    interval_s
        Seconds between two states.
    """

    prefix: str
    topics: Topics
    node: str
    interval_s: float

    def discovery(self, name: str, entities: tuple[Entity, ...]) -> tuple[Message, ...]:
        """Write the messages that make Home Assistant show the entities of a device of that name."""
        return tuple(
            Message(self._topic(each), as_json(self._config(name, each)), qos=1, retain=True)
            for each in entities
            if self.prefix
        )

    @property
    def birth(self) -> str:
        """The topic on which Home Assistant tells that it has started."""
        return f"{self.prefix}/status"

    @property
    def former(self) -> str:
        """A filter for the discovery messages of this camera, those of earlier starts included."""
        return f"{self.prefix}/+/{self.node}/+/config"

    def is_own(self, topic: str) -> bool:
        """Tell whether a topic is that of a discovery message of this camera."""
        parts = topic.removeprefix(f"{self.prefix}/").split("/")
        return topic.startswith(f"{self.prefix}/") and len(parts) == 4 and (parts[1], parts[3]) == (self.node, "config")

    def _topic(self, entity: Entity) -> str:
        return f"{self.prefix}/{entity.component}/{self.node}/{entity.key}/config"

    def _config(self, name: str, entity: Entity) -> dict[str, Any]:
        config: dict[str, Any] = {
            "name": entity.label,
            "unique_id": f"{self.node}_{entity.key}",
            "device": {
                "identifiers": [self.node],
                "name": name,
                "manufacturer": ROOT,
                "model": "Camera with super-resolution",
                "sw_version": _version(),
            },
            "origin": {"name": ROOT, "sw_version": _version()},
        }
        if "availability" not in entity.config:
            config["availability_topic"] = self.topics.availability
        if entity.component == "camera":
            config["topic"] = self.topics.picture
        elif "sensor" in entity.component:
            config["state_topic"] = self.topics.state
            config["expire_after"] = max(math.ceil(3 * self.interval_s), _LEAST_EXPIRY_S)
        if "json_attributes_template" in entity.config:
            config["json_attributes_topic"] = self.topics.state
        return {**config, **entity.config}


@cache
def _version() -> str:
    try:
        return version(ROOT)
    except PackageNotFoundError:  # a copy that was not installed
        return "unknown"
