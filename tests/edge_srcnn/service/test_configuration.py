"""The configuration: defaults, a file, the environment and flags, there and back; and the example."""

import inspect
import json
import re
import tomllib
from dataclasses import fields, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_srcnn.engine.backends import AUTO, BACKENDS
from edge_srcnn.imaging.overlay import USUAL
from edge_srcnn.service.configuration import load_config, variable
from edge_srcnn.service.install import EXAMPLE, shipped
from edge_srcnn.service.settings import SETTINGS, TABLES, Config, Enhance, Service, Transform, wanted
from edge_srcnn.upscaler import load_model
from edge_srcnn.uri import frame_rate
from tests.edge_srcnn.service.configurations import REPEATABLE, load

FIVE_MINUTES = "front.mp4?segment=300"


def test_the_settings_of_enhance_are_the_options_of_load_model_and_of_run():
    options = ["model" if name == "name" else name for name in inspect.signature(load_model).parameters]
    options.remove("camera")  # which the source tells
    assert [each.name for each in fields(Enhance)] == [*options, "delegate_options", "roi", "keep_fps", "temporal"]


def test_nothing_given_is_the_defaults():
    loaded = load_config(None, {})
    assert loaded.config == Config()
    assert loaded.origins == dict.fromkeys(SETTINGS, "default")


def test_a_file_overrides_the_defaults(tmp_path):
    text = f"""source = "test:"
sinks = [
  "null:",  # [service] is no table here
  "{FIVE_MINUTES}",
]

[enhance]
scale = 3
[service]
'hot_c' = 70
"""
    loaded = load(tmp_path, text)
    assert loaded.config == Config("test:", ("null:", FIVE_MINUTES), Enhance(scale=3), Service(hot_c=70.0))
    assert isinstance(loaded.config.service.hot_c, float)
    lines = {path: int(origin.rpartition(" ")[2]) for path, origin in loaded.origins.items() if origin != "default"}
    assert lines == {"source": 1, "sinks": 2, "enhance.scale": 8, "service.hot_c": 10}
    assert loaded.origins["source"] == f"{tmp_path}/c.toml line 1"


def test_the_environment_overrides_the_file_and_flags_override_both(tmp_path):
    text = "[enhance]\nscale = 2\nthreads = 2\nkeep_fps = 15\n"
    environment = {"EDGE_SRCNN_ENHANCE_SCALE": "3", "EDGE_SRCNN_ENHANCE_THREADS": "3"}
    loaded = load(tmp_path, text, environment, {"enhance.scale": 4, "enhance.model": None})
    assert loaded.config.enhance == Enhance(scale=4, threads=3, keep_fps="15")
    assert loaded.origins["enhance.scale"] == "flag"
    assert loaded.origins["enhance.threads"] == "environment EDGE_SRCNN_ENHANCE_THREADS"
    assert loaded.origins["enhance.keep_fps"].endswith("c.toml line 4")
    assert loaded.origins["enhance.model"] == "default"


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("SOURCE", " test: ", "source", "test:"),
        ("SINKS", "null:  a/\n", "sinks", ("null:", "a/")),
        ("ENHANCE_THREADS", "3", "enhance.threads", 3),
        ("ENHANCE_REUSE", "No", "enhance.reuse", False),
        ("ENHANCE_REUSE", "1", "enhance.reuse", True),
        ("ENHANCE_STRENGTH", "0.5", "enhance.strength", "0.5"),
        ("ENHANCE_STRENGTH", "auto", "enhance.strength", "auto"),
        ("ENHANCE_KEEP_FPS", "30000/1001", "enhance.keep_fps", "30000/1001"),
        ("SERVICE_NAME", "Garden gate", "service.name", "Garden gate"),
        ("SERVICE_HOT_C", "70", "service.hot_c", 70.0),
        ("SERVICE_LOG", "json", "service.log", "json"),
        ("SERVICE_LOG", "", "service.log", "auto"),
        ("SERVICE_LOG", " ", "service.log", "auto"),
    ],
)
def test_the_environment_is_text_and_an_empty_one_is_none(name, text, path, value):
    config = load_config(None, {f"EDGE_SRCNN_{name}": text}).config
    table, _, leaf = path.rpartition(".")
    assert getattr(getattr(config, table) if table else config, leaf) == value


def test_variables_of_other_parts_of_the_project_are_left_alone():
    others = ("DATA", "DEBUG", "SLOW", "CONFIG", "CACHE")
    assert load_config(None, {f"EDGE_SRCNN_{name}": "x" for name in others}).config == Config()


def test_a_file_of_an_editor_that_marks_utf_8_is_read(tmp_path):
    assert load(tmp_path, b"\xef\xbb\xbfsource = 'test:'\r\n").config.source == "test:"


def test_a_tokens_file_may_be_there_for_the_service_only(tmp_path):
    for sink in (
        "http://0.0.0.0:8080#token_file=/run/credentials/edge-srcnn.service/token",
        "https://0.0.0.0:8443#cert=$CREDENTIALS_DIRECTORY/cert&key=$CREDENTIALS_DIRECTORY/key",
    ):
        assert load(tmp_path, f"sinks = ['{sink}']").config.sinks == (sink,)


def test_nothing_is_written_or_opened_by_looking(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sinks = ("new/?keep=9", "a.mp4?segment=9", "y4m:out.y4m?overwrite=yes", "http://:8080", "rtsp://nowhere/x", "null:")
    sources = (
        "/dev/video99?fps=15",
        "picamera2:99?AwbEnable=no",
        "incoming/?watch=yes",
        "y4m:fifo",
        "rtsp://nowhere/x",
    )
    for source in (*sources, "clip.mp4", "test:size=9999x9999"):
        loaded = load(tmp_path, f"source = '{source}'\nsinks = {json.dumps(sinks)}").config
        assert (loaded.source, loaded.sinks) == (source, sinks)
    assert [path.name for path in tmp_path.iterdir()] == ["c.toml"]


NAMES = st.text("abcdefghij/ ä\"'\\#-", min_size=1, max_size=12).filter(lambda name: name.strip() not in ("", "-"))
TARGETS = st.builds("/{}".format, NAMES)
SOURCES = st.one_of(
    st.sampled_from(["test:", "picamera2:0?size=640x480&fps=15", "http://a/b.mjpg#timeout=3"]),
    TARGETS,
)
SINKS = st.lists(
    st.one_of(
        st.sampled_from(["null:", "http://:8080", "http://[::1]:1#quality=9", "rtmp://a/b", "/a.mkv?segment_mb=9"]),
        NAMES.map("/{}.png/".format),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda sink: sink.rstrip("/"),
).map(tuple)
SIDES = st.integers(1, 10**5)
FRACTIONS = st.fractions(Fraction(1, 1000), 1000, max_denominator=1001)
PARTS = st.one_of(
    st.just({}),
    st.builds("{},{},{},{}".format, SIDES, SIDES, SIDES, SIDES).map(lambda text: {"roi": text}),
    FRACTIONS.map(lambda rate: {"keep_fps": str(rate)}),
)
ENHANCES = st.builds(
    lambda part, **others: Enhance(**part, **others),
    PARTS,
    model=st.sampled_from(["auto", "srcnn-915-x3"]),
    scale=st.integers(2, 4),
    engine=st.sampled_from(["auto", "litert", "bicubic"]),
    threads=st.one_of(st.none(), st.integers(1, 1024)),
    block=st.sampled_from(["auto", "1x1", "2x4-4x4"]),
    tile=st.one_of(st.sampled_from(["auto", "whole"]), st.builds("{}x{}".format, SIDES, SIDES)),
    reuse=st.booleans(),
    isolate=st.booleans(),
    delegate=st.sampled_from([None, "libvx_delegate.so"]),
    delegate_options=st.sampled_from([(), ("a=1",), ("a=1", "b=x=y")]),
)
SERVICES = st.builds(
    Service,
    name=st.sampled_from([None, "Garden", "Fa\u00e7ade \U0001f421"]),
    retry_camera_s=st.floats(0.1, 3600),
    retry_sink_s=st.floats(0.1, 3600),
    hot_c=st.floats(40, 120),
    statistics_s=st.floats(1, 86400),
    log=st.sampled_from(["auto", "text", "json"]),
    recording=st.booleans(),
    snapshots=st.sampled_from(["snapshots", "/var/spool/shots"]),
    keep_snapshots=st.integers(1, 10**5),
)
TRANSFORMS = st.builds(
    Transform,
    rotate=st.sampled_from([None, 0, 90, 180, 270]),
    hflip=st.sampled_from([None, True, False]),
    vflip=st.sampled_from([None, True, False]),
    crop=st.one_of(st.none(), st.builds("{},{},{},{}".format, SIDES, SIDES, SIDES, SIDES)),
    fps=st.one_of(st.none(), FRACTIONS.map(str)),
)
CONFIGS = st.builds(Config, SOURCES, SINKS, ENHANCES, SERVICES, TRANSFORMS)


def flat(config: Config) -> dict[str, object]:
    """Key path to value; what is None is left out."""
    tables = {"": config, **{f"{name}.": getattr(config, name) for name in TABLES}}
    values = {head + key: value for head, table in tables.items() for key, value in vars(table).items()}
    return {path: values[path] for path in SETTINGS if values[path] is not None}


@pytest.mark.slow
@REPEATABLE
@given(config=CONFIGS)
def test_a_configuration_written_as_toml_is_read_as_it_was(tmp_path, config):
    # for these values JSON is TOML
    text = "".join(f"{path} = {json.dumps(value, ensure_ascii=False)}\n" for path, value in flat(config).items())
    loaded = load(tmp_path, text)
    assert loaded.config == config
    expected = {path: f"{tmp_path}/c.toml line {number}" for number, path in enumerate(flat(config), 1)}
    assert loaded.origins == dict.fromkeys(SETTINGS, "default") | expected


@pytest.mark.slow
@REPEATABLE
@given(config=CONFIGS.filter(lambda config: not any(" " in each for each in (config.source, *config.sinks))))
def test_a_configuration_in_the_environment_is_read_as_it_was(config):
    texts = {path: " ".join(value) if isinstance(value, tuple) else str(value) for path, value in flat(config).items()}
    assert load_config(None, {variable(path): text for path, text in texts.items()}).config == config


def test_a_number_of_frames_is_kept_as_run_takes_it(tmp_path):
    for text, rate in (("15", Fraction(15)), ("29.97", Fraction("29.97")), ("'30000/1001'", Fraction(30000, 1001))):
        kept = load(tmp_path, f"enhance.keep_fps = {text}").config.enhance.keep_fps
        assert isinstance(kept, str)
        assert frame_rate(kept) == rate


def settings_of(lines: list[str]) -> dict[str, int]:
    """Give the index of the line of each setting of the example, those behind a # included."""
    return {found[1]: number for number, line in enumerate(lines) if (found := re.match(r"#?([a-z_]+) = ", line))}


def test_the_example_is_the_defaults(tmp_path):
    assert load(tmp_path, shipped(EXAMPLE)).config == Config()


def test_the_example_shows_every_setting_with_a_comment_above_that_tells_its_limits():
    lines = shipped(EXAMPLE).splitlines()
    shown, told = settings_of(lines), []
    assert list(shown) == [path.rpartition(".")[2] for path in SETTINGS]
    assert max(map(len, lines)) <= 100
    for path, kind in SETTINGS.items():
        start = end = shown[path.rpartition(".")[2]]
        while lines[start - 1].startswith("# "):
            start -= 1
        comment = " ".join(line.removeprefix("# ") for line in lines[start:end])
        assert comment
        for limits in re.findall(r"[0-9.]+ to [0-9.]+", wanted(kind)):
            told.append(limits)
            assert limits in comment
    assert len(told) > 5


def test_the_example_names_every_engine():
    assert set((AUTO, *BACKENDS)) <= set(re.findall("[a-z]+", shipped(EXAMPLE).partition("# What computes: ")[2]))


def test_what_is_commented_out_in_the_example_is_good_too(tmp_path):
    text = re.sub(r"^#(?=[a-z_]+ = )", "", shipped(EXAMPLE), flags=re.MULTILINE)
    assert set(tomllib.loads(text)["enhance"]) == {path[8:] for path in SETTINGS if path.startswith("enhance.")}
    set_ones = {"threads": 3, "keep_fps": "15", "delegate": "/usr/lib/libvx_delegate.so", "roi": "160,120,320,240"}
    set_ones |= {"strength": "0.75", "temporal": "auto"}
    turned = Transform(rotate=180, hflip=True, vflip=True, crop="160,120,320,240", fps="10")
    named = Service(name="Garden", overlay=USUAL)
    expected = Config(enhance=replace(Config().enhance, **set_ones), service=named, transform=turned)
    assert load(tmp_path, text).config == expected
