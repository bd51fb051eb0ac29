"""Mistakes in a configuration: one line for each, which says where it is and what to do."""

import pytest

from edge_srcnn.errors import BadConfiguration
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.service.config.file import MAX_BYTES
from edge_srcnn.service.config.load import load_config
from tests.edge_srcnn.service.configurations import mistakes


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
        (
            "enhance.model = 'no'",
            f"enhance.model: no: neither a file nor one of the bundled models ({next(iter(bundled_models()))}",
        ),
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


def test_a_mistake_beside_a_token_does_not_tell_the_token(tmp_path):
    for text in ("sinks = ['http://:8080#quality=500&token=geheim']", "source = 'http://a:geheim@b/#token=geheim'"):
        (line,) = mistakes(tmp_path, text)
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
    lines = {line.split(":")[1].strip(): line.split(":")[0] for line in mistakes(tmp_path, DECOYS)}
    numbers = {key: int(line.rpartition(" ")[2]) for key, line in lines.items()}
    assert numbers == {
        **{"service.log": 3, "enhance.engine": 5, "enhance.block": 9},
        **{"enhance.roi": 11, "enhance.model": 12, "enhance.scale": 17},
    }
