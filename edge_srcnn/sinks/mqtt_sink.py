"""Publish pictures and state in a thread of its own: a broker that is slow or gone holds up no frame."""

import logging
import threading
from concurrent.futures import Future
from dataclasses import replace
from time import monotonic
from typing import Any

import cv2
from paho.mqtt.client import MQTTMessage

from edge_srcnn.errors import EdgeSrcnnError, InternalError, Unavailable, describe
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.sinks import Result, Sink, Stream
from edge_srcnn.sinks.home_assistant import (
    CAMERA,
    OFFLINE,
    ONLINE,
    PROBLEM,
    SENSORS,
    TEMPERATURE,
    Entity,
    HomeAssistant,
    Topics,
)
from edge_srcnn.sinks.home_assistant_controls import controls
from edge_srcnn.sinks.mqtt_commands import Commands
from edge_srcnn.sinks.mqtt_connection import Broker, Connection, Message
from edge_srcnn.sinks.mqtt_state import ROOT, as_json, differs, slug, state_of, topic_of
from edge_srcnn.system.backoff import Backoff
from edge_srcnn.system.temperature import processor_temperature_c

log = logging.getLogger(__name__)

RETRY_MOST_S = 10.0
"""The longest wait before a broker that is gone is tried again."""

_GOOD_S = 10.0
"""A connection that lasted for so long is made again at once when it is lost."""

_WORK_S = 0.1
_HEAD_BYTES = 1024  # of a message, beyond what it holds
_LOOK_S = 1.0
_JOIN_S = 2.0


class MqttSink(Sink):
    """Connect at ``begin``, and again by itself whenever the connection is lost.

    Parameters
    ----------
    broker
        Where to publish.
    topic
        Below which all is published; None: one of the camera's name, or this machine's.
    camera
        The camera's name; None: that which the pipeline tells, if it has one.
    snapshot
        Seconds between two pictures; 0: none.
    quality
        Of JPEG, 1 to 100.
    interval
        Seconds between two states; what matters is told at once.
    discovery
        Home Assistant's discovery prefix; empty: nothing is told to it.
    control
        Whether who publishes below the topic may change settings: ``yes``, ``no``; ``persist``: beyond the next start.
    """

    live, blocking, on_demand, occasional = True, False, True, True

    def __init__(
        self,
        broker: Broker,
        *,
        topic: str | None = None,
        camera: str | None = None,
        snapshot: float = 10.0,
        quality: int = 85,
        interval: float = 10.0,
        discovery: str = "homeassistant",
        control: str = "yes",
    ) -> None:
        self.name = broker.name
        self.last_error: str | None = None
        self._broker, self._topic, self._camera = broker, topic, camera
        self._snapshot_s, self._quality, self._interval_s = snapshot, quality, interval
        self._discovery, self._control = discovery, control
        self._picture: Frame | None = None
        self._picture_due_s = self._state_due_s = self._look_due_s = 0.0
        self._told: dict[str, Any] = {}
        self._settings_told: dict[str, Any] = {}
        self._discovered: tuple[Message, ...] = ()
        self._commands: Commands | None = None
        self._is_news = False  # somebody has started who knows nothing yet
        self._connected, self._closing = False, threading.Event()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def begin(self, stream: Stream) -> None:
        """Connect; ``Unavailable`` where that fails."""
        camera = self._camera or stream.name
        root = self._topic or topic_of(camera)
        node = f"{ROOT}-{slug(root.removeprefix(f'{ROOT}/'))}"
        self._stream, self._topics = stream, Topics(root)
        self._settings = stream.control if self._control != "no" else None
        self._home = HomeAssistant(self._discovery, self._topics, node, self._interval_s)
        will = Message(self._topics.availability, OFFLINE.encode(), qos=1, retain=True)
        self._connection = Connection(self._broker, will, self._take)
        if self._settings is not None:
            persist = self._control == "persist"
            self._commands = Commands(self.name, self._settings, persist=persist, done=self._look_soon)
        self._thread.start()
        self._ready.result()

    def write(self, result: Result) -> None:
        """Keep a result where a picture is due."""
        now_s = monotonic()
        if result.enhanced and self._connected and self._snapshot_s and now_s >= self._picture_due_s:
            self._picture_due_s, self._picture = now_s + self._snapshot_s, result.frame

    def wants_frames(self) -> bool:
        """Tell whether a picture is due, and the last one was sent."""
        due = self._snapshot_s > 0 and monotonic() >= self._picture_due_s
        return due and self._connected and self._picture is None

    def close(self) -> None:
        """Tell that the camera is offline, and end the thread."""
        self._closing.set()
        if self._commands is not None:
            self._commands.close()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        backoff = Backoff(RETRY_MOST_S)
        while not self._closing.is_set():
            try:
                self._connection.connect()
                self._introduce()
                self._has_connected()
                good_s = monotonic() + _GOOD_S
                while not self._closing.is_set():
                    self._publish_what_is_due()
                    self._connection.work(_WORK_S)
                    if monotonic() > good_s:
                        backoff.reset()
                self._connection.close(Message(self._topics.availability, OFFLINE.encode(), qos=1, retain=True))
            except Exception as error:  # whatever it is, frames go on
                self._has_lost(error if isinstance(error, EdgeSrcnnError) else InternalError.of(error, self.name))
                if self._closing.is_set() or not self._ready.done():
                    break
                self._closing.wait(backoff.next_s())
        if not self._ready.done():
            self._ready.set_exception(Unavailable(self.last_error or f"{self.name}: closed"))

    def _has_connected(self) -> None:
        self._connected, self._look_due_s = True, 0.0
        if self.last_error is not None:
            log.warning("%s: works again", self.name)
        self.last_error = None
        if not self._ready.done():
            self._ready.set_result(None)

    def _has_lost(self, error: EdgeSrcnnError) -> None:
        self._connected, self._picture = False, None
        self._connection.drop()
        said = describe(error)
        if self._ready.done() and said != self.last_error and not self._closing.is_set():
            log.error("%s; trying again", said)
        self.last_error = said

    def _entities(self) -> tuple[Entity, ...]:
        camera = (CAMERA,) if self._snapshot_s else ()
        heat = (TEMPERATURE,) if processor_temperature_c() is not None else ()
        settings = () if self._settings is None else controls(self._settings.settings(), self._topics)
        return (*camera, PROBLEM, *SENSORS, *heat, *settings)

    def _introduce(self) -> None:
        """Say all that others need to know who have just connected."""
        if self._discovery:
            self._connection.subscribe(self._home.birth, self._home.former)
        if self._commands is not None:
            self._connection.subscribe(self._topics.command("+"))
        self._discovered, self._is_news = (), False
        self._discover()
        self._connection.publish(Message(self._topics.availability, ONLINE.encode(), qos=1, retain=True))
        self._state_due_s = self._picture_due_s = 0.0

    def _discover(self) -> None:
        """Tell Home Assistant what has changed among the entities."""
        name = self._camera or self._stream.present_name or f"{ROOT} {self._topics.root.rpartition('/')[2]}"
        now = self._home.discovery(name, self._entities())
        topics = {each.topic for each in now}
        gone = (replace(each, payload=b"") for each in self._discovered if each.topic not in topics)
        for message in (*gone, *(each for each in now if each not in self._discovered)):
            self._connection.publish(message)
        self._discovered = now

    def _publish_what_is_due(self) -> None:
        if monotonic() >= self._look_due_s and self._connection.is_free:
            self._look_due_s = monotonic() + _LOOK_S
            if self._is_news:
                self._introduce()
            self._publish_state()
        if (frame := self._picture) is not None and self._connection.is_free:
            self._publish_picture(self._encoded(frame))
            self._picture = None

    def _publish_state(self) -> None:
        """Tell state and settings when it is time, or something changed that people want to know at once."""
        due, settings = monotonic() >= self._state_due_s, self._settings_now()
        state = state_of(self._stream.state(), "" if self._commands is None else self._commands.refused)
        if due or differs(self._told, state):
            self._told = state
            self._connection.publish(Message(self._topics.state, as_json(state)))
        if settings and (due or settings != self._settings_told):
            self._settings_told = settings
            self._discover()
            self._connection.publish(Message(self._topics.settings, as_json(settings), qos=1, retain=True))
        if due:
            self._state_due_s = monotonic() + self._interval_s

    def _look_soon(self) -> None:
        """Tell what has changed at once; from any thread."""
        self._look_due_s = 0.0

    def _settings_now(self) -> dict[str, Any]:
        if self._settings is None:
            return {}
        blocked = {each.name: each.blocked for each in self._settings.settings() if each.blocked}
        return {"settings": self._settings.values(), "blocked": blocked}

    def _publish_picture(self, data: bytes) -> None:
        most = self._connection.most_bytes
        if most is None or len(data) + _HEAD_BYTES <= most:
            self._connection.publish(Message(self._topics.picture, data))
            self.last_error = None
            return
        said = (
            f"{self.name}: pictures of {len(data)} bytes are more than the broker takes ({most}); give a lower quality="
        )
        if self.last_error is None:
            log.error("%s", said)
        self.last_error = said

    def _encoded(self, frame: Frame) -> bytes:
        _, data = cv2.imencode(".jpg", frame.bgr(), [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        return data.tobytes()

    def _take(self, message: MQTTMessage) -> None:
        """Take a message; whatever is in it, it ends nothing."""
        old = message.retain  # it was meant for another time
        try:
            if self._discovery and self._home.is_own(message.topic):
                self._remove_former(message)
            elif message.topic == self._home.birth and not old and message.payload == ONLINE.encode():
                self._is_news = True
            elif self._commands is not None and message.topic.startswith(self._topics.command("")) and not old:
                self._commands.take(message.topic.rpartition("/")[2], bytes(message.payload))
        except Exception as error:  # of a payload that nobody foresaw
            log.warning("%s: a message is ignored (%s)", self.name, describe(error))

    def _remove_former(self, message: MQTTMessage) -> None:
        """Take back what an earlier start told of an entity that there is no more."""
        present = {each.topic for each in self._discovered}
        if message.retain and message.payload and message.topic not in present:
            self._connection.publish(Message(message.topic, b"", qos=1, retain=True))
