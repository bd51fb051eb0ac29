"""``/control`` of a real service: what it gives, takes and refuses, and who may change anything."""

import io
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.service.changes import Changes
from tests.edge_srcnn.service.controlled import CARD, controlled
from tests.edge_srcnn.service.parts import wait_until
from tests.edge_srcnn.web.controlling import patch, send, served
from tests.edge_srcnn.web.serving import by_hand, flat, get

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service():
    with served() as running:
        yield running


def test_settings_and_values_are_told_and_a_change_is_seen_in_pictures_page_and_state(service):
    told = get(service, "/control").json
    assert [each["name"] for each in told["settings"]] == list(told["values"])
    assert told["values"]["rotate"] == 0
    blocked = {each["name"]: each["blocked"] for each in told["settings"] if each["blocked"]}
    assert list(blocked) == ["recording"] and blocked["recording"].startswith("no sink records")
    answer = patch(service, {"rotate": 90, "name": "Garden & <drive>", "strength": 0.5})
    assert (answer.status, answer.json["values"]["rotate"]) == (200, 90)
    wait_until(lambda: get(service, "/state").json["size_out"] == [96, 128])
    with Image.open(io.BytesIO(get(service, "/snapshot.jpg").body)) as picture:
        assert picture.size == (96, 128)
    state = get(service, "/state").json
    assert (state["name"], state["strength"], state["control"]) == ("Garden & <drive>", 0.5, True)
    assert ">Garden &amp; &lt;drive&gt;</bdi></h1>" in get(service, "/").text
    answer = patch(service, {"rotate": 0, "name": None, "strength": 1})
    assert (answer.status, get(service, "/control").json) == (200, answer.json)


REFUSED = {
    "unknown": ({"strenght": 1}, 422, "strenght: there is no such setting; did you mean strength?"),
    "out of limits": ({"strength": 2}, 422, "strength: cannot be 2; give 0 to 1.5 or auto"),
    "one good, one bad": ({"strength": 0.1, "rotate": 1}, 422, "rotate: cannot be 1; give 0, 90, 180 or 270"),
    "blocked": ({"recording": True}, 409, "recording: cannot be changed here: no sink records"),
    "does not fit": ({"crop": "0,0,999,1"}, 409, "crop: 0,0,999,1 does not lie within the picture, which is 64x48"),
    "a list": ([1], 422, "give an object of JSON"),
    "no JSON": (b"{strength: 1}", 400, "the body is no JSON"),
    "not a number": (b'{"strength": NaN}', 400, "the body is no JSON"),
    "nothing": (b"", 400, "the body is no JSON"),
    "deep": (b"[" * 4000, 400, "the body is no JSON"),
    "no UTF-8": (b'{"name": "\xff"}', 400, "the body is no JSON"),
    "half a letter": (b'{"name": "\\ud800"}', 422, "name: a name has no control characters, this one has U+D800"),
    "large": (b'{"name": "' + b"x" * 5000 + b'"}', 413, "Maximum request body size"),
    "huge number": (b'{"strength": ' + b"9" * 3000 + b"}", 422, "strength: cannot be 999"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_told_in_one_line_and_changes_nothing(service, case):
    body, status, said = REFUSED[case]
    before = get(service, "/control").json
    answer = patch(service, body)
    assert (answer.status, answer.text.count("\n") <= 1) == (status, True)
    assert answer.text.startswith(said)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert get(service, "/control").json == before


def test_only_json_is_taken_and_persist_is_true_or_false(service):
    assert patch(service, b'{"strength": 1}', **{"Content-Type": "text/plain"}).status == 415
    assert patch(service, {}, "/control?persist=maybe").status == 400
    assert patch(service, {}, "/control?persist=false").status == 200
    kept = patch(service, {"strength": 1.0}, "/control?persist=true")
    assert (kept.status, "run with --config FILE" in kept.text) == (409, True)


def test_what_is_kept_is_written(service, tmp_path):
    service.changes = Changes(tmp_path / "c.changes.toml")
    assert patch(service, {"strength": 0.75, "roi": None}, "/control?persist=true").status == 200
    assert "strength = " in (tmp_path / "c.changes.toml").read_text()
    service.changes = Changes()


FOREIGN = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_origin_changes_nothing(service, headers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = get(service, "/control").json
    for method, path, body in (("PATCH", "/control", {"strength": 0.1}), ("POST", "/control/snapshot", None)):
        answer = send(service, method, path, body, **headers)
        assert (answer.status, answer.text) == (403, "pages of another origin may not change anything here\n")
    assert get(service, "/control").json == before
    assert list(tmp_path.iterdir()) == []


def test_our_own_page_and_programs_may(service):
    for headers in (
        {},
        {"Origin": service.address},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://proxy.example"},
    ):
        assert patch(service, {"strength": 1.0}, **headers).status == 200


def test_cors_lets_read_and_not_change():
    with served("cors=http://friend.example") as service:
        friend = {"Origin": "http://friend.example"}
        assert send(service, "GET", "/control", **friend).headers["Access-Control-Allow-Origin"] == friend["Origin"]
        assert patch(service, {"strength": 0.5}, **friend).status == 403
        asked = send(service, "OPTIONS", "/control", **friend, Access_Control_Request_Method="PATCH")
        assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD"


def test_the_token_is_asked_for_and_another_name_is_misdirected():
    with served("token=0123456789abcdef") as service:
        closed = {"/control": ("GET", "PATCH"), "/control/snapshot": ("POST",), "/openapi.json": ("GET",)}
        for method, path in [(method, path) for path, methods in closed.items() for method in methods]:
            assert send(service, method, path, {}).status == 401
            assert send(service, method, path, {}, Host="evil.example").status == 421
        assert patch(service, {"strength": 0.5}, Authorization="Bearer 0123456789abcdef").status == 200
        assert patch(service, {"strength": 0.5}, "/control?token=0123456789abcdef").status == 200


def test_a_snapshot_is_on_the_disk(service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = send(service, "POST", "/control/snapshot")
    assert answer.status == 201
    with Image.open(Path(answer.json["file"])) as picture:
        assert picture.size == tuple(get(service, "/state").json["size_out"])


def test_where_nothing_can_be_changed_there_is_no_control():
    with by_hand() as sink:
        sink.write(flat())
        assert get(sink, "/control").status == 404
        assert get(sink, "/state").json["control"] is False
        assert "/control" not in get(sink, "/openapi.json").json["paths"]


@pytest.mark.parametrize(
    ("address", "options", "status"),
    [
        ("127.0.0.1", "", 200),
        ("127.0.0.1", "control=no", 403),
        ("0.0.0.0", "", 403),
        ("0.0.0.0", "control=yes", 200),
        ("0.0.0.0", "token=0123456789abcdef", 200),
        ("0.0.0.0", "token=0123456789abcdef&control=no", 403),
    ],
)
def test_beyond_this_machine_a_token_is_needed_to_change_anything(address, options, status):
    with controlled(CARD, f"http://{address}:0#{options}".rstrip("#"), "null:") as service:
        service.address = f"http://127.0.0.1:{service.sinks[0].address.rpartition(':')[2].strip('/')}"
        token = {"Authorization": "Bearer 0123456789abcdef"}
        answers = [send(service, "GET", "/control", **token), patch(service, {"strength": 0.5}, **token)]
        answers += [send(service, "POST", "/control/snapshot", **token)] if status == 403 else []
        assert {each.status for each in answers} == {status}
        assert send(service, "GET", "/state", **token).json["control"] is (status == 200)
        if status == 403:
            assert "control=yes" in answers[1].text
            assert "/control" not in send(service, "GET", "/openapi.json", **token).json["paths"]
