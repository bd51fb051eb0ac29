"""Passwords and certificates, with a real mosquitto that wants them."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.enums")

from edge_srcnn.errors import Unavailable
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import Stream, open_sink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.sinks.brokers import Listener, Mosquitto, broker

pytestmark = pytest.mark.slow

ROOT = "edge-srcnn/garden"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with broker(tmp_path / "broker") as started:
        yield started


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that wants a password."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed (apt install mosquitto)")
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), "camera", "right-password-1"], check=True)
    with broker(tmp_path / "broker", "allow_anonymous false", f"password_file {file}") as started:
        yield started


@pytest.mark.parametrize("how", ["address", "file"])
def test_a_password_opens_the_broker(tmp_path: Path, closed: Mosquitto, how: str) -> None:
    file = tmp_path / "password"
    file.write_text("right-password-1\n")
    file.chmod(0o600)
    address = f"mqtt://127.0.0.1:{closed.port}#interval=0.5&user=camera&password_file={file}"
    if how == "address":
        address = f"mqtt://camera:right-password-1@127.0.0.1:{closed.port}#interval=0.5"
    sink = open_sink(address)
    sink.begin(
        Stream(None, None, None, Pipeline(open_source("test:"), load_model(engine="bicubic"), []).state, "Garden")
    )
    with Listener(closed.port, "camera", "right-password-1") as listener:
        assert listener.wait(f"{ROOT}/availability").payload == b"online"
        listener.wait(f"{ROOT}/state")
    sink.close()


@pytest.mark.parametrize("login", ["", "camera:wrong-password-2@", "camera@"])
def test_a_wrong_password_is_told_and_not_shown(closed: Mosquitto, login: str) -> None:
    sink = open_sink(f"mqtt://{login}127.0.0.1:{closed.port}")
    with pytest.raises(Unavailable, match="the broker refuses the user or password") as raised:
        sink.begin(Stream(None, None, None, lambda: None))
    assert "wrong-password-2" not in str(raised.value)


class Authority:
    """An authority of the test's own, and the certificate of a broker that it has signed."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self.ca, ca_key = folder / f"{name}.pem", folder / f"{name}-key.pem"
        self.key, request, self.certificate = (
            folder / f"{name}-{part}" for part in ("broker-key.pem", "csr", "cert.pem")
        )
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self._openssl("req", "-x509", *ec, "-keyout", ca_key, "-out", self.ca, "-days", 2, "-subj", f"/CN={name}")
        self._openssl("req", *ec, "-keyout", self.key, "-out", request, "-subj", "/CN=localhost")
        names = folder / "names"
        names.write_text("subjectAltName=DNS:localhost")
        signed = ("-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", 2, "-extfile", names)
        self._openssl("x509", "-req", "-in", request, *signed, "-out", self.certificate)

    @property
    def fingerprint(self) -> str:
        told = self._openssl("x509", "-in", self.certificate, "-noout", "-fingerprint", "-sha256")
        return told.strip().partition("=")[2]

    @staticmethod
    def _openssl(*words: object) -> str:
        done = subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, text=True)
        return done.stdout


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    folder = tmp_path_factory.mktemp("authorities")
    return Authority(folder, "right"), Authority(folder, "wrong")


@pytest.fixture
def encrypted(tmp_path: Path, authorities: tuple[Authority, Authority]) -> Iterator[Mosquitto]:
    right = authorities[0]
    with broker(
        tmp_path / "broker", "allow_anonymous true", f"certfile {right.certificate}", f"keyfile {right.key}"
    ) as started:
        yield started


def state_of_nothing() -> Any:
    return Pipeline(open_source("test:"), load_model(engine="bicubic"), []).state()


@pytest.mark.parametrize("trust", ["ca={ca}", "fingerprint={fingerprint}", "verify=no"])
def test_an_encrypted_broker_is_spoken_to(
    encrypted: Mosquitto, authorities: tuple[Authority, Authority], trust: str
) -> None:
    right = authorities[0]
    options = trust.format(ca=right.ca, fingerprint=right.fingerprint)
    sink = open_sink(f"mqtts://localhost:{encrypted.port}#interval=0.5&{options}")
    sink.begin(Stream(None, None, None, state_of_nothing, "Garden"))
    with Listener(encrypted.port, ca=str(right.ca)) as listener:
        assert listener.wait(f"{ROOT}/availability").payload == b"online"
        listener.wait(f"{ROOT}/state", 2)
    sink.close()


@pytest.mark.parametrize(
    ("trust", "said"),
    [
        ("", "its certificate is not trusted .*; if it is the broker's own, add fingerprint={fingerprint}"),
        ("ca={wrong}", "its certificate is not trusted"),
        ("fingerprint=" + 64 * "0", "shows another certificate than fingerprint= names, {fingerprint}"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_refused_with_what_to_do(
    encrypted: Mosquitto, authorities: tuple[Authority, Authority], trust: str, said: str
) -> None:
    right, wrong = authorities
    sink = open_sink(f"mqtts://localhost:{encrypted.port}#{trust.format(wrong=wrong.ca)}".rstrip("#"))
    with pytest.raises(Unavailable, match=said.format(fingerprint=right.fingerprint)):
        sink.begin(Stream(None, None, None, state_of_nothing))


def test_a_certificate_of_another_name_is_refused(
    encrypted: Mosquitto, authorities: tuple[Authority, Authority]
) -> None:
    sink = open_sink(f"mqtts://127.0.0.1:{encrypted.port}#ca={authorities[0].ca}")
    with pytest.raises(Unavailable, match=r"its certificate is not trusted \(.*127\.0\.0\.1"):
        sink.begin(Stream(None, None, None, state_of_nothing))


def test_plain_mqtt_to_an_encrypted_port_ends_in_time(encrypted: Mosquitto) -> None:
    sink = open_sink(f"mqtt://127.0.0.1:{encrypted.port}")
    with pytest.raises(Unavailable, match="the broker"):
        sink.begin(Stream(None, None, None, state_of_nothing))


def test_encryption_to_a_plain_port_ends_in_time(mosquitto: Mosquitto) -> None:
    sink = open_sink(f"mqtts://127.0.0.1:{mosquitto.port}#verify=no")
    with pytest.raises(Unavailable, match="the broker cannot be reached"):
        sink.begin(Stream(None, None, None, state_of_nothing))
    assert ssl.OPENSSL_VERSION
