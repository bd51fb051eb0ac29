"""Any configuration, written as a file or as an environment, is read as it was."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_srcnn.service.config.load import load_config
from edge_srcnn.service.config.settings import SETTINGS, Config, Enhance, Service, variable
from edge_srcnn.uri import frame_rate
from tests.edge_srcnn.service.configurations import REPEATABLE, load

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
SIDES = st.integers(1, 10**6)
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
    retry_camera_s=st.floats(0.1, 3600),
    retry_sink_s=st.floats(0.1, 3600),
    hot_c=st.floats(40, 120),
    statistics_s=st.floats(1, 86400),
    log=st.sampled_from(["auto", "text", "json"]),
)
CONFIGS = st.builds(Config, SOURCES, SINKS, ENHANCES, SERVICES)


def flat(config: Config) -> dict[str, object]:
    """Key path to value; what is None is left out."""
    tables = {"": config, "enhance.": config.enhance, "service.": config.service}
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
