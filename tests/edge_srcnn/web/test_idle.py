"""Pictures that nobody enhanced: who sees them, who waits, and who wakes the network."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.sinks import Result
from edge_srcnn.web import broadcast as module
from edge_srcnn.web import routes
from edge_srcnn.web.broadcast import Broadcast
from edge_srcnn.web.views import stale_picture
from tests.edge_srcnn.web.serving import Viewer, by_hand, flat, get, wait_until


def plain(level: int = 128) -> Result:
    """What comes while nobody wants an enhanced picture."""
    result = flat(level)
    return replace(result, frame=result.original, enhanced=False)


def within_loop(check: Callable[[Broadcast], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        with ThreadPoolExecutor(1) as encoder:
            async with asyncio.timeout(20):
                await check(Broadcast(85, encoder))

    asyncio.run(run())


@pytest.mark.parametrize("view", ["enhanced", "split", "pair", "camera-pair"])
def test_who_looks_at_enhanced_pictures_waits_for_one(view: str) -> None:
    async def check(broadcast: Broadcast) -> None:
        broadcast.publish(flat(10))
        broadcast.publish(plain(20))  # so that the enhanced one is an old one
        waiting = asyncio.create_task(broadcast.newer(0, view))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        broadcast.publish(flat(30))
        shot = await waiting
        assert shot is not None and shot.result.frame.luma[0, 0] == 30

    within_loop(check)


def test_who_looks_at_the_cameras_pictures_sees_each() -> None:
    async def check(broadcast: Broadcast) -> None:
        broadcast.publish(plain(20))
        shot = await broadcast.newer(0, "bicubic")
        assert shot is not None
        assert (await broadcast.jpeg(shot, "bicubic")).startswith(b"\xff\xd8")
        assert shot.picture("bicubic").size == (32, 24)
        assert broadcast.is_fresh()

    within_loop(check)


@pytest.mark.parametrize(
    ("view", "wakes"),
    [("enhanced", True), ("split", True), ("pair", True), ("camera-pair", True), ("bicubic", False), ("camera", False)],
)
def test_viewers_of_enhanced_pictures_want_frames_and_for_a_while_after(
    monkeypatch: pytest.MonkeyPatch, view: str, wakes: bool
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    async def check(broadcast: Broadcast) -> None:
        assert not broadcast.wants_frames()
        with broadcast.viewer(view):
            now[0] += 600
            assert broadcast.wants_frames() == wakes
        assert broadcast.wants_frames() == wakes
        now[0] += module.LINGER_S
        assert not broadcast.wants_frames()

    within_loop(check)


def test_who_asks_for_one_picture_wants_frames_until_it_is_there() -> None:
    async def check(broadcast: Broadcast) -> None:
        broadcast.publish(plain())
        waiting = asyncio.create_task(broadcast.one("enhanced"))
        await asyncio.sleep(0.01)
        assert broadcast.wants_frames()
        broadcast.publish(flat())
        assert (await waiting) is not None
        assert not broadcast.wants_frames()

    within_loop(check)


def test_without_a_signal_the_cameras_last_picture_is_shown_in_the_size_of_the_others() -> None:
    stale = stale_picture(plain(200), 0.0)
    assert stale.frame.size == (32, 24)
    assert stale.enhanced


def test_a_snapshot_wakes_and_waits_and_that_of_the_camera_does_not() -> None:
    with by_hand() as sink:
        sink.write(plain())
        wait_until(lambda: get(sink, "/healthz").status == 200)
        assert get(sink, "/snapshot?view=bicubic").status == 200
        assert get(sink, "/snapshot?view=camera").status == 200
        assert not sink.wants_frames()
        answers = []
        asking = threading.Thread(target=lambda: answers.append(get(sink, "/snapshot")))
        asking.start()
        wait_until(sink.wants_frames)
        sink.write(flat())
        asking.join(20)
        assert [answer.status for answer in answers] == [200]
        assert not sink.wants_frames()


def test_a_snapshot_that_nobody_enhances_ends_in_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "SNAPSHOT_S", 0.2)
    with by_hand() as sink:
        sink.write(plain())
        wait_until(lambda: get(sink, "/healthz").status == 200)
        answer = get(sink, "/snapshot")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "no picture was enhanced" in answer.text
        assert not sink.wants_frames()


def test_a_stream_wakes_when_it_begins_and_lets_rest_when_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_S", 0.05)
    with by_hand() as sink:
        assert not sink.wants_frames()
        with closing(Viewer(sink)) as viewer:
            wait_until(sink.wants_frames)
            sink.write(plain(20))
            sink.write(flat(30))
            viewer.open()
            assert viewer.part()[0]["x-view"] == "enhanced"
        sink.write(flat(40))  # whoever has left is noticed then
        wait_until(lambda: not sink.wants_frames())
