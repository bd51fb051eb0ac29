"""Basic and Digest by the examples of their specifications."""

from http.client import HTTPMessage

import pytest

from edge_srcnn.sources.http_login import Login


def challenges(*texts):
    headers = HTTPMessage()
    for text in texts:
        headers["WWW-Authenticate"] = text
    return headers


def fields(header):
    kind, _, rest = header.partition(" ")
    assert kind == "Digest"
    return {name.strip(): value.strip('"') for name, _, value in (pair.partition("=") for pair in rest.split(", "))}


RFC_7616 = 'realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, nonce="{}", opaque="{}"'
NONCE, OPAQUE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
# RFC 7616, section 3.9.1, and RFC 2069, whose erratum 749 has the right response
DIGESTS = {
    "MD5": (RFC_7616.format("MD5", NONCE, OPAQUE), "Mufasa", "Circle of Life", "8ca523f5e9506fed4657c9700eebdbec"),
    "SHA-256": (
        RFC_7616.format("SHA-256", NONCE, OPAQUE),
        *("Mufasa", "Circle of Life", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ),
}


@pytest.mark.parametrize("name", DIGESTS)
def test_digest_by_the_specification(name):
    challenge, user, password, response = DIGESTS[name]
    login = Login(user, password, lambda: CNONCE)
    assert login.take_challenge(challenges(f"Digest {challenge}"))
    found = fields(login.headers("/dir/index.html")["Authorization"])
    assert found["response"] == response
    assert (found["nc"], found["qop"], found["algorithm"]) == ("00000001", "auth", name)
    assert (found["opaque"], found["uri"], found["username"]) == (OPAQUE, "/dir/index.html", user)
    assert fields(login.headers("/dir/index.html")["Authorization"])["nc"] == "00000002"


def test_digest_without_qop_is_that_of_the_first_specification():
    login = Login("Mufasa", "CircleOfLife")
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    assert login.take_challenge(challenges(f'Digest realm="testrealm@host.com", nonce="{nonce}"'))
    found = fields(login.headers("/dir/index.html")["Authorization"])
    assert found["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert not {"qop", "nc", "cnonce", "algorithm"} & found.keys()


def test_basic_by_the_specification():
    login = Login("Aladdin", "open sesame")
    assert login.headers("/") == {}
    assert login.take_challenge(challenges('Basic realm="WallyWorld"'))
    assert login.headers("/") == {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}  # RFC 7617, section 2


# what is offered, and what is chosen
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (['Basic realm="x"', 'Digest realm="x", nonce="1"'], "MD5"),
        (['Digest realm="x", nonce="1", algorithm=MD5', 'Digest realm="x", nonce="1", algorithm=SHA-256'], "SHA-256"),
        (['Digest realm="x", nonce="1", algorithm=SHA-512-256', 'Basic realm="x"'], "Basic"),
        (['Digest realm="x", nonce="1", qop="auth-int"', 'basic realm="x"'], "Basic"),
        (['Digest realm="x", nonce="1", algorithm=MD5-sess, qop=auth'], "MD5-sess"),
        (['Digest realm="x"'], None),
        (["Negotiate"], None),
        (["Digest"], None),
        ([], None),
    ],
)
def test_the_strongest_that_is_known_is_chosen(offered, chosen):
    login = Login("a", "b")
    assert login.take_challenge(challenges(*offered)) == (chosen is not None)
    header = login.headers("/").get("Authorization", "")
    if chosen is None:
        assert not header
    elif chosen == "Basic":
        assert header.startswith("Basic ")
    else:
        assert fields(header).get("algorithm", "MD5") == chosen
