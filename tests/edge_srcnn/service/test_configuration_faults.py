"""Faults of a configuration: a line for each, which says where it is and what to do; whatever the bytes are."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_srcnn.errors import BadConfiguration
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.service.configuration import MAX_BYTES, Loaded, key_lines, load_config
from edge_srcnn.service.install import EXAMPLE, shipped
from edge_srcnn.service.settings import SETTINGS
from tests.edge_srcnn.service.configurations import REPEATABLE, faults, load


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
def test_a_variable_that_is_nearly_one_of_ours_is_a_fault(name, meant):
    with pytest.raises(BadConfiguration) as caught:
        load_config(None, {f"EDGE_SRCNN_{name}": "3"})
    said = f"environment EDGE_SRCNN_{name}: there is no such setting; did you mean EDGE_SRCNN_{meant}?"
    assert (str(caught.value), caught.value.others) == (said, ())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ENHANCE_SCALE", "drei", 'enhance.scale: found text "drei"; give a whole number, 1 to 4'),
        ("ENHANCE_SCALE", "2.5", 'enhance.scale: found text "2.5"; give a whole number, 1 to 4'),
        ("ENHANCE_THREADS", "null", 'enhance.threads: found text "null"; give a whole number, 1 to 1024'),
        (
            "ENHANCE_KEEP_FPS",
            "null",
            'enhance.keep_fps: found text "null"; give frames a second',
        ),
        ("ENHANCE_REUSE", "maybe", 'enhance.reuse: found text "maybe"; give yes or no'),
        ("ENHANCE_TEMPORAL", "yes", 'enhance.temporal: found text "yes"; give one of auto, off, strong, weak'),
        ("SERVICE_HOT_C", "nan", 'service.hot_c: found text "nan"; give a number, 40 to 120'),
        ("SERVICE_LOG", "loud", 'service.log: found text "loud"; give one of auto, json, text'),
        ("SINKS", "null: foo:1", "sinks: foo:1: no sink is called 'foo'; give one such as http://"),
    ],
)
def test_a_fault_in_the_environment_says_so(tmp_path, name, value, said):
    (line,) = faults(tmp_path, "", {f"EDGE_SRCNN_{name}": value})
    assert line.startswith(f"environment EDGE_SRCNN_{name}: {said}")


def test_a_fault_of_a_flag_says_so(tmp_path):
    assert faults(tmp_path, "", flags={"enhance.scale": 5}) == [
        "flag: enhance.scale: found 5; give a whole number, 1 to 4"
    ]


@pytest.mark.slow
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
        ("[enhance]\n\nscale = '2'", 'line 3: enhance.scale: found text "2"; give a whole number, 1 to 4'),
        ("enhance.scale = true", "line 1: enhance.scale: found true; give a whole number, 1 to 4"),
        ("enhance = {scale = 2.0}", "line 1: enhance.scale: found 2.0; give a whole number, 1 to 4"),
        ("enhance.scale = 0x" + "f" * 5000, "enhance.scale: found a huge number; give a whole number, 1 to 4"),
        ("service.hot_c = 0x" + "f" * 5000, "service.hot_c: found a huge number; give a number, 40 to 120"),
        ("enhance.threads = 1" + "0" * 5000, "c.toml: not TOML: "),
        ("enhance.scale = " + "[" * 5000, "c.toml: not TOML that can be read: nested too deeply"),
        ("enhance.reuse = 1", "enhance.reuse: found 1; give true or false"),
        ("enhance.model = ['a']", "enhance.model: found a list; give text"),
        ("enhance.model = ''", "enhance.model: found text"),
        ("enhance.model = 'srcnn-915-2'", "; did you mean srcnn-915-x"),
        (
            "enhance.model = 'no'",
            f"enhance.model: no: neither a file nor one of the bundled models ({next(iter(bundled_models()))}",
        ),
        ("enhance.engine = 'lite'", 'enhance.engine: found text "lite"; give one of auto, litert'),
        ("enhance.threads = 0", "enhance.threads: found 0; give a whole number, 1 to 1024"),
        ("enhance.strength = 1.6", "enhance.strength: 1.6: give a number from 0 (bicubic) to 1.5"),
        ("enhance.strength = -1", "enhance.strength: -1: give a number from 0"),
        ("enhance.strength = nan", "enhance.strength: nan: give a number from 0"),
        ("enhance.strength = 'much'", "enhance.strength: much: give a number from 0"),
        ("enhance.strength = true", 'enhance.strength: found true; give a number, 0 to 1.5, or "auto"'),
        ("enhance.block = '3'", "enhance.block: '3': give height x width"),
        ("enhance.tile = '0x1'", "enhance.tile: 0x1: sides must be 1 or more"),
        ("enhance.roi = '1,2,3'", 'enhance.roi: found text "1,2,3"; give left,top,width,height, such as'),
        ("enhance.roi = '1,2,0,3'", 'enhance.roi: found text "1,2,0,3"; width and height must be 1 or more'),
        ("enhance.keep_fps = false", "enhance.keep_fps: found false; give a number, or text such as"),
        ("enhance.keep_fps = 0", "enhance.keep_fps: found 0; give frames a second"),
        ("enhance.keep_fps = '1/0'", 'enhance.keep_fps: found text "1/0"; give frames a second'),
        ("service.name = 5", "service.name: found 5; give text in quotes"),
        ("service.name = ' '", 'service.name: found text " "; give a name, such as Garden'),
        ("service.hot_c = 39", "service.hot_c: found 39; give a number, 40 to 120"),
        ("service.hot_c = nan", "service.hot_c: found nan; give a number, 40 to 120"),
        ("service.retry_sink_s = inf", "service.retry_sink_s: found inf; give a number, 0.1 to 3600"),
        ("service.statistics_s = 0.9", "service.statistics_s: found 0.9; give a number, 1 to 86400"),
        ("service.log = 2026-01-01", "service.log: found a date or time; give one of auto, json, text"),
        ("service.log = 'x'", 'service.log: found text "x"; give one of auto, json, text'),
        ("enhance.roi = 5", "enhance.roi: found 5; give text in quotes"),
        ("source = ''", "source: a source or sink needs a name"),
        ("source = 'foo:1'", "source: foo:1: no source is called 'foo'; give one such as picamera2:0"),
        ("source = 'a.mp4'\nsinks=['rtsp://h/#x']", "sinks: rtsp://h/#x: options are name=value"),
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
        ("source = '/dev/video0?sizee=1&fps=abc'", "no option is called 'sizee'; there are: size, fps, format"),
        ("source = '/dev/video0?fps=abc'", "fps=abc: give frames a second"),
        ("source = 'picamera2:0?sizee=1'", "no option is called 'sizee'; there are: size, fps, timeout"),
        ("source = 'picamera2:front'", "cameras have numbers"),
        ("source = 'rtsp://camera/s#transport=pigeon'", "transport=pigeon: give one of tcp, udp"),
        ("source = 'y4m:/run/fifo?timeout=0'", "timeout=0: give seconds"),
        ("source = 'incoming/?wach=yes'", "no option is called 'wach'; there are: fps, watch, poll"),
        ("source = 'test:size=0x0'", "size=0x0: give width x height"),
        ("sinks = ['https://:8443#certt=x&quality=900']", "no option is called 'certt'; there are: quality, clients"),
        ("sinks = ['https://:8443#cert=a&key=b&quality=900']", "quality=900: give 1 to 100"),
        ("sinks = ['https://:8443#cert=a']", "https:// goes with #cert=FILE&key=FILE"),
        ("sinks = ['http://:8080#cert=a&key=b']", "https:// goes with #cert=FILE&key=FILE"),
        ("sinks = ['pictures/?kep=3']", "no option is called 'kep'; there are: format, names"),
        ("sinks = ['pictures/?format=gif']", "format=gif: give one of jpg, png, webp"),
        ("sinks = ['y4m:/srv/out.y4m?over=yes']", "no option is called 'over'; there are: overwrite"),
        (b"a = 1\n\n# \xff", "c.toml line 3: not UTF-8 (byte 0xff)"),
        (b"#" * (MAX_BYTES + 1), "c.toml: larger than 1,000,000 bytes"),
        ('"a\\nb\\u001b" = 1', "line 1: a\\nb\\x1b: there is no such setting"),
    ],
)
def test_a_fault_is_one_line_that_says_where_and_what_to_do(tmp_path, text, said):
    (line,) = faults(tmp_path, text)
    assert said in line
    assert line.startswith("c.toml")
    assert line.isprintable()


def test_several_faults_are_told_in_the_order_of_their_lines(tmp_path):
    text = "[service]\nhot_c = 1\nlog = 'x'\n[enhance]\nscale = 9\ntable = 1\n"
    lines = faults(tmp_path, text, {"EDGE_SRCNN_SERVICE_LOG": "y"}, {"enhance.scale": 8})
    assert [line.partition(":")[0] for line in lines] == [
        *("c.toml line 2", "c.toml line 3", "c.toml line 5", "c.toml line 6"),
        *("environment EDGE_SRCNN_SERVICE_LOG", "flag"),
    ]


def test_a_fault_beside_a_token_does_not_tell_the_token(tmp_path):
    for text in ("sinks = ['http://:8080#quality=500&token=geheim']", "source = 'http://a:geheim@b/#token=geheim'"):
        (line,) = faults(tmp_path, text)
        assert "geheim" not in line


@pytest.mark.parametrize("name", [".", "missing.toml", "no/such/folder.toml"])
def test_a_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(BadConfiguration, match="cannot be read"):
        load_config(tmp_path / name, {})


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
    lines = {line.split(":")[1].strip(): line.split(":")[0] for line in faults(tmp_path, DECOYS)}
    numbers = {key: int(line.rpartition(" ")[2]) for key, line in lines.items()}
    assert numbers == {
        **{"service.log": 3, "enhance.engine": 5, "enhance.block": 9},
        **{"enhance.roi": 11, "enhance.model": 12, "enhance.scale": 17},
    }


KEYS_OF_TWO = st.tuples(*[st.sampled_from(["a", "b", '"c.d"', "'#'"])] * 2)
STATEMENTS = st.one_of(
    st.builds(
        "{0[0]}.{0[1]} = {1}".format,
        KEYS_OF_TWO,
        st.sampled_from(["1", '"""\n]\n"""', "[\n[],\n'''\na = 1\n''',\n] # ]", '"#"']),
    ),
    st.builds("{0[0]} = {{{0[1]} = {{x = 1}}}}".format, KEYS_OF_TWO),
    st.builds("[{0[0]}.{0[1]}]".format, KEYS_OF_TWO),
    st.builds("[{0[0]}]".format, KEYS_OF_TWO),
    st.sampled_from(["# a = 1", ""]),
)


@pytest.mark.slow
@REPEATABLE
@given(statements=st.lists(STATEMENTS, max_size=6), newline=st.sampled_from(["\n", "\r\n"]))
def test_every_table_and_key_has_the_line_where_its_statement_begins(statements, newline):
    text = newline.join(statement.replace("\n", newline) for statement in statements)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a key that is there twice
    lines = key_lines(text)
    held = {(name, key) for name, inner in document.items() if isinstance(inner, dict) for key in inner}
    assert set(lines) == {(name,) for name in document} | held
    starts = [1 + sum(len(each.split("\n")) for each in statements[:number]) for number in range(len(statements))]
    assert set(lines.values()) <= set(starts)
    assert list(lines.values()) == sorted(lines.values())


def loads_or_refuses_in_one_line(folder: Path, data: bytes) -> None:
    try:
        assert isinstance(load(folder, data), Loaded)
    except BadConfiguration as error:
        assert all(line.isprintable() and len(line) < 2000 for line in (str(error), *error.others))


@pytest.mark.slow
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


@pytest.mark.slow
@REPEATABLE
@given(lines=st.lists(LINES, max_size=6))
@example(lines=["[enhance.scale.x]"])
def test_random_lines_of_toml(tmp_path, lines):
    loads_or_refuses_in_one_line(tmp_path, "\n".join(lines).encode("utf-8", "replace"))


@pytest.mark.slow
@REPEATABLE
@given(data=st.data())
def test_the_example_with_bytes_put_in_taken_out_and_moved(tmp_path, data):
    text = shipped(EXAMPLE).encode()
    for _ in range(data.draw(st.integers(1, 3))):
        start, end, to = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 3)))
        middle = data.draw(st.one_of(st.just(b""), st.just(text[end:to]), st.binary(max_size=4)))
        text = text[:start] + middle + text[min(end, start + 40) :]
    loads_or_refuses_in_one_line(tmp_path, text)
