import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.web.limits import MOST_IDLE
from tests.edge_srcnn.web.serving import Viewer, by_hand, flat, get, is_cut_off, wait_until


@pytest.mark.slow
def test_those_who_ask_nothing_make_room_and_those_who_look_stay() -> None:
    with by_hand() as sink, Viewer(sink) as viewer, ExitStack() as stack:
        viewer.open()
        place = urlsplit(sink.address)
        visitors = [
            stack.enter_context(socket.create_connection((place.hostname or "", place.port or 0)))
            for _ in range(MOST_IDLE + 30)
        ]
        wait_until(lambda: sum(map(is_cut_off, visitors)) >= 30)
        assert not any(map(is_cut_off, visitors[30:]))  # the newest stay
        sink.write(flat())
        assert viewer.part()[0]["x-signal"] == "live"
        assert get(sink, "/snapshot").status == 200
