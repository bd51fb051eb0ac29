"""Decide which certificates of cameras are good enough, most of which no authority has signed."""

import hashlib
import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass

from edge_srcnn.errors import SourceLost

_DIGITS = 64


@dataclass(frozen=True)
class Trust:
    """Say which certificates are good enough.

    Attributes
    ----------
    verify
        They must be signed by an authority that this machine trusts, and name the host.
    fingerprint
        SHA-256 of the one certificate that is good, 64 hexadecimal digits; it need not be signed.
    """

    verify: bool = True
    fingerprint: str | None = None

    def context(self) -> ssl.SSLContext:
        """Make the settings of a connection."""
        context = ssl.create_default_context()
        if self.fingerprint is not None or not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def check(self, connection: ssl.SSLSocket, name: str) -> None:
        """Compare the certificate of a connection to the only good one; ``SourceLost`` where it is another."""
        found = _digest_of(connection)
        if self.fingerprint not in (None, found):
            raise SourceLost(
                f"{name}: shows another certificate than fingerprint= names, {_shown(found)}; give that one if the "
                "camera's certificate was made anew, otherwise somebody else answers"
            )


TRUST = Trust()
"""What holds where nothing else is said."""


def fingerprint(text: str) -> str:
    """Read a SHA-256 fingerprint as ``openssl x509 -fingerprint -sha256`` prints it; colons and capitals may differ."""
    digits = re.sub(r"^sha-?256( fingerprint)?\s*[=:]\s*", "", text.strip(), flags=re.IGNORECASE)
    digits = re.sub(r"[:\s-]", "", digits).lower()
    if not re.fullmatch(rf"[0-9a-f]{{{_DIGITS}}}", digits):
        raise ValueError("give the SHA-256 of the certificate, 64 hexadecimal digits, with or without colons")
    return digits


def _shown(digits: str) -> str:
    """Write a fingerprint with colons, as openssl does."""
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)).upper()


def _digest_of(connection: ssl.SSLSocket) -> str:
    return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()


def why_untrusted(error: ssl.SSLCertVerificationError, place: tuple[str, int], limit_s: float) -> str:
    """Say why a certificate is refused, and what to type.

    Parameters
    ----------
    error
        Of the connection.
    place
        Host and port, from which the certificate is fetched once more, and no more than that.
    limit_s
        Seconds that this may take.

    Returns
    -------
    For a message, without the camera's name.
    """
    cure = "verify=no takes any certificate"
    with suppress(OSError, ValueError):
        context = Trust(verify=False).context()
        with (
            socket.create_connection(place, limit_s) as plain,
            context.wrap_socket(plain, server_hostname=place[0]) as secured,
        ):
            cure = f"if it is the camera's own, add fingerprint={_shown(_digest_of(secured))} to the options; {cure}"
    return f"its certificate is not trusted ({error.verify_message}); {cure}"
