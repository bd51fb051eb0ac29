"""Basic and Digest with cameras that check what they are shown; their arithmetic is that of the specifications."""

import hashlib
import threading
from base64 import b64decode
from urllib.parse import quote
from urllib.request import parse_http_list, parse_keqv_list

import pytest

pytest.importorskip("av")
pytest.importorskip("requests")

from edge_srcnn.errors import SourceLost
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S
from tests.edge_srcnn.sources.raw_server import jpeg, serving, take

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
REALM = "http-auth@example.org"


def response_of(fields, user, password):
    """The response of RFC 7616, 3.4.1, or without qop that of RFC 2069, to GET."""
    algorithm = fields.get("algorithm", "MD5")

    def digest(*parts):
        return HASHES[algorithm.upper().removesuffix("-SESS")](":".join(parts).encode()).hexdigest()

    secret = digest(user, fields["realm"], password)
    if algorithm.upper().endswith("-SESS"):
        secret = digest(secret, fields["nonce"], fields["cnonce"])
    middle = [fields["nonce"], *((fields["nc"], fields["cnonce"], fields["qop"]) if "qop" in fields else ())]
    return digest(secret, *middle, digest("GET", fields["uri"]))


# RFC 7616, 3.9.1, and RFC 2069, whose erratum 749 has the right response
RFC_7616 = {
    "realm": REALM,
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "nc": "00000001",
    "qop": "auth",
    "uri": "/dir/index.html",
}
RFC_2069 = {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093", "uri": "/dir/index.html"}


@pytest.mark.parametrize(
    ("fields", "password", "response"),
    [
        (RFC_7616, "Circle of Life", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            {**RFC_7616, "algorithm": "SHA-256"},
            *("Circle of Life", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ),
        (RFC_2069, "CircleOfLife", "1949323746fe6a43ef61f9606e7febea"),
    ],
)
def test_the_cameras_of_these_tests_compute_as_the_specifications(fields, password, response):
    assert response_of(fields, "Mufasa", password) == response


class Camera:
    """Gives a still picture to who logs in rightly, and another nonce after every three."""

    def __init__(self, challenges, user, password):
        self.challenges, self.user, self.password = challenges, user, password
        self.nonces, self.counts, self.good, self.schemes = 0, {}, 0, []

    def __call__(self, client):
        again = True
        while again:
            shown = client.header("Authorization") or ""
            self.schemes.append(shown.partition(" ")[0])
            if self.is_right(client, shown):
                self.good += 1
                client.answer("200 OK", jpeg(), Content_Type="image/jpeg")
            else:
                self.nonces += 1
                self.counts[f"n{self.nonces}"] = 0
                lines = "".join(f"WWW-Authenticate: {each}\r\n" for each in self.challenges)
                lines = lines.replace("NONCE", f"n{self.nonces}")
                client.send(f"HTTP/1.1 401 Unauthorized\r\n{lines}Content-Length: 2\r\n\r\nno".encode())
            again = client.ask()

    def is_right(self, client, shown):
        scheme, _, rest = shown.encode("latin-1").decode().partition(" ")
        if scheme == "Basic":
            return b64decode(rest).decode() == f"{self.user}:{self.password}"
        if scheme != "Digest":
            return False
        self.fields = parse_keqv_list(parse_http_list(rest))
        nonce, used = self.fields["nonce"], self.counts.get(self.fields["nonce"], 3)
        if self.fields["nonce"] == f"n{self.nonces}" and used < 3:
            self.counts[nonce] = used + 1
            assert self.fields.get("nc") in (None, f"{used + 1:08x}") and self.fields["uri"] == client.path
            assert self.fields["username"] == self.user
            return self.fields["response"] == response_of(self.fields, self.user, self.password)
        return False


D = f'Digest realm="{REALM}", nonce="NONCE"'
OFFERED = {
    "basic": (['Basic realm="x"'], "Basic"),
    "basic in small letters": (['basic realm="x"'], "Basic"),
    "no qop": ([D], "MD5"),
    "no realm": (['Digest nonce="NONCE", qop="auth"'], "MD5"),
    "MD5": ([f'{D}, qop="auth", algorithm=MD5, opaque="o", stale=false'], "MD5"),
    "names in capitals": ([f'DIGEST Realm="{REALM}", Nonce="NONCE", QOP="auth", Algorithm=md5'], "md5"),
    "both qops": ([f'{D}, qop="auth,auth-int"'], "MD5"),
    "both qops the other way": ([f'{D}, qop="auth-int, auth"'], "MD5"),
    "SHA-256": ([f'{D}, qop="auth", algorithm=SHA-256'], "SHA-256"),
    "SHA-256 without qop": ([f"{D}, algorithm=SHA-256"], "SHA-256"),
    "MD5-sess": ([f"{D}, qop=auth, algorithm=MD5-sess"], "MD5-sess"),
    "the stronger is first": ([f'{D}, qop="auth", algorithm=SHA-256', f'{D}, qop="auth", algorithm=MD5'], "SHA-256"),
    "the stronger is last": ([f'{D}, qop="auth", algorithm=MD5', f'{D}, qop="auth", algorithm=SHA-256'], "SHA-256"),
    "basic, and digest": (['Basic realm="x"', D], "MD5"),
    "digest, and basic": ([D, 'Basic realm="x"'], "MD5"),
    "an unknown one, and basic": ([f"{D}, algorithm=SHA-512-256", 'Basic realm="x"'], "Basic"),
    "an unknown qop, and basic": ([f'{D}, qop="auth-int"', 'Basic realm="x"'], "Basic"),
    "others, and basic": (["Negotiate", "Bearer", 'Basic realm="x"'], "Basic"),
}


@pytest.mark.parametrize("name", OFFERED)
def test_the_strongest_that_is_known_logs_in(name):
    challenges, chosen = OFFERED[name]
    camera = Camera(challenges, "admin", "Circle of Life")
    with serving(camera) as host:
        take(open_source(f"http://admin:Circle%20of%20Life@{host}/snap?x=1&y=[2]#every=0.001"), 5)
    assert camera.good >= 5
    assert camera.schemes[:2] == ["", "Basic" if chosen == "Basic" else "Digest"], "nothing is shown unasked"
    if chosen != "Basic":
        assert camera.fields.get("algorithm", "MD5") == chosen
        assert camera.schemes.count("") == 1 and camera.nonces == 2, "a nonce that is used up is replaced"


@pytest.mark.parametrize("offered", ["Negotiate", "Digest", 'Digest realm="x"', f"{D}, algorithm=SHA-1", ""])
def test_what_is_not_known_is_refused(offered):
    camera = Camera([offered], "admin", "hush")
    with serving(camera) as host, pytest.raises(SourceLost, match="user and password are refused"):
        open_source(f"http://admin:hush@{host}/")
    assert camera.schemes == [""]


@pytest.mark.parametrize("challenge", [D, 'Basic realm="x"'])
@pytest.mark.parametrize(
    ("user", "password"), [("жук", "пароль"), ("josé", "ñ:@/#?% "), ("a", ""), ("", "b")], ids=lambda each: repr(each)
)
def test_any_user_and_password_are_told_as_they_are(challenge, user, password):
    camera = Camera([challenge], user, password)
    with serving(camera) as host:
        take(open_source(f"http://{quote(user, safe='')}:{quote(password, safe='')}@{host}/"), 1)


def test_a_wrong_password_is_shown_once():
    for challenge in (D, 'Basic realm="x"'):
        camera = Camera([challenge], "admin", "right")
        with serving(camera) as host, pytest.raises(SourceLost, match="user and password are refused"):
            open_source(f"http://admin:wrong@{host}/")
        assert len(camera.schemes) == 2


def test_another_thread_reads_what_one_has_opened():
    camera = Camera([f'{D}, qop="auth"'], "admin", "hush")
    with serving(camera) as host:
        source = open_source(f"http://admin:hush@{host}/#every=0.001")
        reader = threading.Thread(target=take, args=(source, 3))
        reader.start()
        reader.join(SOON_S)
    assert camera.schemes.count("") == 1


@pytest.mark.parametrize(
    "refusal", ["401 Unauthorized\r\nWWW-Authenticate: Digest realm=x, nonce=n1", "302 Found\r\nLocation: /x"]
)
def test_a_refusal_without_an_end_is_not_read_to_its_end(refusal):
    picture = jpeg()

    def camera(client):
        if client.path == "/x" or client.header("Authorization"):
            client.answer("200 OK", picture, Content_Type="image/jpeg")
            return
        client.send(f"HTTP/1.1 {refusal}\r\n\r\n".encode())
        while client.wait(0):
            client.send(b"x" * 65_536)

    with serving(camera) as host:
        take(open_source(f"http://admin:hush@{host}/"), 1)


def test_nothing_of_the_environment_goes_to_a_camera(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("default login me password hush\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    seen = []

    def camera(client):
        seen.append(client.request)
        client.answer("200 OK", jpeg(), Content_Type="image/jpeg", Set_Cookie="a=b", Connection="close")

    with serving(camera) as host:
        take(open_source(f"http://{host}/#every=0.001"), 3)
    assert len(seen) >= 3
    assert not any(word in "".join(seen) for word in ("Authorization", "Cookie", "hush"))
    assert all("Accept-Encoding: identity" in each and "User-Agent: edge-srcnn" in each for each in seen)
