"""What several tests of live video need."""

import pytest


@pytest.fixture
def reading():
    """Read by a capture; closed at the end of the test."""
    captures = []

    def begin(capture):
        captures.append(capture)
        capture.begin()
        return capture

    yield begin
    for each in captures:
        each.close()
        each.join()
