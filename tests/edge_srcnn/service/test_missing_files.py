"""Files of a token or certificate that are not there yet: the sink waits for them, and the service goes on."""

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from functools import partial

from edge_srcnn.live.retrying_sink import RetryingSink
from edge_srcnn.sinks import Stream, open_sink
from edge_srcnn.system.backoff import Backoff
from tests.edge_srcnn.service.parts import wait_until

STREAM = Stream(None, None, None, lambda: None)


def begun(uri):
    sink = RetryingSink(uri, partial(open_sink, uri), live=True, backoff=Backoff(0.05, first_s=0.01))
    sink.begin(STREAM)
    return sink


def test_a_tokens_file_that_comes_later_is_waited_for(tmp_path, caplog):
    file = tmp_path / "token"
    sink = begun(f"http://127.0.0.1:0#token_file={file}")
    try:
        assert sink.last_error == f"token_file={file}: cannot be read (No such file or directory)"
        assert caplog.text.count("cannot be read") == 1
        file.write_text("secret")
        wait_until(lambda: sink.last_error is None)
        assert sink.address.startswith("http://127.0.0.1:")
    finally:
        sink.close()


def test_a_certificate_that_is_not_there_yet_pauses_the_sink(tmp_path):
    sink = begun(f"https://127.0.0.1:0#cert={tmp_path}/cert.pem&key={tmp_path}/key.pem")
    try:
        assert "cannot be read (No such file or directory)" in (sink.last_error or "")
    finally:
        sink.close()
