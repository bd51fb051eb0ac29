"""Keep a process that runs for years small: what the C library's allocator holds, and need not."""

import ctypes
from contextlib import suppress

_M_ARENA_MAX, _ARENAS = -8, 2  # <malloc.h>


def share_arenas() -> None:
    """Let all threads allocate in the same two arenas: those that come and go with a camera leave nothing then."""
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def return_free_memory() -> None:
    """Give to the system what was freed amid memory in use: after a storm of visitors that is tens of megabytes."""
    with suppress(OSError, AttributeError):  # as above
        ctypes.CDLL(None).malloc_trim(0)
