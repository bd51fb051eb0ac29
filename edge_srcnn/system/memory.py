"""Keep a process that runs for years small: what the C library's allocator holds, and need not."""

import ctypes
import gc
from contextlib import suppress

_M_ARENA_MAX, _ARENAS = -8, 2  # <malloc.h>


def share_arenas() -> None:
    """Let all threads allocate in the same two arenas: those that come and go with a camera leave nothing then."""
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def return_free_memory() -> None:
    """Free what only refers to itself, and give to the system what was freed amid memory in use.

    PyAV's containers refer to themselves. Each holds megabytes in few Python objects, so that the collector, which
    counts objects, would come too rarely: a recording's encoders would stay for many segments.
    """
    gc.collect()
    with suppress(OSError, AttributeError):  # as above
        ctypes.CDLL(None).malloc_trim(0)


def spare_what_stays() -> None:
    """Let the collector pass over all that there is by now, the libraries above all: it then takes milliseconds."""
    gc.collect()
    gc.freeze()
