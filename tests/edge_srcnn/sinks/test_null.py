"""``null:`` takes everything and counts."""

import pytest

from edge_srcnn.errors import UsageError
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import open_sink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model


def test_it_counts_what_it_is_given():
    sink = open_sink("null:")
    assert (sink.name, sink.live, sink.written) == ("null:", False, 0)
    with load_model(engine="bicubic") as upscaler:
        Pipeline(open_source("test:size=64x48,fps=max,frames=7"), upscaler, [sink]).run()
    assert sink.written == 7
    sink.close()


def test_it_has_no_options():
    with pytest.raises(UsageError, match="there are: none"):
        open_sink("null:?fps=5")
