"""The service's log: one line a change, with the journal's priorities, or JSON."""

import json
import logging
import os
import sys
import time
from collections.abc import Mapping

AUTO, TEXT, JSON = "auto", "text", "json"

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
"""Of sd-daemon(3)."""


def configure_logging(format: str, *, verbose: bool = False, environment: Mapping[str, str] = os.environ) -> None:
    """Send the log to standard error; under systemd without the time, which the journal knows."""
    handler = logging.StreamHandler(sys.stderr)
    journal = "JOURNAL_STREAM" in environment or "INVOCATION_ID" in environment
    handler.setFormatter(_JsonLines() if format == JSON else _JournalLines() if journal else _TerminalLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.WARNING)
    logging.getLogger("edge_srcnn").setLevel(logging.DEBUG if verbose else logging.INFO)


def priority(level: int) -> int:
    """Syslog's number for a level of ``logging``."""
    return next(number for least, number in _PRIORITIES if level >= least)


class _TerminalLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s: %(message)s", "%Y-%m-%d %H:%M:%S")


class _JournalLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{priority(record.levelno)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
