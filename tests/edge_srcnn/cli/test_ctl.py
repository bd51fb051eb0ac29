"""``edge-srcnn ctl`` against a running service: by address, socket, token and certificate; and what goes wrong."""

import json
import os
import socket
import ssl
import threading
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.service.changes import Changes
from edge_srcnn.web.client import Place
from tests.edge_srcnn.service.controlled import CARD, controlled
from tests.edge_srcnn.web.controlling import served
from tests.edge_srcnn.web.test_tls import make_certificate

pytestmark = pytest.mark.slow

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served() as running:
        running.changes = Changes(tmp_path_factory.mktemp("kept") / "c.changes.toml")
        yield running


def test_the_table_tells_settings_values_and_what_they_take(run_cli, service):
    done = run_cli("ctl", service.address)
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line.split()[0]: line.strip() for line in done.stdout.splitlines() if line.split()}
    assert list(service.control.values()) == [name for name in lines if name in service.control.values()]
    assert lines["strength"].split(maxsplit=2)[2] == "0 to 1.5 or auto"
    assert "blocked: no sink records" in lines["recording"]


def test_settings_are_changed_and_the_table_has_these_alone(run_cli, service):
    done = run_cli("ctl", service.address, "strength=0.8", "temporal=off", "hflip=on", "rotate=90", "roi=1,2,3,4")
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["strength", "0.8"],
        *(["temporal", "off"], ["roi", "1,2,3,4"], ["rotate", "90"], ["hflip", "on"]),
    ]
    expected = {"strength": 0.8, "temporal": "off", "hflip": True, "rotate": 90, "roi": "1,2,3,4"}
    assert {name: service.control.values()[name] for name in expected} == expected
    done = run_cli("ctl", service.address, "strength=auto", "roi=", "hflip=no", "rotate=0", "--json")
    assert json.loads(done.stdout)["values"] == service.control.values()
    assert (service.control.values()["roi"], service.control.values()["strength"]) == (None, "auto")


def test_what_is_kept_and_a_snapshot(run_cli, service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run_cli("ctl", service.address, "strength=0.75", "--persist", "--snapshot")
    assert done.returncode == 0
    assert Path(done.stdout.splitlines()[0]).parent == tmp_path / "snapshots"
    assert "strength = " in service.changes.file.read_text()
    told = json.loads(run_cli("ctl", service.address, "--snapshot", "--json").stdout)
    assert set(told) == {"values", "settings", "snapshot"}


WRONG = {
    "an unknown setting": (["strenght=1"], 2, "strenght: there is no such setting; did you mean strength?"),
    "no assignment": (["strength"], 2, "strength: give NAME=VALUE, such as strength=0.8"),
    "out of limits": (["strength=3"], 2, "strength: cannot be 3; give 0 to 1.5 or auto"),
    "no number": (["strength=much"], 2, "strength: cannot be much; give 0 to 1.5 or auto"),
    "blocked": (["recording=on"], 2, "recording: cannot be changed here: no sink records"),
    "does not fit": (["crop=0,0,99,99"], 2, "crop: 0,0,99,99 does not lie within the picture, which is 64x48"),
    "nothing to keep": (["--persist"], 2, "--persist: goes with settings"),
    "no fingerprint": (["--fingerprint", "ab"], 2, "--fingerprint ab: give the SHA-256"),
    "no token file": (["--token-file", "/nowhere/token"], 66, "token_file=/nowhere/token: cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_one_line_and_changes_nothing(run_cli, service, case):
    words, status, said = WRONG[case]
    before = service.control.values()
    done = run_cli("ctl", service.address, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)
    assert done.stderr.startswith(f"edge-srcnn: {said}")
    assert service.control.values() == before


def test_addresses_that_nobody_answers_at_or_something_else(run_cli):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        done = run_cli("ctl", f"http://user:canary@127.0.0.1:{port}")  # nobody listens
        assert (done.returncode, "nobody answers there" in done.stderr, "canary" in done.stderr) == (69, True, False)
        listener.listen()

        answers = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", b"SSH-2.0-x\r\n", b"HTTP/1.1 404 No\r\n\r\n")

        def answer() -> None:
            for text in answers:
                with closing(listener.accept()[0]) as visitor:
                    visitor.recv(4096)
                    visitor.sendall(text)

        threading.Thread(target=answer, daemon=True).start()
        expected = (65, "is not edge-srcnn"), (69, "nobody answers there"), (69, "has no settings to change")
        for status, said in expected:
            done = run_cli("ctl", f"127.0.0.1:{port}")
            assert (done.returncode, done.stderr.count("\n")) == (status, 1)
            assert said in done.stderr
    for address in ("ftp://pi", "http://", "http://[::1", "http://a b", "unix:", ""):
        done = run_cli("ctl", address)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_token_is_shown_and_never_printed(run_cli, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with served(f"token={TOKEN}") as service:
        assert run_cli("ctl", service.address, "--token-file", "token", "strength=0.5").returncode == 0
        assert run_cli("ctl", f"{service.address}/?token={TOKEN}").returncode == 0  # as the browser has it
        refused = run_cli("ctl", service.address)
        assert (refused.returncode, "asks for a token" in refused.stderr) == (2, True)
        wrong = run_cli("ctl", f"{service.address}/?token=canary-canary")
        assert (wrong.returncode, "canary" in wrong.stderr) == (2, False)


def test_a_socket_of_the_file_system_and_a_path_below_an_address(run_cli, tmp_path):
    os.chdir(tmp_path)
    with controlled(CARD, "unix:http.sock", "null:"):
        assert run_cli("ctl", "unix:http.sock", "strength=0.5").returncode == 0
        assert run_cli("ctl", "unix:other.sock").returncode == 69
    with served("prefix=/cam") as service:
        assert run_cli("ctl", service.address, "strength=0.5").returncode == 0


def test_a_certificate_that_nobody_signed_is_trusted_by_its_fingerprint(run_cli, tmp_path):
    options = make_certificate(tmp_path, "pi")
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "cert.pem").read_text())
    with controlled(CARD, f"https://127.0.0.1:0#{options}", "null:") as service:
        address = service.sinks[0].address
        refused = run_cli("ctl", address)
        assert (refused.returncode, "its certificate is not trusted" in refused.stderr) == (69, True)
        assert run_cli("ctl", address, "--fingerprint", "ab" * 32).returncode == 69
        assert run_cli("ctl", address, "--fingerprint", sha256(der).hexdigest(), "strength=0.5").returncode == 0


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("pi:8080", ("http", "pi", 8080, "", None)),
        ("http://pi", ("http", "pi", None, "", None)),
        ("https://pi:8443/cam/?token=a%20b", ("https", "pi", 8443, "/cam", "a b")),
        ("http://me:secret@pi/", ("http", "pi", None, "", "secret")),
        ("http://[fe80::1]:80", ("http", "fe80::1", 80, "", None)),
        ("unix:/run/x.sock", ("unix", "/run/x.sock", None, "", None)),
    ],
)
def test_addresses_are_read_as_the_page_s_are(text, place):
    found = Place.of(text)
    assert (found.scheme, found.host, found.port, found.path, found.token) == place
    assert "secret" not in found.shown and "a%20b" not in found.shown
