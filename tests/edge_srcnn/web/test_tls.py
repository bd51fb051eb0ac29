import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")

from edge_srcnn.errors import NoInput, UsageError
from edge_srcnn.sinks import Stream, open_sink
from edge_srcnn.web import connections, tls
from edge_srcnn.web.connections import MOST_HANDSHAKES
from tests.edge_srcnn.web.serving import flat, is_cut_off, wait_until

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def make_certificate(folder: Path, name: str, days: int = 2) -> str:
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", str(days)),
        *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return f"cert={folder}/cert.pem&key={folder}/key.pem"


def common_name(port: int) -> str:
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    done = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, capture_output=True, text=True)
    return done.stdout.strip().rpartition("=")[2].strip()


@pytest.fixture
def sink(tmp_path: Path):
    opened = open_sink(f"https://127.0.0.1:0#{make_certificate(tmp_path, 'first')}")
    opened.begin(Stream(None, None, None, lambda: None))
    yield opened
    opened.close()


def test_a_snapshot_comes_by_https_alone(tmp_path: Path, sink) -> None:
    assert sink.address.startswith("https://127.0.0.1:")
    sink.write(flat(200))
    trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    with urllib.request.urlopen(f"{sink.address}/snapshot.jpg", timeout=10, context=trusted) as answer:
        assert answer.read(2) == b"\xff\xd8"
    with pytest.raises((OSError, ValueError)):
        urllib.request.urlopen(f"{sink.address.replace('https', 'http')}/healthz", timeout=5)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{sink.address}/healthz", timeout=5)


@pytest.mark.slow
def test_a_renewed_certificate_is_taken_and_a_broken_one_is_not(
    tmp_path: Path, sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tls, "LOOK_EVERY_S", 0.0)
    port = int(sink.address.rpartition(":")[2])
    assert common_name(port) == "first"
    make_certificate(tmp_path, "second")
    wait_until(lambda: common_name(port) == "second")
    (tmp_path / "key.pem").write_text("half a file")
    wait_until(lambda: "the old certificate stays" in caplog.text)
    assert common_name(port) == "second"


@pytest.mark.slow
def test_visitors_who_do_not_shake_hands_make_room_for_those_who_do(tmp_path: Path, sink) -> None:
    sink.write(flat(200))
    place = ("127.0.0.1", int(sink.address.rpartition(":")[2]))
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(place)) for _ in range(MOST_HANDSHAKES + 30)]
        wait_until(lambda: sum(map(is_cut_off, silent)) >= 30)
        assert not any(map(is_cut_off, silent[40:]))
        trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        with urllib.request.urlopen(f"{sink.address}/snapshot.jpg", timeout=10, context=trusted) as answer:
            assert answer.read(2) == b"\xff\xd8"


def test_a_handshake_has_little_time(sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HANDSHAKE_S", 0.2)
    with socket.create_connection(("127.0.0.1", int(sink.address.rpartition(":")[2]))) as silent:
        wait_until(lambda: is_cut_off(silent))


@pytest.mark.parametrize("options", ["", "cert=cert.pem", "key=key.pem"])
def test_https_wants_both_files(options: str) -> None:
    with pytest.raises(UsageError, match="https:// goes with #cert=FILE&key=FILE"):
        open_sink(f"https://127.0.0.1:0#{options}")


def test_http_wants_none() -> None:
    with pytest.raises(UsageError, match="https://"):
        open_sink("http://127.0.0.1:0#cert=a&key=b")


def test_files_that_may_come_later_are_no_wrong_usage(tmp_path: Path) -> None:
    options = make_certificate(tmp_path, "x")
    os.remove(tmp_path / "key.pem")
    with pytest.raises(NoInput, match=r"key\.pem: cannot be read \(No such file or directory\)"):
        open_sink(f"https://127.0.0.1:0#{options}")


@pytest.mark.parametrize("content", ["", "nonsense"])
def test_files_that_are_none_are_one_line(tmp_path: Path, content: str) -> None:
    options = make_certificate(tmp_path, "x")
    (tmp_path / "key.pem").write_text(content)
    with pytest.raises(UsageError, match="no certificate and key in PEM") as raised:
        open_sink(f"https://127.0.0.1:0#{options}")
    assert "\n" not in str(raised.value)


def test_a_key_with_a_password_does_not_ask_for_it(tmp_path: Path) -> None:
    options = make_certificate(tmp_path, "x")
    command = ["openssl", "ec", "-aes128", "-passout", "pass:secret", "-in", "key.pem", "-out", "locked.pem"]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    began = time.monotonic()
    with pytest.raises(UsageError, match="PEM"):
        open_sink(f"https://127.0.0.1:0#{options.replace('key.pem', 'locked.pem')}")
    assert time.monotonic() - began < 5


def dates(file: Path) -> tuple[datetime, datetime]:
    """From when until when OpenSSL says that a certificate is valid."""
    command = ["openssl", "x509", "-noout", "-dates", "-in", str(file)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    begin, end = (ssl.cert_time_to_seconds(line.partition("=")[2]) for line in said)
    return datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)


@pytest.mark.parametrize(
    ("days", "algorithm"),
    [(2, "ec"), (14, "ed25519"), (90, "rsa:1024"), (20_000, "ed25519")],  # the last one's year has four digits
)
def test_the_times_of_a_certificate_are_those_that_openssl_reads(days: int, algorithm: str, tmp_path: Path) -> None:
    curve = ("-pkeyopt", "ec_paramgen_curve:prime256v1") if algorithm == "ec" else ()
    command = [
        *("openssl", "req", "-x509", "-newkey", algorithm, *curve, "-nodes", "-days", str(days), "-subj", "/CN=a/O=b"),
        *("-keyout", "key.pem", "-out", "cert.pem", "-text"),
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    pem = (tmp_path / "cert.pem").read_text()
    begin, end = dates(tmp_path / "cert.pem")
    assert tls.validity(ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN") :])) == (begin, end)
    second = timedelta(seconds=1)
    soon = f"the certificate ends on {end:%Y-%m-%d}: renew it"
    for now, said in (
        (begin - second, f"the certificate is valid from {begin:%Y-%m-%d} on, and this machine's clock says"),
        (begin, soon if days <= 14 else None),
        (max(begin, end - timedelta(days=14)), soon),
        (end - timedelta(days=14) - second, None if days > 14 else "the certificate is valid from"),
        (end - second, soon),
        (end, f"the certificate has expired on {end:%Y-%m-%d}; browsers refuse it: renew it"),
        (end + timedelta(days=1000), f"the certificate has expired on {end:%Y-%m-%d}; browsers refuse it: renew it"),
    ):
        told = tls.expiry(pem, now)
        assert told == said if said is None else (told or "").startswith(said), now


def make_expired(folder: Path) -> str:
    """A certificate of January 2020, which only an authority's command makes."""
    options = make_certificate(folder, "x")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
        "[p]\ncommonName=supplied\n"
    )
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    made = ["-keyfile", "key.pem", "-in", "request.pem", "-out", "cert.pem"]
    span = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]
    for command in (
        ["req", "-new", "-key", "key.pem", "-subj", "/CN=x", "-out", "request.pem"],
        ["ca", "-batch", "-selfsign", "-config", "ca.cnf", *made, *span],
    ):
        subprocess.run(["openssl", *command], check=True, capture_output=True, cwd=folder)
    return options


def test_of_a_chain_the_first_end_counts(tmp_path: Path) -> None:
    pems = []
    for days in (400, 10, 300):
        make_certificate(tmp_path, f"of {days} days", days)
        pems.append((tmp_path / "cert.pem").read_text())
    assert "ends on" in str(tls.expiry("".join(pems), datetime.now(UTC)))
    assert tls.expiry(pems[0] + pems[2], datetime.now(UTC)) is None
    assert tls.expiry("no certificate", datetime.now(UTC)) is None


@pytest.mark.parametrize(
    "der", [b"", b"\x30", b"\x30\x82\xff\xff", b"\x30\x02\x30\x00", bytes(100), b"\x30\x80\x30\x80"]
)
def test_what_is_no_certificate_is_an_error_of_two_kinds(der: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        tls.validity(der)


@pytest.mark.parametrize(("days", "said"), [(0, "has expired on 2020-02-01"), (13, "ends on"), (30, None)])
def test_a_certificate_that_ends_is_told_at_the_start_and_every_day(
    days: int, said: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if days:
        make_certificate(tmp_path, "x", days)
    else:
        make_expired(tmp_path)
    certificate = tls.Certificate(f"{tmp_path}/cert.pem", f"{tmp_path}/key.pem")
    monkeypatch.setattr(tls, "LOOK_EVERY_S", 0.0)
    for _ in range(3):
        certificate.warn()
        certificate.refresh()
    assert [said in message for message in caplog.messages if said] == [True] * (said is not None)
    if said is None:
        assert caplog.messages == []
        return
    monkeypatch.setattr(tls, "WARN_EVERY_S", 0.0)
    certificate.refresh()
    assert len(caplog.messages) == 2
    monkeypatch.undo()
    monkeypatch.setattr(tls, "LOOK_EVERY_S", 0.0)
    make_certificate(tmp_path, "renewed", 90)
    certificate.refresh()
    certificate.refresh()
    assert len([message for message in caplog.messages if "renew it" in message]) == 2


def test_a_key_that_others_can_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = make_certificate(tmp_path, "x", 90)
    for mode, told in ((0o600, 0), (0o644, 1)):
        caplog.clear()
        (tmp_path / "key.pem").chmod(mode)
        opened = open_sink(f"https://127.0.0.1:0#{options}")
        opened.begin(Stream(None, None, None, lambda: None))
        opened.close()
        assert [f"chmod 600 {tmp_path}/key.pem" in message for message in caplog.messages] == [True] * told


def test_the_limit_of_connections_counts_those_by_https(tmp_path: Path) -> None:
    options = make_certificate(tmp_path, "x")
    opened = open_sink(f"https://127.0.0.1:0#{options}&connections=1")
    opened.begin(Stream(None, None, None, lambda: None))
    try:
        opened.write(flat())
        trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        place = ("127.0.0.1", int(opened.address.rpartition(":")[2]))
        with trusted.wrap_socket(socket.create_connection(place, 10), server_hostname="127.0.0.1") as viewer:
            viewer.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
            assert b" 200 " in viewer.recv(100)
            with socket.create_connection(place, 10) as late:
                assert late.recv(1) == b""  # closed, since there is nothing to say without a handshake
            opened.write(flat(200))
            assert viewer.recv(100)
    finally:
        opened.close()
