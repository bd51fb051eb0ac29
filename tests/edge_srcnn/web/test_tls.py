import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from contextlib import ExitStack
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


def make_certificate(folder: Path, name: str) -> str:
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "2"),
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
