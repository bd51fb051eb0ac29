"""The configuration: layers and their origins, one line for every mistake, and nothing worse for any bytes at all."""

import inspect
import json
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edge_srcnn.errors import BadConfiguration
from edge_srcnn.loading import load_model
from edge_srcnn.service.configuration.example import example as example_text
from edge_srcnn.service.configuration.file import MAX_BYTES
from edge_srcnn.service.configuration.load import Loaded, load_config
from edge_srcnn.service.configuration.settings import SETTINGS, Config, Enhance, Service, variable
from edge_srcnn.uri import frame_rate

REPEATABLE = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FIVE_MINUTES = "front.mp4?segment=300"


def load(folder: Path, text: str | bytes, environment=None, flags=None) -> Loaded:
    path = folder / "c.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return load_config(path, environment or {}, flags or {})


def mistakes(folder: Path, text: str | bytes, environment=None, flags=None) -> list[str]:
    """Every mistake, with the file's name without its folder."""
    with pytest.raises(BadConfiguration) as caught:
        load(folder, text, environment, flags)
    return [line.replace(f"{folder}/", "") for line in (str(caught.value), *caught.value.others)]


# ---- layers


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


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ENHANCE_SCAEL", "ENHANCE_SCALE"),
        ("SERVICE_HOT", "SERVICE_HOT_C"),
        ("SORCE", "SOURCE"),
        ("SINK", "SINKS"),
        ("SCALE", "ENHANCE_SCALE"),
        ("KEEP_FPS", "ENHANCE_KEEP_FPS"),
    ],
)
def test_a_variable_that_is_nearly_one_of_ours_is_a_mistake(name, meant):
    with pytest.raises(BadConfiguration) as caught:
        load_config(None, {f"EDGE_SRCNN_{name}": "3"})
    said = f"environment EDGE_SRCNN_{name}: there is no such setting; did you mean EDGE_SRCNN_{meant}?"
    assert (str(caught.value), caught.value.others) == (said, ())


def test_a_mistake_in_the_environment_or_a_flag_says_so(tmp_path):
    assert mistakes(tmp_path, "", {"EDGE_SRCNN_ENHANCE_SCALE": "drei"}) == [
        'environment EDGE_SRCNN_ENHANCE_SCALE: enhance.scale: found text "drei"; give a whole number'
    ]
    assert mistakes(tmp_path, "", flags={"enhance.scale": 5}) == ["flag: enhance.scale: found 5; must be 2 to 4"]


# ---- mistakes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "c.toml: not TOML: Invalid value (at end of document)"),
        ("\n[enhance\n", "c.toml: not TOML: Expected ']' at the end of a table declaration (at line 2, column 9)"),
        ("scale = 3", "line 1: scale: there is no such setting; did you mean scale in [enhance]?"),
        ("[enhance]\nscael = 3", "line 2: enhance.scael: there is no such setting; did you mean scale? [enhance] has"),
        ("[enhance]\n[enhance.xyz]", "line 2: enhance.xyz: there is no such setting; [enhance] has model, scale"),
        ("[enhance]\nsinks = []", "line 2: enhance.sinks: there is no such setting; did you mean sinks above the"),
        (
            "\n[enhnace]",
            "line 2: enhnace: there is no such setting; did you mean [enhance]? The file has source, sinks",
        ),
        ("[x.y]", "line 1: x: there is no such setting"),
        ('"enhance.scale" = 3', "line 1: enhance.scale: there is no such setting"),
        ("enhance = 3", "line 1: enhance: found 3; this is a table: [enhance]"),
        ("[[service]]", "line 1: service: found a list with a table in it; this is a table: [service]"),
        ("[enhance]\n\nscale = '2'", 'line 3: enhance.scale: found text "2"; give a whole number'),
        ("enhance.scale = true", "line 1: enhance.scale: found true; give a whole number"),
        ("enhance = {scale = 2.0}", "line 1: enhance.scale: found 2.0; give a whole number"),
        ("enhance.scale = 0x" + "f" * 5000, "enhance.scale: found a huge number; must be 2 to 4"),
        ("service.hot_c = 0x" + "f" * 5000, "service.hot_c: found a huge number; give a number"),
        ("enhance.threads = 1" + "0" * 5000, "c.toml: not TOML: "),
        ("enhance.scale = " + "[" * 5000, "c.toml: not TOML that can be read: nested too deeply"),
        ("enhance.reuse = 1", "enhance.reuse: found 1; give true or false"),
        ("enhance.model = ['a']", "enhance.model: found a list; give text"),
        ("enhance.model = ''", "enhance.model: found text"),
        ("enhance.model = 'srcnn-915-2'", "; did you mean srcnn-915-x"),
        ("enhance.model = 'no'", "enhance.model: no: neither a file nor one of the bundled models (srcnn-915-x2"),
        ("enhance.engine = 'lite'", 'enhance.engine: found text "lite"; give one of auto, litert'),
        ("enhance.threads = 0", "enhance.threads: 0: must be 1 to 1024"),
        ("enhance.block = '3'", "enhance.block: '3': give height x width"),
        ("enhance.tile = '0x1'", "enhance.tile: 0x1: sides must be 1 or more"),
        ("enhance.roi = '1,2,3'", 'enhance.roi: found text "1,2,3"; give left,top,width,height, such as'),
        ("enhance.roi = '1,2,0,3'", 'enhance.roi: found text "1,2,0,3"; width and height must be 1 or more'),
        ("enhance.keep_fps = false", "enhance.keep_fps: found false; give a number, or text such as"),
        ("enhance.keep_fps = 0", "enhance.keep_fps: found 0; give frames a second"),
        ("enhance.keep_fps = '1/0'", 'enhance.keep_fps: found text "1/0"; give frames a second'),
        ("service.hot_c = 39", "service.hot_c: found 39; must be 40 to 120"),
        ("service.hot_c = nan", "service.hot_c: found nan; must be 40 to 120"),
        ("service.retry_sink_s = inf", "service.retry_sink_s: found inf; must be 0.1 to 3600"),
        ("service.statistics_s = 0.9", "service.statistics_s: found 0.9; must be 1 to 86400"),
        ("service.log = 2026-01-01", "service.log: found a date or time; give text in quotes"),
        ("source = ''", "source: a source or sink needs a name"),
        ("source = 'foo:1'", "source: foo:1: no source is called 'foo'; such as picamera2:0"),
        ("source = 'a.mp4?fps'\nsinks=['rtsp://h/#x']", "sinks: rtsp://h/#x: options are name=value"),
        ("source = 'y4m:'", "source: y4m:: a service has no standard input"),
        ("source = '/dev/stdin'", "source: /dev/stdin: a service has no standard input"),
        ("sinks = 'null:'", 'sinks: found text "null:"; give a list of texts'),
        ("sinks = ['null:', 1]", "sinks: found a list with 1 in it; give a list of texts"),
        ("sinks = []", "sinks: found an empty list; give at least one sink"),
        ("sinks = ['foo:1']", "sinks: foo:1: no sink is called 'foo'"),
        ("sinks = ['y4m:-']", "sinks: y4m:-: a service has no standard output"),
        ("sinks = ['a/', 'null:', 'a/']", "sinks: a/: goes to the same place as a/"),
        ("sinks = ['http://:8080', 'http://localhost#quality=5']", "goes to the same place as http://:8080; leave one"),
        ("sinks = ['a.mp4']", "sinks: a.mp4: a service records for years, in segments: add ?segment=600&keep_mb=2000"),
        ("sinks = ['a.mp4?crf=20']", "add &segment=600&keep_mb=2000"),
        ("sinks = ['a.mp4?segment=9&kep=3']", "no option is called 'kep'"),
        ("sinks = ['rtsp://h/p#codec=vp9']", "codec=vp9: give one of h264, h264-hw"),
        ("sinks = ['null:?a=1']", "no option is called 'a'"),
        ("sinks = ['http://:99999']", "no address to listen at"),
        (
            "[enhance]\nroi = '1,2,3,4'\nkeep_fps = 15",
            "line 3: enhance.keep_fps: not together with enhance.roi (c.toml line 2)",
        ),
        (b"a = 1\n\n# \xff", "c.toml line 3: not UTF-8 (byte 0xff)"),
        (b"#" * (MAX_BYTES + 1), "c.toml: larger than 1,000,000 bytes"),
        ('"a\\nb\\u001b" = 1', "line 1: a\\nb\\x1b: there is no such setting"),
    ],
)
def test_a_mistake_is_one_line_that_says_where_and_what_to_do(tmp_path, text, said):
    (line,) = mistakes(tmp_path, text)
    assert said in line
    assert line.startswith("c.toml")
    assert line.isprintable()


def test_several_mistakes_are_told_in_the_order_of_their_lines(tmp_path):
    text = "[service]\nhot_c = 1\nlog = 'x'\n[enhance]\nscale = 9\ntable = 1\n"
    lines = mistakes(tmp_path, text, {"EDGE_SRCNN_SERVICE_LOG": "y"}, {"enhance.scale": 8})
    assert [line.partition(":")[0] for line in lines] == [
        *("c.toml line 2", "c.toml line 3", "c.toml line 5", "c.toml line 6"),
        *("environment EDGE_SRCNN_SERVICE_LOG", "flag"),
    ]


def test_what_the_file_and_a_flag_say_must_go_together(tmp_path):
    (line,) = mistakes(tmp_path, "enhance.keep_fps = 15", flags={"enhance.roi": "0,0,8,8"})
    assert line == "c.toml line 1: enhance.keep_fps: not together with enhance.roi (flag); give one of the two"


def test_a_mistake_beside_a_token_does_not_tell_the_token(tmp_path):
    for text in ("sinks = ['http://:8080#quality=500&token=geheim']", "source = ['http://a:geheim@b/#token=geheim']"):
        (line,) = mistakes(tmp_path, text)
        assert "geheim" not in line


@pytest.mark.parametrize("name", [".", "missing.toml", "no/such/folder.toml"])
def test_a_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(BadConfiguration, match="cannot be read"):
        load_config(tmp_path / name, {})


def test_a_file_of_an_editor_that_marks_utf_8_is_read(tmp_path):
    assert load(tmp_path, b"\xef\xbb\xbfsource = 'test:'\r\n").config.source == "test:"


def test_a_tokens_file_may_be_there_for_the_service_only(tmp_path):
    sink = "http://0.0.0.0:8080#token_file=/run/credentials/edge-srcnn.service/token"
    assert load(tmp_path, f"sinks = ['{sink}']").config.sinks == (sink,)


def test_nothing_is_written_or_opened_by_looking(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sinks = ("new/", "a.mp4?segment=9", "y4m:out.y4m", "http://:8080", "rtsp://nowhere/x", "null:")
    assert load(tmp_path, f"source = '/dev/video99'\nsinks = {json.dumps(sinks)}").config.sinks == sinks
    assert [path.name for path in tmp_path.iterdir()] == ["c.toml"]


# ---- lines


DECOYS = '''# scale = 1
[service] # [enhance]
log = "[enhance]" # scale
[ "enhance" ]
engine = """
scale = 9
\\""" scale = 9
[service]"""
block = \'\'\'
scale = 9\'\'\'
roi = "a\\"b"
model = [
  "x", # ]
  {scale = 3},
  """]
"""]
"scale" = 9
'''


def test_strings_comments_and_arrays_are_not_taken_for_keys(tmp_path):
    lines = {line.split(":")[1].strip(): line.split(":")[0] for line in mistakes(tmp_path, DECOYS)}
    numbers = {key: int(line.rpartition(" ")[2]) for key, line in lines.items()}
    assert numbers == {
        **{"service.log": 3, "enhance.engine": 5, "enhance.block": 9},
        **{"enhance.roi": 11, "enhance.model": 12, "enhance.scale": 17},
    }


# ---- anything at all


def loads_or_refuses_in_one_line(folder: Path, data: bytes) -> None:
    try:
        assert isinstance(load(folder, data), Loaded)
    except BadConfiguration as error:
        assert all(line.isprintable() and len(line) < 2000 for line in (str(error), *error.others))


@REPEATABLE
@given(data=st.binary(max_size=200))
def test_random_bytes(tmp_path, data):
    loads_or_refuses_in_one_line(tmp_path, data)


KEYS = st.sampled_from([*SETTINGS, *(path.rpartition(".")[2] for path in SETTINGS), "enhance", "service", "x", '"s.e"'])
VALUES = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["true", "[]", "{}", "{a.b = 1}", "[[1], {a = []}]", "1979-05-27T07:32:00Z", "07:32:00", '"""\n"""']
    ),
    st.text(max_size=20).map(json.dumps),
    st.sampled_from(["http:", "rtsp://a", "test:?size=", "y4m:", "a.mp4?segment=", "#token=", "[::1", "auto"])
    .flatmap(lambda head: st.text(max_size=8).map(lambda tail: head + tail))
    .flatmap(lambda uri: st.sampled_from([json.dumps(uri), json.dumps([uri]), json.dumps([uri, uri])])),
)
LINES = st.one_of(
    st.builds("{} = {}".format, KEYS, VALUES),
    st.builds("{} = {}".format, KEYS, VALUES),
    KEYS.map("[{}]".format),
    KEYS.map("[[{}]]".format),
    st.text(max_size=10).map("# {}".format),
)


@REPEATABLE
@given(lines=st.lists(LINES, max_size=6))
@example(lines=["[enhance.scale.x]"])
def test_random_lines_of_toml(tmp_path, lines):
    loads_or_refuses_in_one_line(tmp_path, "\n".join(lines).encode("utf-8", "replace"))


@REPEATABLE
@given(data=st.data())
def test_the_example_with_bytes_put_in_taken_out_and_moved(tmp_path, data):
    text = example_text().encode()
    for _ in range(data.draw(st.integers(1, 3))):
        start, end, to = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 3)))
        middle = data.draw(st.one_of(st.just(b""), st.just(text[end:to]), st.binary(max_size=4)))
        text = text[:start] + middle + text[min(end, start + 40) :]
    loads_or_refuses_in_one_line(tmp_path, text)


# ---- there and back


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


@REPEATABLE
@given(config=CONFIGS)
def test_a_configuration_written_as_toml_is_read_as_it_was(tmp_path, config):
    # for these values JSON is TOML
    text = "".join(f"{path} = {json.dumps(value, ensure_ascii=False)}\n" for path, value in flat(config).items())
    loaded = load(tmp_path, text)
    assert loaded.config == config
    expected = {path: f"{tmp_path}/c.toml line {number}" for number, path in enumerate(flat(config), 1)}
    assert loaded.origins == dict.fromkeys(SETTINGS, "default") | expected


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
