from typing import Any

import pytest

from edge_srcnn.errors import UsageError
from edge_srcnn.sources.libcamera import read_controls

KNOWN = {
    "ExposureTime": (13, 11_767_556, 20_000),
    "AnalogueGain": (1.0, 16.0, None),
    "AwbEnable": (False, True, None),
    "AfMode": (0, 2, 0),
    "ColourGains": (0.0, 32.0, None),
    "FrameDurationLimits": (47_183, 127_156, None),
    "ScalerCrop": ((0, 0, 64, 64), (0, 0, 4608, 2592), (576, 0, 3456, 2592)),
}
"""As picamera2's manual lists them for a Camera Module 3."""

WORDS = {"AfMode": {"Manual": 0, "Auto": 1, "Continuous": 2}}


def read(**texts: str) -> dict[str, Any]:
    return read_controls("picamera2:0", texts, KNOWN, ("size", "fps", "hflip"), lambda name: WORDS.get(name, {}))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ExposureTime", "10000", 10_000),
        ("AnalogueGain", "2", 2.0),
        ("AwbEnable", "no", False),
        ("AwbEnable", "1", True),
        ("AfMode", "Continuous", 2),
        ("AfMode", "auto", 1),
        ("AfMode", "1", 1),
        ("ColourGains", "1.8,1.5", (1.8, 1.5)),
        ("FrameDurationLimits", "50000,100000", (50_000, 100_000)),
        ("ScalerCrop", "0,0,640,480", (0, 0, 640, 480)),
    ],
)
def test_values_get_the_type_that_the_control_wants(name: str, text: str, value: object):
    found = read(**{name: text})
    assert found == {name: value}
    assert type(found[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("ExposureTme", "ExposureTime"), ("exposuretime", "ExposureTime"), ("AwbEnabled", "AwbEnable"), ("flip", "hflip")],
)
def test_a_control_that_is_not_there_is_named_with_its_likes(name: str, meant: str):
    with pytest.raises(UsageError, match=rf"picamera2:0: .*'{name}'; did you mean .*{meant}"):
        read(**{name: "1"})


def test_without_likes_all_are_listed():
    with pytest.raises(UsageError, match=r"it has: AfMode, AnalogueGain, .*ScalerCrop; options: size, fps, hflip"):
        read(Zzz="1")


@pytest.mark.parametrize(
    ("name", "text", "cure"),
    [
        ("ExposureTime", "long", "whole number"),
        ("ExposureTime", "1.5", "whole number"),
        ("AnalogueGain", "high", "number"),
        ("AwbEnable", "maybe", "yes or no"),
        ("AfMode", "Sometimes", "Manual, Auto, Continuous"),
        ("ColourGains", "1.8,", "number"),
    ],
)
def test_a_value_that_is_none_is_refused(name: str, text: str, cure: str):
    with pytest.raises(UsageError, match=f"{name}={text}: give .*{cure}"):
        read(**{name: text})
