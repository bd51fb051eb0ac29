"""Sockets in the file system, which proxies of this machine connect to."""

import grp
import os
import socket
import stat
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.service.settings import Config
from edge_srcnn.sinks import open_sink
from edge_srcnn.uri import parse_uri
from edge_srcnn.web.address import SocketFile, place_of
from tests.edge_srcnn.web.serving import LIMIT_S, by_hand, flat


def ask(path: Path, request: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.settimeout(LIMIT_S)
        visitor.connect(str(path))
        visitor.sendall(request.encode())
        return b"".join(iter(lambda: visitor.recv(65536), b""))


def snapshot(path: Path, host: str = "localhost") -> bytes:
    return ask(path, f"GET /snapshot HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("slashes", ["", "//"])
def test_pictures_come_through_a_socket_that_is_gone_afterwards(
    slashes: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "http.sock"
    with by_hand(address=f"unix:{slashes}{path}") as sink:
        sink.write(flat())
        assert sink.address == f"unix:{path}"
        assert snapshot(path).startswith(b"HTTP/1.1 200")
        assert snapshot(path, "evil.example").startswith(b"HTTP/1.1 421")
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()
    assert caplog.messages == []  # only this machine reaches it


@pytest.mark.skipif(os.geteuid() != 0, reason="gives the socket to a group")
def test_mode_and_group_are_those_that_were_asked_for(tmp_path: Path) -> None:
    path, group = tmp_path / "http.sock", grp.getgrnam("www-data")
    with by_hand("mode=666&group=www-data&hosts=cam", address=f"unix:{path}") as sink:
        sink.write(flat())
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert path.stat().st_gid == group.gr_gid
        assert snapshot(path, "cam").startswith(b"HTTP/1.1 200")


def test_the_address_has_the_path_as_nginx_writes_it(tmp_path: Path) -> None:
    with by_hand("prefix=/cam", address=f"unix:{tmp_path}/http.sock") as sink:
        assert sink.address == f"unix:{tmp_path}/http.sock:/cam/"
        assert ask(tmp_path / "http.sock", "GET /cam/state HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200")


def test_a_socket_that_nobody_hears_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    with by_hand(address=f"unix:{path}") as sink:
        sink.write(flat())
        assert snapshot(path).startswith(b"HTTP/1.1 200")


def test_a_socket_in_use_is_an_error_as_for_ports(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with by_hand(address=f"unix:{path}") as sink:
        with pytest.raises(CannotWrite, match=rf"^unix:{path}: cannot listen there \(Address already in use\)$"):
            SocketFile(str(path)).listen()
        sink.write(flat())
        assert snapshot(path).startswith(b"HTTP/1.1 200")  # the first was not harmed


def test_a_socket_that_somebody_else_has_put_there_since_stays(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as other:
        with by_hand(address=f"unix:{path}"):
            path.unlink()
            other.bind(str(path))
            other.listen()
        assert path.exists()


@pytest.mark.parametrize(
    ("make", "name", "said"),
    [
        (lambda folder: (folder / "x").write_text("mine"), "x", "a file that is no socket is there"),
        (lambda folder: (folder / "x").mkdir(), "x", "a file that is no socket is there"),
        (lambda folder: None, "missing/x", "No such file or directory"),
        (lambda folder: None, "x" * 120, "AF_UNIX path too long"),
    ],
)
def test_what_is_in_the_way_stays_and_is_told(make, name: str, said: str, tmp_path: Path) -> None:
    make(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CannotWrite, match=rf"^unix:.*: cannot listen there \({said}\)$"):
        SocketFile(str(tmp_path / name)).listen()
    assert sorted(tmp_path.iterdir()) == before


def test_a_group_that_is_not_there_is_told_and_leaves_no_socket(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="no group is called no-such-group"):
        SocketFile(str(tmp_path / "x"), group="no-such-group").listen()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["token=canary", "name=Garden&token=canary", "mode=600"])
def test_options_behind_the_wrong_sign_are_no_part_of_the_name(tmp_path: Path, option: str) -> None:
    with pytest.raises(UsageError, match=r"http\.sock: options follow a \?") as raised:
        open_sink(f"unix:{tmp_path}/http.sock#{option}")
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("text", ["unix:", "unix:/", "unix:/run/", "unix://run/x.sock"])
def test_what_names_no_socket_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"give a path, such as unix:/run/edge-srcnn/http\.sock"):
        place_of(parse_uri(text))


@pytest.mark.parametrize(
    ("options", "said"),
    [("mode=1777", "three digits"), ("mode=rw", "three digits"), ("group=", "empty"), ("cert=a&key=b", "no option")],
)
def test_options_that_a_socket_does_not_have_are_refused(options: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        open_sink(f"unix:/run/x.sock?{options}")


def test_a_configuration_names_a_socket_once() -> None:
    assert Config("test:", ("unix:/run/x.sock", "unix:/run/y.sock?mode=666"))
