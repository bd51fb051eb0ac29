"""Runs the checks of a rig: every function that is called ``check_...``, in the order in which they are written."""

import gc
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any


def run(module: Mapping[str, Any]) -> None:
    """Run them all, say what became of each, and end the process: 0 when every one passed."""
    failed = 0
    for name, check in list(module.items()):
        if name.startswith("check_"):
            began, result = time.monotonic(), "ok"
            try:
                check()
            except Exception:
                traceback.print_exc(limit=-3, file=sys.stdout)
                failed, result = failed + 1, "FAILED"
            sentence = name.removeprefix("check_").replace("_", " ")
            print(f"{result:6} {sentence} ({time.monotonic() - began:.1f} s)", flush=True)  # noqa: T201
    sys.stdout.flush()
    os._exit(1 if failed else 0)  # whatever hangs, must not hang the rig


def expect(kind: type[BaseException], call: Any, *words: str) -> str:
    """Prove that a call raises such an exception, with these words in its text; give the text."""
    try:
        call()
    except kind as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"{missing} not in: {error}"
        return str(error)
    raise AssertionError(f"no {kind.__name__}")


def open_things() -> tuple[int, int]:
    """File descriptors and threads of this process."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def nothing_is_left(before: tuple[int, int], limit_s: float = 3.0) -> None:
    """Prove that at last no more is open than before."""
    end = time.monotonic() + limit_s
    while True:
        descriptors, threads = open_things()
        if descriptors <= before[0] and threads <= before[1]:
            return
        if time.monotonic() > end:
            names = [thread.name for thread in threading.enumerate()]
            raise AssertionError(f"open: {descriptors} descriptors and {names}, before: {before}")
        time.sleep(0.05)


class Warnings(logging.Handler):
    """Collects what edge_srcnn warns of, in a ``with``."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text."""
        self.texts.append(record.getMessage())

    def __enter__(self) -> "Warnings":
        logging.getLogger("edge_srcnn").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("edge_srcnn").removeHandler(self)
