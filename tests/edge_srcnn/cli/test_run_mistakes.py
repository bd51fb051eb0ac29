"""``edge-srcnn run`` with names and options that make no sense: the right exit status, one line, no new file."""

import sys

import pytest

pytest.importorskip("av")

from edge_srcnn import cli
from tests.edge_srcnn.cli.recordings import BAD_DATA, CANNOT_WRITE, CARD, FAST, NO_INPUT, UNAVAILABLE, USAGE, files
from tests.edge_srcnn.cli.rights import without_override
from tests.edge_srcnn.clips import encode, flat

pytestmark = pytest.mark.slow


@pytest.fixture
def fails(tmp_path, monkeypatch, capfd):
    """Run ``edge-srcnn run``, in this process, which must fail with a status, one line, and no new file."""
    monkeypatch.chdir(tmp_path)

    def check(*arguments: object, status: int) -> str:
        before = files(tmp_path)
        monkeypatch.setattr(sys, "argv", ["edge-srcnn", "run", *map(str, arguments), *FAST])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, error = capfd.readouterr()
        assert (ended.value.code, out) == (status, ""), error
        assert error.startswith("edge-srcnn: ")
        assert error.count("\n") == 1
        assert "bug of ours" not in error
        assert files(tmp_path) == before
        return error

    return check


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        ("none.mp4", NO_INPUT, "none.mp4: there is no such file"),
        ("none/", NO_INPUT, "none"),
        ("empty/", NO_INPUT, "no picture"),
        ("none*.png", NO_INPUT, "no picture"),
        ("y4m:none", NO_INPUT, "none"),
        ("text.mp4", BAD_DATA, "text.mp4"),
        ("nothing.mp4", BAD_DATA, "nothing.mp4"),
        ("y4m:text.mp4", BAD_DATA, "text.mp4"),
        ("webcam:0", USAGE, "no source is called 'webcam'"),
        ("test:size=0x0", USAGE, "640x480"),
        ("test:colour=red", USAGE, "size, fps, frames"),
        ("test:?hflip", USAGE, "options are name=value, such as rotate=180 or hflip=yes"),
        ("text.mp4?hflip", USAGE, "text.mp4?hflip: options are name=value"),
        ("/dev/video0?overlay", USAGE, "options are name=value"),
        ("test:card", USAGE, "test:card: options are name=value"),
        ("test:?overlay=", USAGE, "test:?overlay=: overlay=: give yes, no, or one line"),
        ("test:?overlay=%20", USAGE, "give yes, no, or one line"),
        ("test:?overlay={nme}", USAGE, "the only word in braces is {name}"),
        (f"test:?overlay={'a' * 201}", USAGE, "up to 200 letters"),
        ("text.mp4?fps=x", USAGE, "give frames a second"),
        ("text.mp4?temporal=yes", USAGE, "temporal=yes: give one of auto, off, weak, strong"),
        ("http://127.0.0.1:1/x#temporal=", USAGE, "give one of auto, off, weak, strong"),
        ("test:?temporal", USAGE, "options are name=value"),
        ("text.mp4?speed=2", USAGE, "rotate, hflip, vflip, crop, fps"),
        ("", USAGE, "empty"),
        ("http://127.0.0.1:1/x", UNAVAILABLE, "127.0.0.1"),
        ("rtsp://127.0.0.1:1/x", UNAVAILABLE, "127.0.0.1"),
    ],
)
def test_sources_that_are_none(fails, tmp_path, source, status, said):
    (tmp_path / "text.mp4").write_text("This is no video.\n" * 100)
    (tmp_path / "nothing.mp4").touch()
    (tmp_path / "empty").mkdir()
    assert said in fails("--source", source, "--sink", "null:", status=status)


@pytest.mark.parametrize(
    ("sink", "status", "said"),
    [
        ("screen:", USAGE, "no sink is called 'screen'"),
        ("out.webm", USAGE, ".mp4"),
        ("null:out.mp4", USAGE, "null:out.mp4: give null: alone"),
        ("out.mp4?crf=x", USAGE, "whole number"),
        ("out.mp4?crf=52", USAGE, "from 1 (good) to 51 (small)"),
        ("out.mp4?preset=warp", USAGE, "one of ultrafast, superfast"),
        ("out.mp4?preset=", USAGE, "one of ultrafast, superfast"),
        ("out.mp4?keep=2", USAGE, "segment"),
        ("mine.mp4", CANNOT_WRITE, "overwrite"),
        ("mine.mp4/out.mp4", CANNOT_WRITE, "mine.mp4"),
        ("mine.mp4/pictures/", CANNOT_WRITE, "mine.mp4"),
        ("y4m:none/out.y4m", CANNOT_WRITE, "none/out.y4m"),
        ("y4m:mine.mp4", CANNOT_WRITE, "mine.mp4"),
        ("", USAGE, "empty"),
    ],
)
def test_sinks_that_are_none(fails, tmp_path, sink, status, said):
    (tmp_path / "mine.mp4").write_text("mine")
    assert said in fails("--source", f"{CARD},fps=max,frames=3", "--sink", sink, status=status)
    assert (tmp_path / "mine.mp4").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--roi", "1,2,3"), "left,top,width,height"),
        (("--roi", "a,b,c,d"), "left,top,width,height"),
        (("--roi", "-1,0,5,5"), "left,top,width,height"),
        (("--roi", "0,0,0,5"), "1 or more"),
        (("--roi", "64,0,5,5"), "64x48"),
        (("--temporal", "yes"), "--temporal yes: give one of auto, off, weak, strong"),
        (("--strength", "1.6"), "strength 1.6: give a number from 0 (bicubic) to 1.5, 1 is as trained; or auto"),
        (("--strength", "-1"), "strength -1: give a number"),
        (("--strength", "nan"), "strength nan: give a number"),
        (("--strength", "much"), "strength much: give a number"),
        (("--strength", ""), "strength : give a number"),
        (("--keep-fps", "fast"), "frames a second"),
        (("--keep-fps", "0"), "frames a second"),
        (("--name", ""), "--name : give a name, such as Garden"),
        (("--name", "a\nb"), "no control characters, this one has U+000A"),
        (("--name", "a" * 65), "at most 64 letters"),
        (("--sink", "http://127.0.0.1:0#name=a%0Ab"), "name=a"),
        (("--scale", "7"), "scale 7"),
        (("--scale", "3", "--model", "srcnn-915-x2"), "model srcnn-915-x2 is for x2; leave one of the two out"),
        (("--tile", "0x0"), "tile"),
        (("--json", "--sink", "y4m:-"), "standard output"),
        (("--json", "--sink", "y4m:"), "standard output"),
    ],
)
def test_options_that_make_no_sense(fails, options, said):
    assert said in fails("--source", f"{CARD},fps=max,frames=3", "--sink", "null:", *options, status=USAGE)


def test_a_sink_that_cannot_be_opened_leaves_no_trace_of_the_others(fails, tmp_path):
    fails("--source", CARD, "--sink", "out.mp4", "--sink", "null:", "--sink", "screen:", status=USAGE)
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_may_not_be_read(run_cli, tmp_path):
    encode(tmp_path / "in.mp4", [flat((90, 100, 110), 48, 64)]).chmod(0)
    done = run_cli("run", "--source", "in.mp4", "--sink", "null:", *FAST, preexec_fn=without_override)
    assert (done.returncode, done.stderr.count("\n")) == (NO_INPUT, 1), done.stderr
    assert "Permission denied" in done.stderr


def test_a_folder_that_may_not_be_written(run_cli, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    source = f"{CARD},fps=max,frames=3"
    for sink in ("locked/out.mp4", "locked/pictures/"):
        done = run_cli("run", "--source", source, "--sink", sink, *FAST, preexec_fn=without_override)
        assert done.returncode == CANNOT_WRITE, done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert "Permission denied" in done.stderr
