"""The certificate of HTTPS: read again when it is renewed, and told of in time when it is not."""

import logging
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from edge_srcnn.errors import NoInput, UsageError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
"""How often a certificate is looked at: whether it was renewed."""

WARN_EVERY_S = 24 * 3600.0
"""How often the log says that a certificate has expired, or ends soon."""

SOON = timedelta(days=14)

_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17
_VALIDITY = 3  # of a certificate's fields: after serial number, algorithm and issuer (RFC 5280, 4.1)
_LONG = 0x80


class Certificate:
    """Hold a certificate chain and its private key, read again when they are renewed.

    Parameters
    ----------
    certificate
        A file in PEM.
    key
        A file in PEM.

    Attributes
    ----------
    context
        For connections that come.
    key
        As it was given.

    Raises
    ------
    NoInput
        A file is missing or unreadable, which may pass.
    UsageError
        A file is not what it should be.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._files, self.key = (certificate, key), key
        try:
            self._loaded, self.context = self._times(), self._load()
        except (FileNotFoundError, PermissionError) as error:
            raise NoInput(f"{certificate}, {key}: cannot be read ({error.strerror})") from error
        except OSError as error:
            raise UsageError(f"{certificate}, {key}: no certificate and key in PEM ({_reason(error)})") from error
        self._looked_s = monotonic()
        self._warned_s = float("-inf")

    def refresh(self) -> None:
        """Take a renewed certificate for new connections; where it cannot be read the old one stays."""
        if monotonic() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = monotonic()
        try:
            now = self._times()
            if now != self._loaded:
                self._load()  # half of a pair would break the context in use
                self.context.load_cert_chain(*self._files, password="")
                self._loaded, self._warned_s = now, float("-inf")
                log.info("%s: a new certificate is in use", self._files[0])
        except OSError as error:
            log.error("%s: cannot be read again (%s); the old certificate stays", self._files[0], _reason(error))
        self.warn()

    def warn(self) -> None:
        """Say in the log that the certificate has expired or ends soon, once a day."""
        if monotonic() - self._warned_s < WARN_EVERY_S:
            return
        self._warned_s = monotonic()
        with suppress(OSError, ValueError, IndexError):  # what OpenSSL has read and this cannot is no reason to worry
            said = expiry(Path(self._files[0]).read_text(encoding="ascii", errors="replace"), datetime.now(UTC))
            if said is not None:
                log.warning("%s: %s", self._files[0], said)

    def _times(self) -> tuple[int, ...]:
        """Tell when the files were changed."""
        return tuple(os.stat(file).st_mtime_ns for file in self._files)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files, password="")  # else OpenSSL would ask at the terminal
        return context


def expiry(pem: str, now: datetime) -> str | None:
    """Tell what is wrong with the time of a certificate, or of those that it stands on.

    Parameters
    ----------
    pem
        One or more certificates.
    now
        The time, with its zone.

    Returns
    -------
    What to say, or None.

    Raises
    ------
    ValueError, IndexError
        One is no X.509 certificate.
    """
    spans = [validity(ssl.PEM_cert_to_DER_cert(each)) for each in _PEM.findall(pem)]
    if not spans:
        return None
    begin, end = max(begin for begin, _ in spans), min(end for _, end in spans)
    if end <= now:
        return f"the certificate has expired on {end:%Y-%m-%d}; browsers refuse it: renew it"
    if begin > now:
        return f"the certificate is valid from {begin:%Y-%m-%d} on, and this machine's clock says {now:%Y-%m-%d}"
    if end - now <= SOON:
        return f"the certificate ends on {end:%Y-%m-%d}: renew it"
    return None


def validity(der: bytes) -> tuple[datetime, datetime]:
    """Read from when until when a certificate is valid; Python's ``ssl`` tells that of peers' certificates only.

    Parameters
    ----------
    der
        An X.509 certificate.

    Returns
    -------
    Both times, in UTC.

    Raises
    ------
    ValueError, IndexError
        It is none.
    """
    (_, certificate), *_ = _elements(der)
    (_, signed), *_ = _elements(certificate)
    fields = [(tag, content) for tag, content in _elements(signed) if tag != _VERSION]
    begin, end = (_time(tag, content) for tag, content in _elements(fields[_VALIDITY][1]))
    return begin, end


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tags and contents of DER (X.690), one after another."""
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & _LONG:
            size = length & ~_LONG
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        if at + length > len(der):
            raise ValueError("cut off")
        yield tag, der[at : at + length]
        at += length


def _time(tag: int, content: bytes) -> datetime:
    """Read UTCTime, whose years begin with 1950, or GeneralizedTime (RFC 5280, 4.1.2.5)."""
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)
