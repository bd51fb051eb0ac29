"""From thread to thread: the newest is kept, or all are; nobody waits for ever, and nothing is lost on the way."""

import threading
from time import monotonic, sleep

import pytest

from edge_srcnn.live.threads import BoundedQueue
from edge_srcnn.live.threads import in_thread as begin


@pytest.fixture
def in_thread():
    """Run something in a thread; gives a function that waits for what it returns."""
    threads = []

    def start(function, *arguments):
        results = []
        thread = threading.Thread(target=lambda: results.append(function(*arguments)))
        thread.start()
        threads.append(thread)

        def result():
            thread.join(10)
            assert not thread.is_alive()
            return results[0]

        return result

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("depth", [1, 3])
def test_a_slot_keeps_the_newest_and_counts_the_rest(depth):
    slot: BoundedQueue[int] = BoundedQueue(depth, block=False)
    assert all(slot.put(number) for number in range(10))
    assert slot.dropped == 10 - depth
    assert [slot.take() for _ in range(depth)] == list(range(10 - depth, 10))


def test_a_queue_makes_its_writer_wait_and_loses_nothing(in_thread):
    queue: BoundedQueue[int] = BoundedQueue(2, block=True)
    written = in_thread(lambda: [queue.put(number) for number in range(500)])
    taken = [queue.take(10) for _ in range(500)]
    assert taken == list(range(500))
    assert all(written())
    assert queue.dropped == 0


def test_a_full_queue_refuses_after_its_time():
    queue: BoundedQueue[str] = BoundedQueue(1, block=True)
    assert queue.put("first")
    began = monotonic()
    assert not queue.put("second", 0.2)
    assert monotonic() - began >= 0.2
    assert (queue.take(0), queue.take(0), queue.dropped) == ("first", None, 0)


def test_nothing_comes_within_the_time():
    began = monotonic()
    assert BoundedQueue(1, block=False).take(0.2) is None
    assert monotonic() - began >= 0.2


@pytest.mark.parametrize("block", [True, False])
def test_what_is_there_can_be_taken_after_the_end(block):
    queue: BoundedQueue[int] = BoundedQueue(4, block=block)
    queue.put(1)
    queue.put(2)
    queue.close()
    assert not queue.closed  # something is left
    assert not queue.put(3)
    assert [queue.take(), queue.take(), queue.take()] == [1, 2, None]
    assert queue.closed
    assert queue.dropped == 0


def test_what_is_there_can_be_dropped_at_the_end():
    queue: BoundedQueue[int] = BoundedQueue(4, block=True)
    queue.put(1)
    queue.close(drop=True)
    assert queue.closed
    assert queue.take() is None
    queue.close()
    assert queue.closed


def test_the_end_wakes_a_writer_and_a_reader(in_thread):
    full: BoundedQueue[int] = BoundedQueue(1, block=True)
    full.put(1)
    writer = in_thread(full.put, 2)
    empty: BoundedQueue[int] = BoundedQueue(1, block=False)
    reader = in_thread(empty.take)
    sleep(0.1)
    full.close()
    empty.close()
    assert (writer(), reader()) == (False, None)
    assert full.take() == 1


def test_a_queue_is_empty_when_all_was_taken():
    queue: BoundedQueue[int] = BoundedQueue(2, block=True)
    assert queue.empty
    queue.put(1)
    assert not queue.empty
    queue.take()
    assert queue.empty


def test_what_a_thread_of_its_own_made_or_raised_is_given():
    release = threading.Event()
    made = begin("made", lambda: release.wait(10))
    assert not made.done()
    release.set()
    assert made.result(10)
    with pytest.raises(ZeroDivisionError):
        begin("failed", lambda: 1 // 0).result(10)
