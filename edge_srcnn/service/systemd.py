"""Tell systemd and its journal, people and programs: sd_notify(3), and the log with one line a change."""

import json
import logging
import os
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from edge_srcnn.errors.masking import SecretsFilter, without_secrets

_ABSTRACT = "@"
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
"""Of sd-daemon(3), by the least level of ``logging``."""


class Notifier:
    """Speaks to systemd; says nothing where there is none.

    Parameters
    ----------
    environment
        Where systemd says how it listens.

    Attributes
    ----------
    watchdog_s
        So often at least systemd wants to hear a heartbeat; None: it does not ask.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith(_ABSTRACT):
            self._address = "\0" + self._address[1:]
        microseconds, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        asks = microseconds.isdecimal() and process in ("", str(os.getpid()))
        self.watchdog_s = int(microseconds) / 1e6 if asks else None

    def ready(self, status: str) -> None:
        """Say that it works; also at the end of ``reloading``."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, text: str) -> None:
        """Say what it does, in one line for people."""
        self._send(f"STATUS={text}")

    def watchdog(self) -> None:
        """Send a heartbeat."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that the configuration is read again."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say that it ends."""
        self._send("STOPPING=1", "STATUS=stopping")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        message = "\n".join(without_secrets(line.replace("\n", " ")) for line in lines)
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(errors="replace"), self._address)


def configure_logging(format: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send the log to standard error, as ``text``, ``json`` or ``auto``; the journal knows the time itself.

    After ``--verbose`` it goes on telling all.
    """
    handler = logging.StreamHandler(sys.stderr)
    if format == "json":
        handler.setFormatter(_JsonLines())
    elif "JOURNAL_STREAM" in environment or "INVOCATION_ID" in environment:
        handler.setFormatter(_JournalLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s: %(message)s", "%Y-%m-%d %H:%M:%S"))
    handler.addFilter(SecretsFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.getLogger("edge_srcnn").setLevel(min(root.level, logging.INFO))
    root.setLevel(min(root.level, logging.WARNING))


class _JournalLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        priority = next(number for least, number in _PRIORITIES if record.levelno >= least)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
