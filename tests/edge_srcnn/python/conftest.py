"""What the tests of Python's side share with those of sources: a network camera."""

from tests.edge_srcnn.sources.conftest import camera

__all__ = ["camera"]
