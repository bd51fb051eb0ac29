"""Certificates of cameras: refused unless an authority signed them, or the user says that they are good."""

import ssl
import subprocess
import threading
from time import monotonic

import pytest

pytest.importorskip("av")
pytest.importorskip("requests")

from edge_srcnn.errors import SourceLost, UsageError
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect
from tests.edge_srcnn.sources.raw_server import MULTIPART, jpeg, levels, part, serving, take

pytestmark = pytest.mark.slow

LEVELS = [50, 100, 150]


def certificate(folder, name, *more):
    """A key, and a certificate that it signed itself, as cameras make them."""
    made = folder / f"{name}.pem"
    subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "9", *more]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*command, "-keyout", made, "-out", folder / "crt", *subject], check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + (folder / "crt").read_bytes())
    return made


def printed(pem):
    """What openssl prints of it."""
    command = ["openssl", "x509", "-in", pem, "-noout", "-fingerprint", "-sha256"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("certificates"), "camera")


class Camera:
    """What it was asked is kept: nobody may ask a camera that is not the right one."""

    def __init__(self):
        self.asked = 0

    def __call__(self, client):
        self.asked += 1
        again = True
        while again:
            if client.path == "/still.jpg":
                client.answer("200 OK", jpeg(), Content_Type="image/jpeg", Connection="close")
                return
            client.send(MULTIPART + b"".join(part(jpeg(level)) for level in LEVELS))
            return


@pytest.fixture
def secured(pem):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    camera = Camera()
    with serving(camera, context) as host:
        yield f"https://{host}/stream", camera


def test_a_certificate_that_nobody_signed_is_refused_and_the_cure_is_told(secured, pem):
    address, camera = secured
    with pytest.raises(SourceLost) as raised:
        open_source(address)
    said = str(raised.value)
    digits = printed(pem).partition("=")[2]
    assert "not trusted" in said and f"fingerprint={digits}" in said and "verify=no" in said and "\n" not in said
    assert camera.asked == 0
    assert levels(collect(open_source(f"{address}#fingerprint={digits}"))[0]) == LEVELS, "as it was told"


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text.partition("=")[2],
        lambda text: text.partition("=")[2].replace(":", ""),
        lambda text: text.partition("=")[2].lower(),
        lambda text: text.partition("=")[2].replace(":", "").lower(),
        lambda text: text,
        lambda text: text.partition("=")[2].replace(":", "-"),
    ],
    ids=["colons", "bare", "small", "bare and small", "as printed", "dashes"],
)
def test_a_pinned_certificate_is_good_in_any_spelling(secured, pem, write):
    address, _ = secured
    assert levels(collect(open_source(f"{address}#fingerprint={write(printed(pem))}"))[0]) == LEVELS


def test_any_certificate_is_good_where_that_is_said(secured):
    address, _ = secured
    assert levels(collect(open_source(f"{address}#verify=no"))[0]) == LEVELS


def test_another_certificate_than_the_pinned_one_is_refused_before_anything_is_asked(secured, tmp_path):
    address, camera = secured
    other = printed(certificate(tmp_path, "other")).partition("=")[2]
    for more in ("", "&verify=no", "&verify=yes"):
        with pytest.raises(SourceLost, match="another certificate than fingerprint= names"):
            open_source(f"{address}#fingerprint={other}{more}")
    assert camera.asked == 0


def test_every_connection_is_looked_at(secured, pem):
    address, camera = secured
    address = address.replace("/stream", "/still.jpg")
    digits = printed(pem).partition("=")[2]
    take(open_source(f"{address}#every=0.05&fingerprint={digits}"), 3)
    assert camera.asked == 3


def test_an_authority_that_the_machine_trusts_is_good(secured, pem, monkeypatch):
    address, _ = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    assert levels(collect(open_source(address))[0]) == LEVELS
    with pytest.raises(SourceLost, match=r"not trusted.*[Hh]ostname"):
        open_source(address.replace("127.0.0.1", "localhost"))


def test_wake_ends_a_wait_for_a_secured_camera(pem):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def camera(client):
        client.send(MULTIPART + part(jpeg()))
        client.wait(30)

    with serving(camera, context) as host:
        source = open_source(f"https://{host}/#verify=no&timeout=20")
        assert source.read() is not None
        timer = threading.Timer(0.1, source.wake)
        timer.start()
        began = monotonic()
        assert source.read() is None and monotonic() - began < SOON_S
        source.close()
        timer.join()


def test_only_the_machines_own_authorities_are_good(secured, pem, monkeypatch):
    address, camera = secured
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(pem))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(pem))
    with pytest.raises(SourceLost, match="not trusted"):
        open_source(address)
    assert camera.asked == 0


@pytest.mark.parametrize("text", ["", "12", "zz" * 32, "ab" * 20, "ab" * 33])
def test_a_fingerprint_that_is_none_is_the_users_mistake(text):
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        open_source(f"https://127.0.0.1/#fingerprint={text}")
