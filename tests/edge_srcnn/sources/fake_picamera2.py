"""picamera2 and libcamera, as far as the source uses them.

The real library is tried in tests/rigs/picamera2.sh. Here a stand-in does what its manual says, and what a Raspberry
Pi's camera does and libcamera's virtual one does not: planar 4:2:0 with padded rows, controls, full range.
"""

import sys
import threading
import time
from concurrent.futures import CancelledError
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

STRIDE = 128
PADDING = 77


class Request:
    """A completed request, which counts how often it is given back."""

    def __init__(self, camera: "FakePicamera2", number: int) -> None:
        self._camera, self.released = camera, 0
        plane = SimpleNamespace(metadata=SimpleNamespace(sequence=number))
        self.request = SimpleNamespace(buffers={"stream": plane})
        self.stamp_ns = time.monotonic_ns() + camera.clock_ahead_ns

    def make_buffer(self, name: str) -> np.ndarray:
        width, height = self._camera.camera_configuration()[name]["size"]
        rows = np.full((height, STRIDE), PADDING, np.uint8)
        rows[:, :width] = 50
        chroma = np.full((2, height // 2, STRIDE // 2), PADDING, np.uint8)
        chroma[0, :, : width // 2], chroma[1, :, : width // 2] = 100, 200
        return np.concatenate([rows.reshape(-1), chroma.reshape(-1)])

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": self.stamp_ns}

    def release(self) -> None:
        self.released += 1


class FakePicamera2:
    """picamera2, as far as the source uses it."""

    cameras: ClassVar = [{"Model": "imx708"}, {"Model": "ov5647"}]
    fails: Exception | None = None
    largest = (96, 64)
    clock_ahead_ns = 0
    opened: ClassVar[list["FakePicamera2"]] = []

    def __init__(self, number: int) -> None:
        self.notifymeread = SimpleNamespace(closed=True)
        if self.fails:
            raise RuntimeError("Camera __init__ sequence did not complete.") from self.fails
        self.silent, self.hangs = threading.Event(), threading.Event()
        self.closed, self.cancelled = 0, threading.Event()
        self.controls: dict[str, Any] = {}
        self.requests: list[Request] = []
        self.opened.append(self)

    @classmethod
    def global_camera_info(cls) -> list[dict[str, str]]:
        return cls.cameras

    camera_controls: ClassVar = {
        "ExposureTime": (13, 112_015, 20_000),
        "AwbEnable": (False, True, None),
        "AfMode": (0, 2, 0),
        "FrameDurationLimits": (16_667, 100_000, None),
    }

    def create_video_configuration(self, **asked: Any) -> dict[str, Any]:
        return asked

    def configure(self, asked: dict[str, Any]) -> None:
        size = tuple(min(wanted, most) for wanted, most in zip(asked["main"]["size"], self.largest, strict=True))
        self._given = asked | {"main": {"format": "YUV420", "size": size, "stride": STRIDE}}

    def camera_configuration(self) -> dict[str, Any]:
        return self._given

    def set_controls(self, controls: dict[str, Any]) -> None:
        self.controls |= controls

    def start(self) -> None:
        if "ExposureTime" in self.controls and self.controls["ExposureTime"] < 0:
            raise ValueError("bad value")

    def capture_request(self, wait: bool) -> int:
        assert wait is False
        return 0

    def wait(self, job: int, timeout: float) -> Request:
        while self.hangs.is_set():
            threading.Event().wait(0.01)
        if self.silent.is_set():
            if self.cancelled.wait(timeout):
                raise CancelledError
            raise TimeoutError
        time.sleep(0.005)
        self.requests.append(Request(self, 10 + 3 * len(self.requests)))
        return self.requests[-1]

    def cancel_all_and_flush(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.closed += 1


def colour_space(*, full: bool, matrix: str, primaries: str, transfer: str) -> Any:
    return SimpleNamespace(
        range=SimpleNamespace(name="Full" if full else "Limited"),
        ycbcrEncoding=SimpleNamespace(name=matrix),
        primaries=SimpleNamespace(name=primaries),
        transferFunction=SimpleNamespace(name=transfer),
    )


SYCC = colour_space(full=True, matrix="Rec601", primaries="Rec709", transfer="Srgb")
SMPTE170M = colour_space(full=False, matrix="Rec601", primaries="Smpte170m", transfer="Rec709")
REC709 = colour_space(full=False, matrix="Rec709", primaries="Rec709", transfer="Rec709")
"""As libcamera defines them (``color_space.cpp``)."""


def install(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    """Make ``import picamera2`` give a stand-in, and return it."""

    class Fake(FakePicamera2):
        opened: ClassVar[list[FakePicamera2]] = []

    picamera2, libcamera = ModuleType("picamera2"), ModuleType("libcamera")
    picamera2.Picamera2 = Fake  # type: ignore[attr-defined]
    libcamera.Transform = lambda hflip=0, vflip=0: SimpleNamespace(hflip=hflip, vflip=vflip)  # type: ignore[attr-defined]
    libcamera.ColorSpace = SimpleNamespace(Sycc=lambda: SYCC)  # type: ignore[attr-defined]
    focus = SimpleNamespace(__members__={"Manual": 0, "Auto": 1, "Continuous": 2})
    libcamera.controls = SimpleNamespace(AfModeEnum=focus, draft=SimpleNamespace())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", picamera2)
    monkeypatch.setitem(sys.modules, "libcamera", libcamera)
    return Fake
