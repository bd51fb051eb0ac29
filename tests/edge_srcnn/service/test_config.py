"""The configuration: its layers, the defaults, a file, the environment and flags, and the origin of each value."""

import inspect
import json
from dataclasses import fields

import pytest

from edge_srcnn.loading import load_model
from edge_srcnn.service.config.load import load_config
from edge_srcnn.service.config.settings import SETTINGS, Config, Enhance, Service
from tests.edge_srcnn.service.configurations import load

FIVE_MINUTES = "front.mp4?segment=300"


def test_the_settings_of_enhance_are_the_options_of_load_model_and_of_run():
    options = ["model" if name == "name" else name for name in inspect.signature(load_model).parameters]
    options.remove("camera")  # which the source tells
    assert [each.name for each in fields(Enhance)] == [*options, "delegate_options", "roi", "keep_fps"]


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
        ("ENHANCE_KEEP_FPS", "30000/1001", "enhance.keep_fps", "30000/1001"),
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
