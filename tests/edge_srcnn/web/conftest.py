"""Chromium for the tests of the page."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # it needs aiohttp, which tests of other files do not
    from tests.edge_srcnn.web.chromium import Browser


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One process for all tests of a file."""
    from tests.edge_srcnn.web.chromium import Browser

    with Browser() as running:
        yield running
