"""The page is one file that loads nothing else, whatever cameras are called."""

import base64
import json
import re
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser

import pytest

from edge_srcnn.web.wall.cameras import Camera, read_camera
from edge_srcnn.web.wall.check import Seen
from edge_srcnn.web.wall.page import Look, names_of, page

NASTY = "</script><script>alert(1)</script><!-- \"'&<b>$title \u2028 ${x} \\u003c"


class Parsed(HTMLParser):
    """Elements with their attributes, and the text within scripts and styles, by the standard library's parser."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "title": [], "h1": [], "a": []}
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.texts:
            self.texts[self._inside].append(data)


def made(*cameras: Camera, **look: object) -> Parsed:
    return Parsed(page(cameras, [None] * len(cameras), Look(**look)))  # type: ignore[arg-type]


def data(parsed: Parsed) -> dict:
    return json.loads(parsed.texts["script"][0])


def test_names_and_titles_stay_text() -> None:
    parsed = made(Camera(read_camera("http://pi").place, NASTY), title=NASTY)
    assert [tag for tag, _ in parsed.elements].count("script") == 2
    assert "".join(parsed.texts["title"]) == "".join(parsed.texts["h1"]) == NASTY
    assert data(parsed)["cameras"][0]["name"] == NASTY
    assert parsed.texts["a"][0] == NASTY


def test_it_loads_nothing_but_what_its_policy_names() -> None:
    parsed = made(read_camera("http://pi:8080/cam"), read_camera("https://tv.local"), read_camera("http://[::1]:81"))
    for tag, attributes in parsed.elements:
        loads = [value for name, value in attributes.items() if name in ("src", "href", "action", "srcset") and value]
        assert all(each.startswith("data:image/") or tag == "a" for each in loads), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    policy = {
        words[0]: words[1:]
        for part in next(a["content"] for _, a in parsed.elements if "http-equiv" in a).split(";")
        if (words := part.split())
    }
    origins = ["http://pi:8080", "https://tv.local", "http:"]  # an address of IPv6 cannot be named
    assert policy.pop("connect-src") == origins
    assert policy.pop("img-src") == ["data:", "blob:", *origins]
    for kind, text in (("script", parsed.texts["script"][1]), ("style", parsed.texts["style"][0])):
        digest = base64.b64encode(sha256(text.encode()).digest()).decode()
        assert policy.pop(f"{kind}-src") == [f"'sha256-{digest}'"]
    assert policy == {"default-src": ["'none'"], "base-uri": ["'none'"], "form-action": ["'none'"]}


def test_a_link_never_holds_the_token() -> None:
    text = page([read_camera("http://pi/?token=0123456789abcdef")], [None], Look())
    assert re.findall('href="([^d"][^"]*)"', text) == ["http://pi/"]
    assert text.count("0123456789abcdef") == 1
    assert data(Parsed(text))["cameras"][0]["token"] == "0123456789abcdef"


def test_tiles_are_called_as_asked_or_as_cameras_call_themselves_and_never_twice() -> None:
    cameras = [read_camera(word) for word in ("Mine=http://a", "http://b", "http://c/x", "http://d:81", "http://e")]
    seen = [Seen("Own", "live"), Seen("Gate", "live"), Seen("Gate", "live"), Seen(None, "no answer"), None]
    assert names_of(cameras, seen) == ["Mine", "Gate (b)", "Gate (c/x)", "d:81", "e"]
    tiles = data(Parsed(page(cameras, seen, Look())))["cameras"]
    assert [tile["own"] for tile in tiles] == [False, True, True, True, True]


def test_what_was_found_when_it_was_written_is_kept_unless_it_passes() -> None:
    cameras = [read_camera(word) for word in ("http://a", "http://b", "http://c")]
    seen = [
        Seen(None, "live", "add cors=null"),
        Seen(None, "no answer", "refused"),
        Seen("C", "live", None, True, True),
    ]
    tiles = data(Parsed(page(cameras, seen, Look())))["cameras"]
    assert [tile["hint"] for tile in tiles] == ["add cors=null", None, None]


@pytest.mark.parametrize(("every", "ms"), [(None, None), (2, 2000), (0.25, 250)])
def test_pictures_come_as_often_as_asked(every: float | None, ms: int | None) -> None:
    told = data(made(read_camera("http://a"), every_s=every, view="camera"))
    assert (told["everyMs"], told["view"]) == (ms, "camera")


def test_the_policy_is_escaped_as_an_attribute() -> None:
    text = page([read_camera("http://a")], [None], Look())
    content = re.search('Content-Security-Policy" content="([^"]*)"', text)
    assert content is not None and "'none'" in unescape(content[1])
