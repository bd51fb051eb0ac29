"""Standard error that takes everything, and says what it can."""

import io
import os
import sys

from edge_srcnn.system.standard_streams import forgiving, never_wait_for_stderr


def test_what_can_be_written_is(tmp_path):
    with open(tmp_path / "log", "wb") as file:
        print("line ä \udc80", file=forgiving(file.fileno()))
    assert (tmp_path / "log").read_bytes() == "line ä \\udc80\n".encode()


def test_what_cannot_be_written_is_lost_without_an_error():
    with open("/dev/full", "wb") as full:
        stream = forgiving(full.fileno())
        for _ in range(10_000):
            print("a line that nobody reads", file=stream)
        stream.flush()
        stream.close()


def test_a_pipe_that_is_full_is_waited_for_once_and_used_again(monkeypatch):
    reader, writer = os.pipe()
    stream = forgiving(writer)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("edge_srcnn.system.standard_streams._PATIENCE_S", 0.05)
    never_wait_for_stderr()
    for _ in range(5000):  # the second one to wait would make it minutes
        print("x" * 99, file=stream)
    held = os.read(reader, 1 << 20)
    assert set(held) == set(b"x\n")
    assert len(held) > 4096
    print("heard again", file=stream)
    assert os.read(reader, 1 << 20).endswith(b"heard again\n")
    for descriptor in (reader, writer):
        os.close(descriptor)


def test_streams_of_others_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    never_wait_for_stderr()
