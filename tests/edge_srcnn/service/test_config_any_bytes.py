"""A configuration of any bytes at all is read, or refused in lines that can be shown."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_srcnn.errors import BadConfiguration
from edge_srcnn.service.config.example import example as example_text
from edge_srcnn.service.config.load import Loaded
from edge_srcnn.service.config.settings import SETTINGS
from tests.edge_srcnn.service.configurations import REPEATABLE, load

pytestmark = pytest.mark.slow


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
