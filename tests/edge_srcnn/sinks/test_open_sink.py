"""A name says which kind of sink it is; what it cannot be is said in one line."""

import importlib.util

import pytest

from edge_srcnn.errors import CannotWrite, OutputExists, Unavailable, UsageError
from edge_srcnn.sinks import KINDS, camera_name, kind_of, open_sink
from edge_srcnn.sinks.folder import FolderSink
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sinks.video import VideoSink
from edge_srcnn.sinks.y4m import Y4mSink
from edge_srcnn.uri import parse_uri

HAS_AV = importlib.util.find_spec("av") is not None
NEEDS_AV = pytest.mark.skipif(not HAS_AV, reason="PyAV is not installed")


@pytest.mark.parametrize("name", ["pictures/", "folder:pictures", "pictures/?format=png&every=2&keep=5"])
def test_folders(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    sink = open_sink(name)
    assert isinstance(sink, FolderSink)
    assert (tmp_path / "pictures").is_dir()
    sink.close()


def test_a_folder_that_is_there_needs_no_slash(tmp_path):
    assert isinstance(open_sink(str(tmp_path)), FolderSink)


def test_others(tmp_path):
    assert isinstance(open_sink("null:"), NullSink)
    sink = open_sink(f"y4m:{tmp_path / 'out.y4m'}")
    assert isinstance(sink, Y4mSink)
    sink.close()


@NEEDS_AV
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "m4v", "avi", "MP4"])
def test_videos(tmp_path, suffix):
    sink = open_sink(f"{tmp_path}/out.{suffix}")
    assert isinstance(sink, VideoSink)
    assert list(tmp_path.iterdir()) == []  # nothing before the first frame
    sink.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(HAS_AV, reason="PyAV is installed")
@pytest.mark.parametrize("name", ["out.mp4", "rtsp://127.0.0.1/x"])
def test_without_pyav_its_cure_is_said(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unavailable, match="pip install"):
        open_sink(name)


@pytest.mark.parametrize(
    "name",
    [
        "G",
        "Garden gate",
        "\u5ead",
        "\u062d\u062f\u064a\u0642\u0629",
        "\U0001f468\u200d\U0001f33e",
        "<b>&amp;",
        "\u00e9" * 64,
    ],
)
def test_any_letters_name_a_camera(name):
    assert camera_name(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(
            ("", "leave it out"),
            (" ", "leave it out"),
            ("\u3000", "leave it out"),
            ("a" * 65, "at most 64 letters.* 65"),
        ),
        *(
            (f"a{letter}b", rf"U\+{ord(letter):04X}$")
            for letter in "\0\t\n\r\x1b\x7f\x85\x9b\u2028\u2029\u202e\u2067\udc80"
        ),
    ],
)
def test_a_name_is_one_line_of_letters(name, said):
    with pytest.raises(ValueError, match=said):
        camera_name(name)


@pytest.mark.parametrize("name", ["gopher://host/x", "screen:", "test:"])
def test_an_unknown_kind_is_refused_with_examples(name):
    with pytest.raises(UsageError, match=f"no sink is called '{name.split(':')[0]}'") as raised:
        open_sink(name)
    assert "out.mp4" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "empty"),
        ("out.webm", "ends in one of"),
        ("out", "ends in one of"),
        ("out.mp4?speed=1", "codec, crf, preset, segment"),
        ("out.mp4?crf=0", "whole number"),
        ("out.mp4?codec=vp9", "h264"),
        ("out.mp4?segment=0", "seconds"),
        pytest.param("out.mp4?keep=3", "segment", marks=NEEDS_AV),
        ("pictures/?format=gif", "jpg, png, webp"),
        ("pictures/?names=sorted", "number, time"),
        ("pictures/?keep=0", "whole number"),
        ("y4m:-?fps=5", "there are: none"),
        ("rtsp://127.0.0.1/x#codec=vp9", "h264"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said) as raised:
        open_sink(name)
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@NEEDS_AV
def test_a_video_that_is_there_is_not_replaced_unless_it_is_asked_for(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_text("mine")
    with pytest.raises(OutputExists, match="overwrite=yes"):
        open_sink(str(path))
    open_sink(f"{path}?overwrite=yes").close()
    assert path.read_text() == "mine"


def test_a_y4m_file_that_is_there_is_not_replaced(tmp_path):
    path = tmp_path / "out.y4m"
    path.write_text("mine")
    with pytest.raises(OutputExists):
        open_sink(f"y4m:{path}").close()
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["file/pictures/", "y4m:none/out.y4m", "y4m:."])
def test_what_cannot_be_made_is_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite) as raised:
        open_sink(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_its_code(kind):
    # none of them may need its library before it is opened
    module = kind.load()
    assert callable(module.options) and callable(module.open)


@pytest.mark.parametrize(
    "name", ["null:", "pictures/", "http://127.0.0.1:0", "rtsp://127.0.0.1/x", "out.mp4", "y4m:out"]
)
def test_a_record_says_of_a_sink_what_the_sink_says_of_itself(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    try:
        sink = open_sink(name)
    except Unavailable:
        pytest.skip("a library is not installed")
    kind = kind_of(parse_uri(name))
    assert (kind.live, kind.blocking) == (sink.live, sink.blocking)
    sink.close()
