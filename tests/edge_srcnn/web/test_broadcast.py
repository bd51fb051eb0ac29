import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

pytest.importorskip("simplejpeg")

from edge_srcnn.web import broadcast as module
from edge_srcnn.web.broadcast import Broadcast
from tests.edge_srcnn.web.serving import flat


def within_loop(check: Callable[[Broadcast], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        with ThreadPoolExecutor(1) as encoder:
            async with asyncio.timeout(10):
                await check(Broadcast(85, encoder))

    asyncio.run(run())


def test_one_encoding_serves_all_who_ask_at_once() -> None:
    async def check(broadcast: Broadcast) -> None:
        broadcast.publish(flat())
        shot = await broadcast.newer(0)
        assert shot is not None

        pictures = await asyncio.gather(*(broadcast.jpeg(shot, "enhanced") for _ in range(50)))

        assert broadcast.jpegs == {"enhanced": 1}
        assert broadcast.jpeg_bytes == {"enhanced": len(pictures[0])}
        assert set(pictures) == {pictures[0]}

    within_loop(check)


def test_one_who_leaves_does_not_take_the_picture_from_the_others() -> None:
    async def check(broadcast: Broadcast) -> None:
        broadcast.publish(flat())
        shot = await broadcast.newer(0)
        assert shot is not None
        leaver, stayer = (asyncio.create_task(broadcast.jpeg(shot, "split")) for _ in range(2))
        await asyncio.sleep(0)

        leaver.cancel()

        assert (await stayer).startswith(b"\xff\xd8")

    within_loop(check)


def test_who_comes_late_gets_the_newest_alone() -> None:
    async def check(broadcast: Broadcast) -> None:
        for level in (10, 20, 30):
            broadcast.publish(flat(level))

        shot = await broadcast.newer(0)

        assert shot is not None
        assert (shot.number, shot.result.frame.luma[0, 0]) == (3, 30)

    within_loop(check)


def test_waiting_ends_with_a_result_of_another_thread() -> None:
    async def check(broadcast: Broadcast) -> None:
        waiting = [asyncio.create_task(broadcast.newer(number)) for number in (0, 0, 1)]
        for _ in range(2):
            threading.Thread(target=broadcast.publish, args=(flat(),)).start()

        shots = await asyncio.gather(*waiting)

        assert shots[2] is not None
        assert shots[2].number == 2

    within_loop(check)


def test_waiting_ends_when_it_is_closed() -> None:
    async def check(broadcast: Broadcast) -> None:
        broadcast.publish(flat())
        waiting = asyncio.create_task(broadcast.newer(1))
        await asyncio.sleep(0.01)
        assert not waiting.done()

        broadcast.close()
        broadcast.close()

        assert await waiting is None
        assert await broadcast.newer(0) is None

    within_loop(check)


def test_the_newest_becomes_old(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(broadcast: Broadcast) -> None:
        assert not broadcast.is_fresh()
        broadcast.publish(flat())
        assert broadcast.is_fresh()
        monkeypatch.setattr(module, "FRESH_S", 0.02)
        monkeypatch.setattr(module, "SLOW_S", 0.02)
        await asyncio.sleep(0.03)
        assert not broadcast.is_fresh()

    within_loop(check)


@pytest.mark.slow
def test_of_a_slow_source_more_patience_is_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_S", 0.02)

    async def check(broadcast: Broadcast) -> None:
        for _ in range(4):
            broadcast.publish(flat())
            await asyncio.sleep(0.2)
        assert broadcast.is_fresh()
        await asyncio.sleep(0.6)
        assert not broadcast.is_fresh()
        broadcast.publish(flat())  # one gap is not what is usual
        await asyncio.sleep(0.7)
        assert not broadcast.is_fresh()

    within_loop(check)


@pytest.mark.parametrize(
    ("rate", "usual_s", "fresh_for_s"), [(None, 5 / 3, 5), (Fraction(25), 5 / 3, 5), (Fraction(1, 10), 10, 30)]
)
def test_before_it_is_known_what_is_usual_the_source_s_rate_counts(
    monkeypatch: pytest.MonkeyPatch, rate: Fraction | None, usual_s: float, fresh_for_s: float
) -> None:
    async def check() -> None:
        with ThreadPoolExecutor(1) as encoder:
            broadcast = Broadcast(85, encoder, rate)
            broadcast.publish(flat())
            assert broadcast.interval_s() == pytest.approx(usual_s)
            for age_s in (fresh_for_s - 0.5, fresh_for_s + 0.5):
                monkeypatch.setattr(broadcast, "age_s", lambda age_s=age_s: age_s)
                assert broadcast.is_fresh() == (age_s < fresh_for_s)
            monkeypatch.undo()
            broadcast.publish(flat())
            assert broadcast.interval_s() < 1

    asyncio.run(check())


def test_without_a_signal_the_last_picture_is_shown_greyed_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_S", 0.05)
    monkeypatch.setattr(module, "SLOW_S", 0.05)

    async def check(broadcast: Broadcast) -> None:
        broadcast.publish(flat(200))
        broadcast.check_signal()
        live = await broadcast.newer(0)
        assert live is not None and live.live and live.result.frame.luma.mean() == 200
        await asyncio.sleep(0.06)
        broadcast.check_signal()
        stale = await broadcast.newer(live.number)
        assert stale is not None and not stale.live
        assert 100 < np.median(stale.result.frame.luma) < 140
        assert stale.result.frame.luma.std() > 0  # the words
        assert stale.result.frame.size == live.result.frame.size
        first = await broadcast.jpeg(stale, "enhanced")
        broadcast.check_signal()
        again = await broadcast.newer(stale.number)
        assert again is not None and await broadcast.jpeg(again, "enhanced") is first
        assert broadcast.jpegs["enhanced"] == 1
        broadcast.publish(flat(200))
        back = await broadcast.newer(again.number)
        assert back is not None and back.live

    within_loop(check)


def test_before_the_first_picture_viewers_are_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(broadcast: Broadcast) -> None:
        broadcast.check_signal()
        assert broadcast.shown is None
        monkeypatch.setattr(module, "SLOW_S", 0.01)
        await asyncio.sleep(0.02)
        broadcast.check_signal()
        assert broadcast.shown is not None and not broadcast.shown.live
        for view in ("enhanced", "bicubic", "split"):
            assert await broadcast.jpeg(broadcast.shown, view)

    within_loop(check)
