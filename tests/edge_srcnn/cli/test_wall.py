"""``edge-srcnn wall``: the page is written whatever the cameras say, and what they say is told."""

import json
import stat
from contextlib import closing
from pathlib import Path
from socket import socket

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from tests.edge_srcnn.web.serving import by_hand, flat

pytestmark = pytest.mark.slow

TOKEN = "canary-0123456789"


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_the_page_is_written_and_each_camera_told(run_cli, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with closing(socket()) as closed, by_hand("cors=null", name="Garden") as sink, by_hand("", name="Gate") as shut:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        sink.write(flat())
        done = run_cli(
            "wall", sink.address, f"Dead one={dead}", shut.address, "-o", "new/w.html", "--title", "My house"
        )
        assert done.returncode == 0
        rows = [line.split("  ")[0].strip() for line in done.stdout.splitlines()]
        assert rows == ["camera", "Garden", "Dead one", "Gate", f"the wall: {tmp_path / 'new/w.html'}"]
        said = done.stderr.splitlines()
        assert [line.partition(":")[0] for line in said] == ["Dead one", "Gate"]
        assert "does not answer now" in said[0] and "add cors=null" in said[1]
        text = Path("new/w.html").read_text(encoding="utf-8")
        assert "<title>My house</title>" in text and dead in text
        assert mode(Path("new/w.html")) & 0o044  # as other files

        again = run_cli("wall", sink.address, "-o", "new/w.html")
        assert (again.returncode, "--overwrite" in again.stderr) == (73, True)
        assert Path("new/w.html").read_text(encoding="utf-8") == text
        told = json.loads(run_cli("wall", sink.address, "-o", "new/w.html", "--overwrite", "--json").stdout)
        assert told["page"] == str(tmp_path / "new/w.html")
        assert told["cameras"][0]["name"] == "Garden" and told["cameras"][0]["readable"]


def test_a_page_with_a_token_is_its_owners_alone_and_nothing_prints_it(run_cli, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("token").write_text(f"{TOKEN}\n")
    with by_hand(f"cors=null&token={TOKEN}") as sink:
        sink.write(flat())
        bare = run_cli("wall", sink.address, "-o", "bare.html")
        assert "asks for a token" in bare.stderr and mode(Path("bare.html")) & 0o044
        for number, words in enumerate(([sink.address, "--token-file", "token"], [f"A={sink.address}/?token={TOKEN}"])):
            done = run_cli("wall", *words, "-o", f"{number}.html")
            assert done.returncode == 0 and " token" not in done.stdout  # neither asked for nor refused
            assert "holds tokens of cameras (1)" in done.stderr and "mode 600" in done.stderr
            assert TOKEN not in done.stdout + done.stderr
            assert mode(Path(f"{number}.html")) == 0o600
            assert TOKEN in Path(f"{number}.html").read_text(encoding="utf-8")


def test_a_list_of_cameras_and_no_questions(run_cli, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("cameras.txt").write_text("# the house\nGarden=http://pi1.invalid:8080\npi2.invalid:8080\n")
    done = run_cli("wall", "--cameras", "cameras.txt", "http://pi3.invalid", "--no-check", "--every", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"the wall: {tmp_path / 'wall.html'}\n"
    text = Path("wall.html").read_text(encoding="utf-8")
    order = [text.index(f'"http://pi{number}.invalid') for number in (3, 1, 2)]
    assert order == sorted(order) and '"everyMs": 2000' in text


def test_views_are_those_that_a_stream_has_one_picture_of():
    from edge_srcnn.cli.wall import _VIEWS
    from edge_srcnn.web.views import PARTS

    assert [PARTS[view] for view in _VIEWS] == [(view,) for view in _VIEWS]


WRONG = {
    "none": ([], 2, "give the cameras"),
    "no address": (["ftp://pi"], 2, "ftp://pi: give the address of the page"),
    "a socket": (["unix:/run/x.sock"], 2, "browsers open no sockets"),
    "twice": (["http://a", "B=http://a:80/"], 2, "is there already, as http://a"),
    "no list": (["--cameras", "missing.txt"], 66, "missing.txt: cannot be read"),
    "no view": (["http://a", "--view", "enhanced2"], 2, "did you mean enhanced?"),
    "too often": (["http://a", "--every", "0"], 2, "--every 0: give 0.2 to 3600 seconds"),
    "no number": (["http://a", "--every", "nan"], 2, "--every nan: give"),
    "no origin": (["http://a", "--origin", "tv.local"], 2, "--origin tv.local: give origins"),
    "two origins": (["http://a", "--origin", "http://a,http://b"], 2, "give one origin"),
    "no token": (["http://a", "--token-file", "missing"], 66, "cannot be read"),
    "a folder": (["http://a", "--no-check", "-o", "."], 73, "is a folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_one_line_and_writes_nothing(run_cli, tmp_path: Path, monkeypatch, case: str):
    monkeypatch.chdir(tmp_path)
    words, status, said = WRONG[case]
    done = run_cli("wall", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1), done.stderr
    assert said in done.stderr
    assert not list(tmp_path.iterdir())
