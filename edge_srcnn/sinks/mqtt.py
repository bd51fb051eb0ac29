"""``mqtt://BROKER`` and ``mqtts://BROKER``: pictures and state for Home Assistant. Imports nothing large."""

import importlib
import logging
import os
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from edge_srcnn.errors import NoInput, Unavailable, UsageError, reason
from edge_srcnn.errors.masking import remember_secret
from edge_srcnn.sinks import camera_name
from edge_srcnn.system.certificates import Trust, fingerprint
from edge_srcnn.system.files import cure_of_shared_file
from edge_srcnn.system.packages import why_not_imported
from edge_srcnn.uri import Uri, flag, one_of, read_options, seconds, whole_number

if TYPE_CHECKING:
    from edge_srcnn.sinks.mqtt_sink import MqttSink

log = logging.getLogger(__name__)

EXTRA = "edge-srcnn[mqtt]"
OFF = "off"
_CONTROL = ("yes", "no", "persist")
PORTS = {"mqtt": 1883, "mqtts": 8883}

_BEST_QUALITY = 100
_TOPIC_BYTES = 200  # of 65,535 (MQTT 5, 1.5.4): what follows it has to fit, and people have to read it
_TLS_ONLY = ("ca", "cert", "key", "fingerprint", "verify")
_PREFIX = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_LOCAL = ("localhost", "127.0.0.1", "::1")


def options(uri: Uri) -> dict[str, Any]:
    """Read the options of a broker's address, without a look at the files that they name.

    topic (below which all is published; edge-srcnn/NAME), name (of the camera, here alone), snapshot (seconds between
    pictures, or off; 10), quality (of JPEG; 85), interval (seconds between states; 10), discovery (Home Assistant's
    prefix, or off; homeassistant), control (may who publishes change settings: no; yes, until the next start; persist).

    user, password_file (a file that holds the password alone). Of mqtts: ca (authorities to trust instead of this
    machine's), cert and key (this client's), files in PEM; fingerprint (SHA-256 of the broker's certificate), verify=no
    (take any certificate). In names of files $CREDENTIALS_DIRECTORY and its like are filled in.
    """
    parts = _split(uri)
    given = read_options(
        uri,
        topic=_topic,
        name=camera_name,
        snapshot=_seconds_or_off,
        quality=_quality,
        interval=seconds,
        discovery=_prefix,
        control=one_of(*_CONTROL),
        user=_word,
        password_file=_file,
        ca=_file,
        cert=_file,
        key=_file,
        fingerprint=fingerprint,
        verify=flag,
    )
    if uri.scheme == "mqtt" and (wrong := [name for name in _TLS_ONLY if name in given]):
        raise UsageError(f"{uri.name}: {wrong[0]}= goes with mqtts://, which encrypts")
    if ("cert" in given) != ("key" in given):
        raise UsageError(f"{uri.name}: give cert= and key=, or neither")
    if parts.username and "user" in given:
        raise UsageError(f"{uri.name}: give the user in front of the @ or as user=, not both")
    if parts.password and "password_file" in given:
        raise UsageError(f"{uri.name}: give the password in front of the @ or password_file=, not both")
    if "password_file" in given and not (parts.username or "user" in given):
        raise UsageError(f"{uri.name}: password_file= goes with user=")
    return given


def open(uri: Uri, **given: Any) -> "MqttSink":
    """Get ready to connect, which ``begin`` does.

    Parameters
    ----------
    uri
        The broker's address.
    **given
        As ``options`` reads them.

    Returns
    -------
    The sink.

    Raises
    ------
    Unavailable
        paho-mqtt 2 is not installed.
    NoInput
        A file cannot be read, which may pass.
    UsageError
        A file does not hold what it should.
    """
    try:
        importlib.import_module("paho.mqtt.enums")  # paho-mqtt 1 has none
    except Exception as error:  # one that is broken raises anything
        raise Unavailable(f"{uri.name}: {why_not_imported('paho-mqtt 2, needed for MQTT,', error, EXTRA)}") from error
    from edge_srcnn.sinks.mqtt_connection import Broker
    from edge_srcnn.sinks.mqtt_sink import MqttSink

    parts = _split(uri)
    user = given.pop("user", None) or (unquote(parts.username) if parts.username else None)
    password = unquote(parts.password) if parts.password else None
    if "password_file" in given:
        password = _password_of(given.pop("password_file"))
    host = parts.hostname or ""
    if password and uri.scheme == "mqtt" and host not in _LOCAL:
        log.warning("%s: the password goes over the network as it is; mqtts:// encrypts it", uri.name)
    trust = Trust(given.pop("verify", True), given.pop("fingerprint", None), given.pop("ca", None))
    own = given.pop("cert", None), given.pop("key", None)
    context = _context(uri.name, trust, own) if uri.scheme == "mqtts" else None
    broker = Broker(uri.name, host, parts.port or PORTS[uri.scheme], user, password, trust, context)
    if "name" in given:
        given["camera"] = given.pop("name")
    return MqttSink(broker, **given)


def _split(uri: Uri) -> SplitResult:
    if not uri.is_network:
        raise UsageError(f"{uri.text}: give {uri.scheme}://HOST, and options after #, such as #snapshot=5")
    try:
        parts = urlsplit(uri.target)
        if not parts.hostname or parts.port == 0:
            raise ValueError("no host, or port 0")
    except ValueError as error:
        raise UsageError(f"{uri.name}: no address of a broker ({reason(error)}); give {uri.scheme}://HOST") from error
    if parts.query:
        raise UsageError(f"{uri.name}: options follow a #, not a ?; such as {uri.scheme}://HOST#snapshot=5")
    if parts.path.strip("/"):
        raise UsageError(f"{uri.name}: give the topic as an option: {uri.scheme}://HOST#topic={parts.path.strip('/')}")
    return parts


def _context(name: str, trust: Trust, own: tuple[str | None, str | None]) -> ssl.SSLContext:
    cert, key = own
    files = ", ".join(file for file in (trust.authorities, cert, key) if file)
    try:
        context = trust.pinned_context()
        if cert is not None:
            context.load_cert_chain(cert, key, password="")  # else OpenSSL would ask at the terminal
    except (FileNotFoundError, PermissionError) as error:
        raise NoInput(f"{name}: {files}: cannot be read ({error.strerror})") from error
    except OSError as error:
        raise UsageError(f"{name}: {files}: no certificates and key in PEM ({reason(error)})") from error
    return context


def _password_of(file: str) -> str:
    try:
        password = Path(file).read_text(encoding="utf-8").strip("\r\n")
    except OSError as error:
        raise NoInput(f"password_file={file}: cannot be read ({error.strerror})") from error
    except UnicodeError as error:
        raise UsageError(f"password_file={file}: not a text") from error
    if not password or "\n" in password:
        raise UsageError(f"password_file={file}: has to hold one line, the password")
    remember_secret(password)
    if (cure := cure_of_shared_file(file)) is not None:
        log.warning("%s: others on this machine can read the secret in it: %s", file, cure)
    return password


def _topic(text: str) -> str:
    bad = any(letter in text for letter in "+#\0") or text.startswith(("/", "$")) or text.endswith("/")
    if not text.isprintable() or not text or bad or len(text.encode(errors="replace")) > _TOPIC_BYTES:
        raise ValueError("give a topic without + and #, such as edge-srcnn/garden")
    return text


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError("give Home Assistant's discovery prefix, such as homeassistant, or off")
    return "" if text == OFF else text


def _seconds_or_off(text: str) -> float:
    try:
        return 0.0 if text == OFF else seconds(text)
    except ValueError:
        raise ValueError("give seconds, such as 5 or 0.5, or off") from None


def _quality(text: str) -> int:
    if (quality := whole_number(text)) > _BEST_QUALITY:
        raise ValueError(f"give 1 to {_BEST_QUALITY}")
    return quality


def _word(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


def _file(text: str) -> str:
    if not text:
        raise ValueError("give a file")
    return os.path.expandvars(text)
