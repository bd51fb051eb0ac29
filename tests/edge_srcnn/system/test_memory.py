"""Memory that was freed between what is in use goes back to the system."""

import ctypes
import gc
import sys
import weakref
from subprocess import run

import pytest

from edge_srcnn.system.memory import return_free_memory

_FRAGMENTED = """
import os
from pathlib import Path
from edge_srcnn.system.memory import return_free_memory, share_arenas

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

share_arenas()
blocks = [b"x" * 100_000 for _ in range(400)]  # each below what malloc maps by itself
blocks[:-1] = []  # the last one stays, and with it all of the heap below
before = resident()
return_free_memory()
print(before - resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")
def test_what_was_freed_below_a_block_in_use_is_given_back():
    found = run([sys.executable, "-c", _FRAGMENTED], capture_output=True, text=True, check=True)
    assert int(found.stdout) > 30_000_000


def test_what_only_refers_to_itself_is_freed():
    class Ring:
        def __init__(self):
            self.itself = self

    gc.disable()
    try:
        ring = weakref.ref(Ring())
        assert ring() is not None
        return_free_memory()
        assert ring() is None
    finally:
        gc.enable()
