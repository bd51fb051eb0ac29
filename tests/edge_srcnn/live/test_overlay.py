"""Name and time on what comes out: for every sink and view, and never on what the network sees."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge_srcnn.errors import BadConfiguration
from edge_srcnn.imaging.overlay import with_text
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.service.build import Service
from edge_srcnn.service.configuration import load_config
from edge_srcnn.service.settings import Config
from edge_srcnn.service.settings import Service as Settings
from edge_srcnn.sinks import Result
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.live.pipeline_parts import Recorder

SOURCE = "test:?size=160x120&fps=max&frames=2"


@pytest.fixture(scope="module")
def upscaler():
    with load_model(engine="bicubic") as opened:
        yield opened


@pytest.fixture
def result(upscaler):
    recorder = Recorder()
    Pipeline(open_source(SOURCE), upscaler, [recorder], overlay=lambda frame: f"Gate {frame.index}").run()
    return recorder.last


def test_the_result_has_the_text_and_the_cameras_frame_has_not(upscaler, result):
    assert result.overlay == "Gate 1"
    assert np.array_equal(result.frame.luma, with_text(upscaler.upscale_frame(result.original), "Gate 1").luma)
    clean = list(open_source(SOURCE))[1]
    assert np.array_equal(result.original.luma, clean.luma)


def test_without_an_overlay_nothing_is_written(upscaler):
    recorder = Recorder()
    Pipeline(open_source(SOURCE), upscaler, [recorder]).run()
    assert recorder.last.overlay == ""
    assert np.array_equal(recorder.last.frame.luma, upscaler.upscale_frame(recorder.last.original).luma)


def test_every_view_of_the_page_has_it(upscaler, result):
    pytest.importorskip("simplejpeg")
    from edge_srcnn.web.views import bicubic_frame, enhanced_frame, split_frame, stale_picture

    expected = with_text(upscaler.upscale_frame(result.original), "Gate 1").luma
    bicubic, enhanced = bicubic_frame(result), enhanced_frame(result)
    for shown in (bicubic, enhanced):
        assert np.array_equal(shown.luma, expected)
    assert np.array_equal(split_frame(bicubic, enhanced).luma[:, :100], expected[:, :100])  # the line is further right
    idle = Result(result.original, result.original, 2, enhanced=False, overlay="Gate 1")
    assert np.array_equal(bicubic_frame(idle).luma, expected)
    assert stale_picture(result, 0.0).overlay == "Gate 1"


@pytest.mark.parametrize("enhanced", [True, False])
def test_visitors_see_it_in_every_view(upscaler, result, enhanced):
    """A white picture, over HTTP: dark at the top left, and nowhere else; with letters in it."""
    pytest.importorskip("aiohttp")
    pytest.importorskip("simplejpeg")
    from tests.edge_srcnn.web.serving import by_hand, get

    luma = np.full((240, 320), 255, np.uint8)
    original = replace(result.original, luma=luma, chroma=None)
    large = upscaler.upscale_frame(original) if enhanced else original
    frame = with_text(large, "Gate 06:31") if enhanced else large
    with by_hand() as sink:
        sink.write(Result(frame, original, 2, enhanced=enhanced, overlay="Gate 06:31"))
        for view in ("enhanced", "bicubic", "split", "camera") if enhanced else ("bicubic", "camera"):
            data = get(sink, f"/snapshot.jpg?view={view}").body
            shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
            if view == "camera":  # which has its own size
                shown = shown.repeat(2, axis=0).repeat(2, axis=1)
            assert shown.shape == (480, 640)
            box = shown[2:22, 2:80]
            assert np.median(box) < 110
            assert (box > 200).mean() > 0.03
            assert (shown[60:, :300] > 250).all()


SINKS = ("null:",)


@pytest.mark.parametrize(
    ("source", "settings", "text"),
    [
        ("test:size=64x48", Settings(name="Gate"), ""),
        ("test:size=64x48", Settings(name="Gate", overlay="yes"), r"Gate \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
        ("test:size=64x48", Settings(overlay="yes"), r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
        ("test:size=64x48", Settings(name="Gate", overlay="{name} %Y"), r"Gate \d{4}"),
        ("test:?size=64x48&overlay=yes", Settings(name="Gate"), r"Gate \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
        ("test:?size=64x48&overlay=no", Settings(name="Gate", overlay="yes"), ""),
        ("test:?size=64x48&overlay={name}, %H:%M", Settings(name="Gate"), r"Gate, \d\d:\d\d"),
        ("test:?size=64x48&overlay=%Y%m%d+{name}", Settings(name="Gate"), r"\d{8} Gate"),
        ("rtsp://camera/s#overlay=yes&rotate=90", Settings(), r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    ],
)
def test_a_configuration_says_what_is_written(monkeypatch, source, settings, text):
    seen = {}

    class Supervisor:
        def __init__(self, *arguments, **given):
            seen.update(given)

    monkeypatch.setattr("edge_srcnn.service.build.Supervisor", Supervisor)
    service = Service(Config(source, SINKS, service=settings))
    try:
        frame = open_source("test:size=64x48").read()
        assert re.fullmatch(text, seen["overlay"](frame))
    finally:
        service.close()


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("[service]\noverlay = '{nam}'", "service.overlay: .*the only word in braces is {name}"),
        ("[service]\noverlay = ''", "service.overlay: .*give yes, no, or one line"),
        ("[service]\noverlay = true", "service.overlay: .*give text in quotes"),
        ("source = 'picamera2:0?overlay={nam}'", "the only word in braces is {name}"),
    ],
)
def test_what_cannot_be_written_is_found_by_the_check(tmp_path, text, cure):
    file = tmp_path / "a.toml"
    file.write_text(text)
    with pytest.raises(BadConfiguration, match=cure):
        load_config(file, {}, {})


@pytest.mark.slow
def test_a_recording_shows_name_and_time(run_cli, tmp_path):
    """Against the same frames without: outside of the box nothing changes, and inside there are letters."""
    source = "test:?size=320x240&fps=max&frames=3&rotate=180"
    outputs = {}
    for name, options in {"plain": (), "dated": ("--overlay", "yes", "--name", "Gate")}.items():
        target = tmp_path / f"{name}.y4m"
        done = run_cli("run", "-i", source, "-o", f"y4m:{target}", "--engine", "bicubic", *options)
        assert done.returncode == 0, done.stderr
        data = target.read_bytes()
        size = 640 * 480
        frames = data.split(b"FRAME\n")[1:]
        outputs[name] = np.frombuffer(frames[2][:size], np.uint8).reshape(480, 640)
    changed = outputs["plain"] != outputs["dated"]
    assert changed[:30, :200].any()
    assert not changed[48:].any()
    assert not changed[:, 500:].any()


@pytest.mark.slow
@pytest.mark.parametrize("text", ["{nam}", "", "a\nb"])
def test_the_flag_is_checked(run_cli, text):
    done = run_cli("run", "-i", "test:", "-o", "null:", "--overlay", text)
    assert done.returncode == 2
    assert "--overlay" in done.stderr
    assert "give yes, no, or" in done.stderr
