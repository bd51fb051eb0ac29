"""What systemd is told, over the socket that it gives. Source: sd_notify(3)."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from time import CLOCK_MONOTONIC, clock_gettime_ns

_ABSTRACT = "@"


class Notifier:
    """Speaks to systemd; says nothing where there is none.

    Attributes
    ----------
    watchdog_s
        So often at least systemd wants to hear a heartbeat; None: it does not ask.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith(_ABSTRACT):
            self._address = "\0" + self._address[1:]
        self.watchdog_s = _watchdog_s(environment)

    def ready(self, status: str) -> None:
        """Say that it works; also at the end of ``reloading``."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, text: str) -> None:
        """One line for people."""
        self._send(f"STATUS={text}")

    def watchdog(self) -> None:
        """Send a heartbeat."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that the configuration is read again."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={clock_gettime_ns(CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say that it ends."""
        self._send("STOPPING=1", "STATUS=stopping")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        message = "\n".join(line.replace("\n", " ") for line in lines)
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(errors="replace"), self._address)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    microseconds, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or (process and process != str(os.getpid())):
        return None
    return int(microseconds) / 1e6
