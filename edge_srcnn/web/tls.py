"""HTTPS: a certificate and its key from files, read again when they are renewed."""

import logging
import os
import ssl
from time import monotonic

from edge_srcnn.errors import NoInput, UsageError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0


class Certificate:
    """A certificate chain and its private key, in PEM.

    Attributes
    ----------
    context
        For connections that come.

    Raises
    ------
    NoInput
        A file is missing or unreadable, which may pass.
    UsageError
        A file is not what it should be.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._files = certificate, key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self._loaded = self._changed()
            self.context.load_cert_chain(*self._files, password="")  # else OpenSSL would ask at the terminal
        except (FileNotFoundError, PermissionError) as error:
            raise NoInput(f"{certificate}, {key}: cannot be read ({error.strerror})") from error
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"{certificate}, {key}: no certificate and key in PEM ({_reason(error)})") from error
        self._looked_s = monotonic()

    def refresh(self) -> None:
        """Take a renewed certificate for new connections; where it cannot be read the old one stays."""
        if monotonic() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = monotonic()
        try:
            now = self._changed()
            if now == self._loaded:
                return
            probe = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            probe.load_cert_chain(*self._files, password="")  # half of a pair would break the context
            self.context.load_cert_chain(*self._files, password="")
        except (OSError, ssl.SSLError) as error:
            log.error("%s: cannot be read again (%s); the old certificate stays", self._files[0], _reason(error))
            return
        self._loaded = now
        log.info("%s: a new certificate is in use", self._files[0])

    def _changed(self) -> tuple[int, ...]:
        return tuple(os.stat(file).st_mtime_ns for file in self._files)


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)
