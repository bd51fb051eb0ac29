"""Show settings that can be changed while frames go on as Home Assistant's switches, selects, numbers and texts."""

from collections.abc import Iterator
from typing import Any

from edge_srcnn.sinks.control import Setting
from edge_srcnn.sinks.home_assistant import Entity, Topics

NONE = "none"
"""What stands for an empty text in a command: that a setting is to have no value."""

SNAPSHOT = "snapshot"
"""The command that writes a picture to the disk."""

_COMPONENTS = {"switch": "switch", "choice": "select", "number": "number", "text": "text"}
_SLIDER_STEPS = 200
_UNITS = {"frames a second": "fps"}  # there is little room for them
_CONFIG = {"entity_category": "config"}


def controls(settings: tuple[Setting, ...], topics: Topics) -> tuple[Entity, ...]:
    """Make an entity of each setting, buttons for the words that a number takes, too, and one for a snapshot."""
    found = [each for setting in settings for each in _of_setting(setting, topics)]
    pressed = {"command_topic": topics.command(SNAPSHOT), "icon": "mdi:camera", **_CONFIG}
    return (*found, Entity("button", SNAPSHOT, "Snapshot to disk", pressed))


def _of_setting(setting: Setting, topics: Topics) -> Iterator[Entity]:
    value = f"value_json.settings['{setting.name}']"
    shared = {"command_topic": topics.command(setting.name), **_CONFIG, **_availability(setting, topics)}
    config: dict[str, Any] = {**shared, "state_topic": topics.settings, "value_template": f"{{{{ {value} }}}}"}
    match setting.kind:
        case "switch":
            config["value_template"] = f"{{{{ 'ON' if {value} else 'OFF' }}}}"
        case "choice":
            config["options"] = [str(each) for each in setting.choices]
        case "number":
            config["value_template"] = f"{{{{ {value} if {value} is number else 'None' }}}}"
            config |= _range(setting)
        case "text":
            config["value_template"] = f"{{{{ {value} or '' }}}}"
    yield Entity(_COMPONENTS[setting.kind], setting.name, setting.label, config)
    if setting.kind == "number":
        words = {str(each): str(each) for each in setting.choices}
        words |= {} if setting.empty is None else {NONE: setting.empty}
        for word, label in words.items():
            pressed = {**shared, "payload_press": word}
            yield Entity("button", f"{setting.name}_{word}", f"{setting.label}: {label}", pressed)


def _availability(setting: Setting, topics: Topics) -> dict[str, Any]:
    """Let an entity be unavailable, too, while its setting cannot be changed."""
    can = f"{{{{ 'offline' if '{setting.name}' in value_json.blocked else 'online' }}}}"
    return {
        "availability": [{"topic": topics.availability}, {"topic": topics.settings, "value_template": can}],
        "availability_mode": "all",
    }


def _range(setting: Setting) -> dict[str, Any]:
    least, most, step = setting.least or 0.0, setting.most or 0.0, setting.step or 1.0
    unit = {"unit_of_measurement": _UNITS.get(setting.unit, setting.unit)} if setting.unit else {}
    mode = "slider" if (most - least) / step <= _SLIDER_STEPS else "box"
    return {"min": least, "max": most, "step": step, "mode": mode, **unit}
