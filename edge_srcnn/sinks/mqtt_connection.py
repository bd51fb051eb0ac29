"""One connection to a broker, from one thread that never waits for it: what cannot be sent at once waits in memory."""

import secrets
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_srcnn.errors import Unavailable, reason
from edge_srcnn.system.certificates import TRUST, Trust, why_untrusted

KEEP_ALIVE_S = 15
"""A broker that says nothing for twice as long is gone; it tells others that we are, after one and a half times."""

CONNECT_S, ANSWER_S = 5.0, 10.0
"""How long a connection may take, and the broker's first answer."""

MAX_PACKET_BYTES = 65_536
"""What anybody may send us. Without a limit a client that may publish could fill the memory (MQTT 5, 3.1.2.11.4)."""

_GOOD_BYE_S = 0.5
_WRONG_LOGIN = frozenset({"Bad user name or password", "Not authorized"})
_NOT_TOLD = "Unspecified error"  # paho's word where the connection ended without one
_OLD_BROKER = "Unsupported protocol version"


@dataclass(frozen=True)
class Broker:
    """Say where a broker is, and how to log in.

    Attributes
    ----------
    name
        For messages, without secrets.
    trust, context
        Of certificates; None: no TLS.
    """

    name: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trust: Trust = TRUST
    context: ssl.SSLContext | None = None


@dataclass(frozen=True)
class Message:
    """Hold what is published: QoS 0 is lost where the connection is, 1 arrives at least once."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Connection:
    """Connect to a broker, anew each time.

    Parameters
    ----------
    broker
        Which one.
    will
        What it tells others when we are gone without a word.
    take
        Gets what comes, in the thread that calls ``work``.

    Attributes
    ----------
    most_bytes
        What the broker takes in one message; None: it does not say.
    """

    def __init__(self, broker: Broker, will: Message, take: Callable[[MQTTMessage], None]) -> None:
        self.most_bytes: int | None = None
        self._broker, self._will, self._take = broker, will, take
        self._version = MQTTProtocolVersion.MQTTv5
        self._client: Client | None = None
        self._answer: Any = None
        self._lost = ""

    def connect(self) -> None:
        """Connect and log in; ``Unavailable`` says why that is not possible."""
        self._begin()
        if self._answer is not None and self._answer.getName() == _OLD_BROKER:
            self._version = MQTTProtocolVersion.MQTTv311
            self._begin()
        if self._answer.is_failure:
            said = self._answer.getName()
            who = "user or password" if said in _WRONG_LOGIN else "connection"
            raise Unavailable(f"{self._broker.name}: the broker refuses the {who} ({said})")

    def subscribe(self, *topics: str) -> None:
        """Ask for topics, with QoS 1."""
        self._of_client().subscribe([(topic, 1) for topic in topics])

    def publish(self, message: Message) -> None:
        """Send a message, now or as soon as the broker takes it."""
        self._of_client().publish(message.topic, message.payload, message.qos, message.retain)

    @property
    def is_free(self) -> bool:
        """Whether everything was sent: what is large waits until then."""
        return self._client is not None and not self._client.want_write()

    def work(self, timeout_s: float) -> None:
        """Send and receive for a while; ``Unavailable`` where the connection is lost."""
        client = self._of_client()
        connected: Any = client.socket()
        if connected is None:
            raise Unavailable(f"{self._broker.name}: the broker is gone ({self._lost or 'it closed the connection'})")
        waiting = getattr(connected, "pending", lambda: 0)()  # of TLS; poll does not see it
        poll = select.poll()  # select itself would fail from descriptor 1024 on
        poll.register(connected, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        ready = dict(poll.poll(0 if waiting else timeout_s * 1000)).get(connected.fileno(), 0)
        if waiting or ready & ~select.POLLOUT:
            client.loop_read()
        if ready & select.POLLOUT:
            client.loop_write()
        client.loop_misc()

    def close(self, *last: Message) -> None:
        """Say good-bye with some last messages, as far as the broker takes them soon; more than once."""
        client, end_s = self._client, monotonic() + _GOOD_BYE_S
        if client is None:
            return
        with suppress(Unavailable, OSError):
            for message in last:
                self.publish(message)
            while last and client.want_write() and monotonic() < end_s:
                self.work(0.05)
            client.disconnect()
            while client.want_write() and monotonic() < end_s:
                self.work(0.05)
        self.drop()

    def drop(self) -> None:
        """End the connection without a word: the broker tells our will."""
        client, self._client = self._client, None
        if client is not None and (connected := client.socket()) is not None:
            with suppress(OSError):
                connected.close()

    def _of_client(self) -> Client:
        if self._client is None:
            raise Unavailable(f"{self._broker.name}: not connected")
        return self._client

    def _begin(self) -> None:
        """Connect, and wait for the broker's first answer."""
        self.drop()
        broker, self._answer, self._lost = self._broker, None, ""
        try:
            self._client = client = self._new_client()
            properties = None
            if self._version == MQTTProtocolVersion.MQTTv5:
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it so
                properties.MaximumPacketSize = MAX_PACKET_BYTES
            client.connect(broker.host, broker.port, KEEP_ALIVE_S, properties=properties)
            end_s = monotonic() + ANSWER_S
            while self._answer is None:
                if monotonic() > end_s:
                    raise TimeoutError("it does not answer")
                self.work(0.1)
        except ssl.SSLCertVerificationError as error:
            why = why_untrusted(error, broker.trust, (broker.host, broker.port), CONNECT_S, "broker")
            raise Unavailable(f"{broker.name}: {why}") from error
        except OSError as error:
            raise Unavailable(f"{broker.name}: the broker cannot be reached ({_why(error)})") from error

    def _new_client(self) -> Client:
        broker, will = self._broker, self._will
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"edge-srcnn-{secrets.token_hex(4)}",  # never one that another one has, whom it would throw out
            protocol=self._version,
        )
        client.connect_timeout = CONNECT_S
        client.username_pw_set(broker.user, broker.password)
        if broker.context is not None:
            client.tls_set_context(broker.context)
        client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = lambda _client, _data, _flags, answer, told: self._answered(answer, told)
        client.on_disconnect = lambda _client, _data, _flags, code, _properties: self._has_lost(str(code))
        client.on_message = lambda _client, _data, message: self._take(message)
        return client

    def _answered(self, answer: Any, told: Any) -> None:
        self._answer, self.most_bytes = answer, getattr(told, "MaximumPacketSize", None)  # of MQTT 5 alone

    def _has_lost(self, why: str) -> None:
        self._lost = "" if why == _NOT_TOLD else why


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no such name in the network"
    return "it does not answer in time" if isinstance(error, TimeoutError) else reason(error)
