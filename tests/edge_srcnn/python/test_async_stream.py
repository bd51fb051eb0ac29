"""``edge_srcnn.astream``: the event loop is never held up, and what is cancelled leaves nothing."""

import asyncio
import gc
import threading
from time import monotonic

import pytest

import edge_srcnn
from edge_srcnn.errors import NoInput, SourceLost, UsageError
from edge_srcnn.python.stream import FrameStream

CARD = "test:?size=64x48&fps=max&frames=12"
LIVE = "test:?size=64x48&fps=40"
SLOW = "test:?size=64x48&fps=0.1"

pytestmark = pytest.mark.usefixtures("no_thread_stays")


def test_every_frame_of_a_file_comes_in_order():
    async def main():
        return [frame.index async for frame in edge_srcnn.astream(CARD, engine="bicubic")]

    assert asyncio.run(main()) == list(range(12))


def test_the_same_options_and_errors():
    async def main():
        with pytest.raises(NoInput, match="there is no such file"):
            await anext(edge_srcnn.astream("missing.mp4"))

    with pytest.raises(UsageError, match="scale=5"):
        edge_srcnn.astream(CARD, scale=5)
    with pytest.raises(UsageError, match="no option is called 'colour'"):
        edge_srcnn.astream(CARD, colour="red")  # type: ignore[call-arg]
    asyncio.run(main())


@pytest.mark.slow
def test_what_ends_a_camera_is_raised_by_the_loop(camera):
    pytest.importorskip("av")
    pytest.importorskip("requests")

    async def main():
        async for _ in edge_srcnn.astream(f"{camera}/stalls/20#timeout=1", engine="bicubic"):
            pass

    with pytest.raises(SourceLost, match="no frame came"):
        asyncio.run(main())


@pytest.mark.slow
def test_the_event_loop_goes_on_meanwhile():
    async def main():
        late = [0.0]

        async def tick():
            while True:
                began = monotonic()
                await asyncio.sleep(0.005)
                late.append(monotonic() - began)

        ticking = asyncio.create_task(tick())
        async with edge_srcnn.astream(SLOW, model="fast-s-x2") as frames:
            await anext(frames)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(frames), 0.3)
        ticking.cancel()
        return len(late)

    assert asyncio.run(main()) > 20  # a wait that held it up would leave none


def test_a_wait_that_is_cancelled_loses_no_frame():
    async def main():
        seen = []
        async with edge_srcnn.astream(CARD, engine="bicubic") as frames:
            while len(seen) < 12:
                waiting = asyncio.ensure_future(anext(frames))
                await asyncio.sleep(0)
                if not waiting.done():
                    waiting.cancel()
                    await asyncio.wait([waiting])
                if not waiting.cancelled():
                    seen.append(waiting.result().index)
                await asyncio.sleep(0.001)
        return seen

    assert asyncio.run(main()) == list(range(12))


def test_a_task_that_is_cancelled_closes_its_stream():
    async def main():
        opened = asyncio.Event()

        async def work():
            async with edge_srcnn.astream(SLOW, engine="bicubic") as frames:
                async for _ in frames:
                    opened.set()

        task = asyncio.create_task(work())
        await opened.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return [thread.name for thread in threading.enumerate() if "capture" in thread.name]

    assert asyncio.run(main()) == []


def test_what_is_cancelled_while_it_opens_is_closed_when_it_is_open(monkeypatch):
    opening, go_on, made = threading.Event(), threading.Event(), []

    def slow(*given, **named):
        opening.set()
        go_on.wait(5)
        made.append(FrameStream(*given, **named))
        return made[0]

    monkeypatch.setattr("edge_srcnn.python.async_stream.FrameStream", slow)

    async def main():
        task = asyncio.create_task(edge_srcnn.astream(LIVE, engine="bicubic").open())
        while not opening.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        while not made or not made[0].ended:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(main(), 10))


@pytest.mark.slow
def test_a_loop_that_is_left_early_leaves_no_thread():
    async def main():
        async for frame in edge_srcnn.astream(LIVE, engine="bicubic"):
            assert frame.size == (128, 96)
            break
        gc.collect()

    asyncio.run(main())


def test_closing_may_be_done_twice_and_before_it_is_open():
    async def main():
        never = edge_srcnn.astream(LIVE, engine="bicubic")
        with pytest.raises(UsageError, match="not open yet"):
            _ = never.stream
        await never.aclose()
        assert [frame async for frame in never] == []
        async with edge_srcnn.astream(LIVE, engine="bicubic") as frames:
            await anext(frames)
            assert frames.stream.live
            await frames.aclose()
            await frames.aclose()
            assert [frame async for frame in frames] == []

    asyncio.run(main())


def test_several_streams_run_side_by_side():
    async def count(frames):
        return [frame.index async for frame in frames]

    async def main():
        return await asyncio.gather(*(count(edge_srcnn.astream(CARD, engine="bicubic")) for _ in range(4)))

    assert asyncio.run(main()) == [list(range(12))] * 4
