"""The real mosquitto, one for each test, and somebody who listens to all that it passes on."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import open_sink
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.web.serving import wait_until

WAIT_S = 20.0 * SLOWER


def mosquitto() -> str:
    """Where the broker's program is; skips where it is not installed."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if found is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    return found


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


class Mosquitto:
    """A broker at a free port of this machine.

    Parameters
    ----------
    settings
        Further lines of mosquitto.conf.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        self._program, self._folder = mosquitto(), folder
        self.port = free_port()
        lines = settings or ("allow_anonymous true",)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "mosquitto.conf"
        file.write_text("\n".join([f"listener {self.port} 127.0.0.1", "user root", *lines]) + "\n")
        self._command = [self._program, "-c", str(file)]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        log = (self._folder / "mosquitto.log").open("ab")
        with log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._listens, WAIT_S)

    def stop(self) -> None:
        """Kill it."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def pause(self) -> None:
        """Let it hang: connections stay, nothing is read."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """End the pause."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGCONT)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextmanager
def broker(folder: Path, *settings: str) -> Iterator[Mosquitto]:
    """A broker until the end of the block."""
    started = Mosquitto(folder, *settings)
    try:
        yield started
    finally:
        started.stop()


@dataclass(frozen=True)
class Heard:
    """A message that came."""

    topic: str
    payload: bytes
    retain: bool

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Listener:
    """Hears all that a broker passes on, and publishes. A context manager."""

    def __init__(self, port: int, user: str | None = None, password: str | None = None, ca: str | None = None) -> None:
        self.heard: list[Heard] = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set(user, password)
        if ca is not None:
            self._client.tls_set(ca)
        self._client.on_connect = lambda client, *_: client.subscribe([("#", 1)])
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            Heard(message.topic, message.payload, message.retain)
        )
        self._client.connect("localhost" if ca else "127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(WAIT_S)

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        """Publish a message, and wait until the broker has it."""
        self._client.publish(topic, payload, 1, retain).wait_for_publish(WAIT_S)

    def of(self, topic: str) -> list[Heard]:
        """What came on a topic."""
        return [each for each in self.heard.copy() if each.topic == topic]

    def wait(self, topic: str, count: int = 1) -> Heard:
        """Wait until so many messages have come on a topic; the last of them."""
        wait_until(lambda: len(self.of(topic)) >= count, WAIT_S)
        return self.of(topic)[-1]

    def state(self, root: str) -> Any:
        """The newest state below a topic."""
        return self.wait(f"{root}/state").json

    def discovered(self, prefix: str = "homeassistant") -> dict[str, Any]:
        """What Home Assistant knows: of each topic of discovery the last message, as far as that was not empty."""
        last = {each.topic: each.payload for each in self.heard.copy() if each.topic.startswith(f"{prefix}/")}
        return {topic: json.loads(payload) for topic, payload in last.items() if payload and topic.endswith("/config")}

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *reason: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


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
