"""Words and lists become cameras; what makes no sense is told with its place."""

from pathlib import Path

import pytest

from edge_srcnn.errors import NoInput, UsageError
from edge_srcnn.web.wall.cameras import read_camera, read_cameras, read_list

READ = {
    "http://pi:8080": (None, "http://pi:8080/", None),
    "pi:8080": (None, "http://pi:8080/", None),
    "https://PI.Local:443/": (None, "https://pi.local/", None),
    "http://pi:80/cam/": (None, "http://pi/cam/", None),
    "http://pi:8080/stream.mjpg?view=camera": (None, "http://pi:8080/", None),
    "http://pi/cam/snapshot.jpg": (None, "http://pi/cam/", None),
    "Garden=http://pi:8080": ("Garden", "http://pi:8080/", None),
    " Front door = pi:8080": ("Front door", "http://pi:8080/", None),
    "http://pi:8080/?token=a%20b": (None, "http://pi:8080/", "a b"),
    "pi:8080/?token=abc": (None, "http://pi:8080/", "abc"),
    "A=http://u:secret@pi": ("A", "http://pi/", "secret"),
    "http://[FE80::1]:8080": (None, "http://[fe80::1]:8080/", None),
    "http://bücher.example": (None, "http://xn--bcher-kva.example/", None),
}


@pytest.mark.parametrize("word", READ)
def test_a_word_is_an_address_with_or_without_a_name(word: str) -> None:
    camera = read_camera(word)
    assert (camera.name, camera.address, camera.place.token) == READ[word]
    assert camera.address.startswith(f"{camera.origin}/")


def test_a_token_for_all_is_shown_where_the_address_has_none() -> None:
    cameras = read_cameras([("", "http://a"), ("", "http://b/?token=own")], "shared")
    assert [camera.place.token for camera in cameras] == ["shared", "own"]


WRONG = {
    "": "give the address of the page",
    "=http://pi": "give NAME=http://HOST:PORT",
    "Garden=": "give the address of the page",
    "ftp://pi": "give the address of the page",
    "rtsp://pi/stream": "give the address of the page",
    "unix:/run/x.sock": "browsers open no sockets",
    "http://pi:0": "give NAME=http://HOST:PORT",
    "http://pi:99999": "no address",
    "http://[::1": "no address",
    "http://" + "ü" * 70: "no name of a machine",
}


@pytest.mark.parametrize("word", WRONG)
def test_what_no_browser_opens_is_refused_with_its_place(word: str) -> None:
    with pytest.raises(UsageError, match=r"^list\.txt, line 3: ") as told:
        read_cameras([("list.txt, line 3: ", word)])
    assert WRONG[word] in str(told.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["http://pi:8080", "B=http://PI:8080/stream.mjpg"], "http://PI:8080: is there already, as http://pi:8080"),
        (["http://pi", "http://pi:80/"], "http://pi:80: is there already, as http://pi"),
        (["A=http://pi:1", "A=http://pi:2"], "A: two cameras have this name"),
    ],
)
def test_doubles_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as told:
        read_cameras([("", word) for word in words])
    assert said in str(told.value)


def test_a_list_has_one_camera_a_line(tmp_path: Path) -> None:
    file = tmp_path / "cameras.txt"
    file.write_text("# the house\n\nGarden=http://pi1:8080 # in front\n  http://pi2:8080  \n  # no more\n")
    assert list(read_list(file)) == [
        (f"{file}, line 3: ", "Garden=http://pi1:8080"),
        (f"{file}, line 4: ", "http://pi2:8080"),
    ]


def test_a_list_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="cannot be read"):
        list(read_list(tmp_path / "missing"))
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UsageError, match="not a text"):
        list(read_list(tmp_path / "picture"))
