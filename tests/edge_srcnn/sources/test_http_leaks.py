"""A camera that is opened again and again for years leaves nothing behind in memory."""

import gc

import pytest

pytest.importorskip("av")
pytest.importorskip("requests")

from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.sources import open_source
from edge_srcnn.sources.http_client import HttpClient
from tests.edge_srcnn.sources.raw_server import MULTIPART, jpeg, part, serving

TIMES = 4


def stream(client):
    client.send(MULTIPART + part(jpeg(50)) * 3)


def still(client):
    client.answer("200 OK", jpeg(50), Content_Type="image/jpeg")
    while client.ask():
        client.answer("200 OK", jpeg(50), Content_Type="image/jpeg")


def torn(client):
    client.send(MULTIPART + part(jpeg(50)) + jpeg(50)[:300])


def refused(client):
    client.answer("404 Not Found", b"x" * 100)


@pytest.mark.slow
@pytest.mark.parametrize("camera", [stream, still, torn, refused], ids=lambda camera: camera.__name__)
def test_what_asked_a_camera_is_gone_when_that_is_closed(camera):
    with serving(camera) as host:
        for _ in range(TIMES):
            try:
                source = open_source(f"http://{host}/x#every=0.01")
                source.read()
                source.close()
            except EdgeSrcnnError:
                pass
    source = None
    gc.collect()
    assert [each for each in gc.get_objects() if isinstance(each, HttpClient)] == []
