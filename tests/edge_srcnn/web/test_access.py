import base64
import http.client
import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.sinks import Sink, Stream, open_sink
from edge_srcnn.system.files import cure_of_shared_file
from edge_srcnn.web import access, server
from tests.edge_srcnn.web.serving import LIMIT_S, Viewer, by_hand, flat, get, with_query

STREAMS = ("/stream.mjpg", "/stream", "/?action=stream")
SNAPSHOTS = ("/snapshot.jpg", "/snapshot", "/?action=snapshot")
ASSETS = ("/page.css", "/page.js", "/controls.js", "/settings.js", "/stage.js", "/stream.js", "/icon.svg")
TOKEN = "s&c r=t"
IN_ADDRESS = "s%26c%20r%3Dt"
LONG = "0123456789abcdef0123"


def send_and_wait_for_the_end(sink: Sink, data: bytes) -> bytes:
    place = urlsplit(sink.address)
    with socket.create_connection((place.hostname, place.port), LIMIT_S) as connection:
        connection.sendall(data)
        return connection.recv(1000)


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_a_connection_that_asks_nothing_is_closed(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.2)
    with by_hand() as sink:
        assert send_and_wait_for_the_end(sink, data) == b""


@pytest.mark.parametrize("by_file", [False, True])
def test_a_token_is_asked_for_everywhere_but_for_health(by_file: bool, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    options = f"token_file={tmp_path}/token" if by_file else f"token={IN_ADDRESS}"
    basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    wrong = base64.b64encode(TOKEN.encode()).decode()
    with by_hand(options) as sink:
        sink.write(flat())
        assert get(sink, "/healthz").status == 200
        for path in ("/", *ASSETS, *STREAMS, *SNAPSHOTS, "/state", "/metrics", "/missing"):
            refused = get(sink, path)
            assert (refused.status, refused.headers.get_all("WWW-Authenticate")) == (
                401,
                ['Basic realm="edge-srcnn", charset="UTF-8"', 'Bearer realm="edge-srcnn"'],
            )
        for path in ("/", *ASSETS, *SNAPSHOTS, "/state", "/metrics"):
            assert get(sink, path, Authorization=f"Bearer {TOKEN}").status == 200
            assert get(sink, path, Authorization=f"Basic {basic}").status == 200
            assert get(sink, with_query(path, f"token={IN_ADDRESS}")).status == 200
        for shown in (
            "Bearer ",
            "Bearer s",
            f"Bearer {TOKEN}x",
            f"Basic {wrong}",
            "Basic !",
            "Basic",
            f"Other {TOKEN}",
            "é",
        ):
            assert get(sink, "/state", Authorization=shown).status == 401
        for query in ("token=", "token=%ff%fe", "token", "Token=" + IN_ADDRESS):
            assert get(sink, f"/state?{query}").status == 401


def test_the_page_hands_its_token_on() -> None:
    with by_hand(f"token={IN_ADDRESS}") as sink:
        page = get(sink, f"/?token={IN_ADDRESS}").text
        by_header = get(sink, "/", Authorization=f"Bearer {TOKEN}").text

    for path in ASSETS:
        assert f'"{path[1:]}?token={IN_ADDRESS}"' in page
        assert f'"{path[1:]}"' in by_header


def test_the_page_writes_nothing_into_itself() -> None:
    with by_hand() as sink:
        page = get(sink, "/?token=%22%3E%3Cscript%3E").text

    assert '"><script>' not in page
    assert "page.js?token=%22%3E%3Cscript%3E" in page


SHORT = socket.gethostname().partition(".")[0].lower()
OWN = [
    *("localhost", "localhost.", "LocalHost.:1234", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8080"),
    *(SHORT, f"{SHORT.upper()}:8080", f"{SHORT}.local", f"{SHORT}.lan:80", socket.gethostname()),
    *("192.168.1.7:8080", "203.0.113.9", "[2001:db8::7]:8080", "[fe80::1%eth0]", "[fe80::1%25eth0]:8080"),
]
OTHERS = [
    *("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost"),
    *(
        "localhost..",
        "evil.example.",
        "",
        "::1",
        "[evil.example]",
        "127.0.0.1x",
        "[127.0.0.1]",
        f"{SHORT}.evil.example",
        f"evil.{SHORT}",
    ),
    *("mjpgstreamer1", "octopi.local", "xn--lcalhost-54a", "local", ".local", "127.1", "0x7f.0.0.1", "*"),
]


@pytest.fixture(scope="module", params=["127.0.0.1", "0.0.0.0", "[::]"])
def listener(request: pytest.FixtureRequest) -> Iterator[Sink]:
    """A sink for this machine alone, and one for everybody: both are asked by browsers that are deceived."""
    try:
        with by_hand(f"token={LONG}", address=f"http://{request.param}:0") as sink:
            yield sink
    except CannotWrite:
        pytest.skip("this machine has no IPv6")


@pytest.mark.parametrize("name", OWN)
def test_names_and_addresses_of_this_machine_are_answered(listener: Sink, name: str) -> None:
    assert get(listener, "/healthz", Host=name).status == 503


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_refused_against_dns_rebinding(listener: Sink, name: str) -> None:
    answer = get(listener, "/healthz", Host=name)

    assert answer.status == 421
    assert answer.text.count("\n") == 1
    assert "hosts=" in answer.text


def test_each_name_that_a_request_calls_must_be_known(listener: Sink) -> None:
    place = urlsplit(listener.address)
    for lines, status in (
        ("GET /healthz HTTP/1.0\r\n\r\n", 503),  # no name at all: not of a browser
        ("GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n", 503),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        ("GET http://localhost:80/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 503),
        ("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        ("GET http://localhost@evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        ("GET /healthz?http://evil.example HTTP/1.1\r\nHost: localhost\r\n\r\n", 503),
    ):
        with socket.create_connection((place.hostname, place.port), LIMIT_S) as connection:
            connection.sendall(lines.encode())
            assert int(connection.recv(100).split()[1]) == status, lines


@pytest.mark.parametrize(
    ("hosts", "answered", "refused"),
    [
        ("octopi.local,mjpgstreamer1", ("octopi.local", "OctoPi.local:80", "mjpgstreamer1"), ("mjpgstreamer2",)),
        (".example.com", ("example.com", "cam.example.com:443", "a.b.example.com"), ("badexample.com", "com")),
        ("Octopi.local.,cam", ("octopi.local", "octopi.local.:80", "octopi.local:"), ("octopi",)),
        ("b\u00fccher.example,.m\u00fcnchen.de", ("xn--bcher-kva.example", "a.xn--mnchen-3ya.de"), ("bucher.example",)),
        ("cam.example.com", ("cam.example.com",), ("example.com", "a.cam.example.com")),
        ("*", ("evil.example", "x"), ()),
    ],
)
def test_names_that_are_given_are_answered_besides(
    hosts: str, answered: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    with by_hand(f"hosts={hosts}") as sink:
        assert {get(sink, "/healthz", Host=name).status for name in (*answered, "localhost")} == {503}
        assert {get(sink, "/healthz", Host=name).status for name in refused} <= {421}


def test_names_that_the_machine_is_given_elsewhere_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resolv.conf").write_text(
        "nameserver 1.1.1.1\n# search not.example\nsearch home.example. OFFICE.example\n"
    )
    (tmp_path / "hosts").write_text(
        f"127.0.0.1 localhost\n127.0.1.1 {SHORT}.site.example {SHORT} # me\n10.0.0.1 other\n"
    )
    monkeypatch.setattr(access, "_RESOLVER", tmp_path / "resolv.conf")
    monkeypatch.setattr(access, "_KNOWN_HOSTS", tmp_path / "hosts")
    names = access._own_names(-1)
    assert {f"{SHORT}.home.example", f"{SHORT}.office.example", f"{SHORT}.site.example"} <= names
    assert not {f"{SHORT}.not.example", "other", "me"} & names
    monkeypatch.setattr(access, "_RESOLVER", tmp_path / "missing")
    assert f"{SHORT}.local" in access._own_names(-2)


def test_the_name_that_a_sink_listens_at_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **b: look_up(host.replace("cam.example", "127.0.0.1"), *a, **b)
    )
    sink = open_sink("http://Cam.example:0")
    sink.begin(Stream(None, None, None, lambda: None))
    with closing(sink):
        place = urlsplit(sink.address)
        with closing(http.client.HTTPConnection("127.0.0.1", place.port, timeout=LIMIT_S)) as connection:
            connection.request("GET", "/healthz", headers={"Host": "cam.example:80"})
            assert connection.getresponse().status == 503


@pytest.mark.parametrize(
    ("options", "address", "said"),
    [
        ("", "http://0.0.0.0:0", ["is open to everybody"]),
        (f"token={LONG}", "http://0.0.0.0:0", []),
        ("", "http://127.0.0.1:0", []),
        (f"token={LONG[:15]}", "http://127.0.0.1:0", ["fewer than 16 characters"]),
        (f"token={LONG[:15]}", "http://0.0.0.0:0", ["fewer than 16 characters"]),
        (f"token={LONG[:16]}", "http://127.0.0.1:0", []),
        ("cors=null", "http://127.0.0.1:0", ["cors=null lets every page on the internet read it"]),
        ("cors=*", "http://127.0.0.1:0", ["cors=* lets every page on the internet read it"]),
        (f"cors=null&token={LONG}", "http://127.0.0.1:0", []),
        ("cors=http://tv.local", "http://127.0.0.1:0", []),
    ],
)
def test_what_lets_too_many_look_is_told_once(
    options: str, address: str, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with by_hand(options, address=address) as sink:
        get(sink, "/state")
    assert len(caplog.messages) == len(said)
    assert all(part in message for part, message in zip(said, caplog.messages, strict=True))
    assert LONG[:15] not in caplog.text


@pytest.mark.parametrize(
    ("mode", "told"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True), (0o606, True)]
)
def test_a_file_with_a_secret_that_others_can_read_is_told_with_its_cure(
    mode: int, told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "token"
    file.write_text(LONG)
    file.chmod(mode)
    with by_hand(f"token_file={file}"):
        pass
    assert [f"chmod 600 {file}" in message for message in caplog.messages] == [True] * told
    assert LONG not in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else")
def test_a_file_of_root_may_be_read_by_the_group_of_a_service(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(LONG)
    os.chown(file, 1234, -1)
    for mode, cure in ((0o640, None), (0o644, f"chmod o= {file}")):
        file.chmod(mode)
        assert cure_of_shared_file(str(file)) == cure
    assert cure_of_shared_file("/run/credentials/edge-srcnn@default.service/../x") is None
    assert cure_of_shared_file(str(tmp_path / "missing")) is None


def test_the_token_is_in_no_name_and_no_message() -> None:
    with by_hand("token=secret") as sink:
        assert "secret" not in sink.name + sink.address
    for wrong in ("quality=101", "other=1", "token_file=/missing"):
        with pytest.raises(UsageError) as error:
            open_sink(f"http://:0#token=secret&{wrong}")
        assert "secret" not in str(error.value)


PAGE, SECURE, OTHER = "http://octopi.local", "https://cam.example:444", "http://evil.example"
PREFLIGHT = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "authorization"}


@pytest.mark.parametrize(
    ("options", "origin", "allowed", "credentials"),
    [
        ("", PAGE, None, None),
        (f"cors={PAGE}", PAGE, PAGE, None),
        (f"cors={PAGE}", OTHER, None, None),
        (f"cors={PAGE}", "null", None, None),
        (f"cors={PAGE}", f"{PAGE}:8080", None, None),
        (f"cors={PAGE}", "https://octopi.local", None, None),
        (f"cors={PAGE}", f"{PAGE}.evil.example", None, None),
        (f"cors={PAGE},https://Cam.example:444/&token={LONG}", SECURE, SECURE, "true"),
        (f"cors={PAGE}:80", PAGE, PAGE, None),
        ("cors=null", "null", "null", None),
        (f"cors=null,{PAGE}&token={LONG}", "null", "null", None),  # a page elsewhere can frame one, with the login kept
        (f"cors=null,{PAGE}&token={LONG}", PAGE, PAGE, "true"),
        ("cors=null", PAGE, None, None),
        ("cors=*", OTHER, "*", None),
        (f"cors=*&token={LONG}", OTHER, "*", None),
        (f"frame={PAGE}", PAGE, None, None),
    ],
)  # fmt: skip
def test_scripts_of_those_origins_may_read_that_are_named(
    options: str, origin: str, allowed: str | None, credentials: str | None
) -> None:
    with by_hand(options) as sink:
        for path in ("/state", f"/state?token={LONG}", "/missing"):  # a refusal, too: a script reads why
            answer = get(sink, path, Origin=origin)
            assert answer.headers["Access-Control-Allow-Origin"] == allowed
            assert answer.headers["Access-Control-Allow-Credentials"] == credentials
            assert answer.headers["Vary"] == ("Origin" if "cors=" in options and "cors=*" not in options else None)
        asked = get(sink, "/state", method="OPTIONS", Origin=origin, **PREFLIGHT)
        assert asked.headers["Access-Control-Allow-Origin"] == allowed
        if allowed is None:
            assert (asked.status, asked.text.count("\n"), "cors=" in asked.text) == (403, 1, True)
        else:  # before the token, which does not come along
            assert asked.status == 204
            assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
            assert asked.headers["Access-Control-Allow-Headers"] == "Authorization"
            near = {**PREFLIGHT, "Access_Control_Request_Private_Network": "true"}  # Chromium's, of a public page
            answer = get(sink, "/state", method="OPTIONS", Origin=origin, **near)
            assert answer.headers["Access-Control-Allow-Private-Network"] == "true"


def test_scripts_may_read_all_that_is_told_of_a_picture() -> None:
    with by_hand("cors=*") as sink:
        sink.write(flat())
        told = get(sink, "/snapshot", Origin=OTHER).headers
        exposed = {name.strip() for name in told["Access-Control-Expose-Headers"].split(",")}
        assert exposed == {name for name in told if name in ("X-Timestamp", "X-Age", "X-View", "X-Signal")}


def test_a_name_that_is_not_ours_gets_no_preflight() -> None:
    with by_hand("cors=*") as sink:
        assert get(sink, "/state", method="OPTIONS", Origin=OTHER, Host="evil.example", **PREFLIGHT).status == 421


@pytest.mark.parametrize(
    ("options", "ancestors", "frame_options", "resources"),
    [
        ("", "'none'", "DENY", "same-origin"),
        (f"cors={PAGE}", "'none'", "DENY", "cross-origin"),
        (f"frame={PAGE},https://ha.example:8123", f"'self' {PAGE} https://ha.example:8123", None, "cross-origin"),
        ("frame=*", "'self' *", None, "cross-origin"),
    ],
)
def test_pages_of_those_origins_may_show_ours_that_are_named(
    options: str, ancestors: str, frame_options: str | None, resources: str
) -> None:
    with by_hand(options) as sink:
        sink.write(flat())
        for path in ("/", "/snapshot", "/missing", "/page.css"):
            headers = get(sink, path).headers
            assert headers["Content-Security-Policy"].endswith(f"frame-ancestors {ancestors}")
            assert headers["X-Frame-Options"] == frame_options
            assert headers["Cross-Origin-Resource-Policy"] == resources
        with Viewer(sink) as viewer:
            assert viewer.open()[1]["cross-origin-resource-policy"] == resources


@pytest.mark.parametrize("action", ["stream", "stream_0"])
def test_streams_have_mjpg_streamers_names(action: str) -> None:
    with by_hand() as sink, Viewer(sink, f"/?action={action}&1690000000") as viewer:
        sink.write(flat())
        assert viewer.open()[1]["content-type"].startswith("multipart/x-mixed-replace")
        assert get(sink, f"/?action={action.replace('stream', 'snapshot')}").headers["Content-Type"] == "image/jpeg"
        assert get(sink, "/?action=stream_1").status == 400


def test_everything_is_below_the_prefix() -> None:
    with by_hand(f"prefix=/cams/front/&token={IN_ADDRESS}") as sink:
        assert sink.address.endswith("/cams/front/")
        sink.write(flat())
        below = [f"/cams/front{path}" for path in ("/", *ASSETS, *SNAPSHOTS, "/state")]
        assert {get(sink, with_query(path, f"token={IN_ADDRESS}")).status for path in below} == {200}
        assert get(sink, "/cams/front/healthz").status == 200
        assert {get(sink, path).status for path in below} == {401}
        for path in ("/", "/state", "/cams/", "/healthz", "/cams/frontstate"):
            assert get(sink, with_query(path, f"token={IN_ADDRESS}")).status == 404
        sent = get(sink, f"/cams/front?token={IN_ADDRESS}")
        assert (sent.status, sent.headers["Location"]) == (308, f"front/?token={IN_ADDRESS}")


@pytest.mark.parametrize(
    "option",
    [
        *("hosts=", "hosts=http://octopi.local", "hosts=octopi.local:80", "hosts=a,,b", "hosts=*,a", "hosts=a b"),
        *("proxy=", "proxy=nginx", "proxy=127.0.0.1,", "proxy=10.0.0.0/33", "proxy=1.2.3"),
        *("prefix=", "prefix=/", "prefix=cam", "prefix=/a//b", "prefix=/../x", "prefix=/a b", "prefix=/%22"),
        *("cors=", "cors=octopi.local", "cors=http://", "cors=http://a/b", "cors=null,*", "cors=http://a,*"),
        *("cors=//a", "cors=http://a;", "frame=http://a b", "frame='none'", "frame=http://u@a", "frame=http://a?x"),
        *("frame=null", "frame=http://a:b"),
        *("connections=0", "per_address=x", "mode=660", "group=www-data"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused_in_one_line(option: str) -> None:
    name = option.partition("=")[0]
    with pytest.raises(UsageError) as raised:
        open_sink(f"http://:0#{option}")
    assert "\n" not in str(raised.value)
    assert re.search(rf"{name}=.*: give |no option is called '{name}'", str(raised.value)), raised.value
