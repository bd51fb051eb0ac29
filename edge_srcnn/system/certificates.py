"""Decide which certificates of cameras and brokers are good enough, most of which no authority has signed."""

import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

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
    authorities
        A file in PEM with those to trust instead of this machine's; None: those of this machine.
    """

    verify: bool = True
    fingerprint: str | None = None
    authorities: str | None = None

    def context(self) -> ssl.SSLContext:
        """Make the settings of a connection; ``OSError`` where the file of authorities cannot be read or is none."""
        context = ssl.create_default_context(cafile=self.authorities)
        if self.fingerprint is not None or not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def pinned_context(self) -> ssl.SSLContext:
        """Make settings for a library that neither checks fingerprints nor closes what fails: the socket does both."""
        context, wanted = self.context(), self.fingerprint

        class Pinned(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:
                try:
                    super().do_handshake(block)
                    certificate = self.getpeercert(binary_form=True) or b""
                    if wanted is not None and sha256(certificate).hexdigest() != wanted:
                        raise ssl.SSLCertVerificationError("another certificate")
                except BaseException:
                    self.close()
                    raise

        context.sslsocket_class = Pinned
        return context


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


def why_untrusted(
    error: BaseException, trust: Trust, place: tuple[str, int], limit_s: float, whose: str = "camera"
) -> str:
    """Say why a certificate is refused, and what to type.

    Parameters
    ----------
    error
        Of the connection.
    trust
        What it was made with.
    place
        Host and port, from which the certificate is fetched once more, and no more than that.
    limit_s
        Seconds that this may take.
    whose
        What it belongs to.

    Returns
    -------
    For a message, without the name of what answered.
    """
    found = ""
    with suppress(OSError, ValueError):
        pem = ssl.get_server_certificate(place, timeout=limit_s)
        found = _shown(sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest())
    if trust.fingerprint is not None:
        shown = f", {found}; give that one" if found else "; give the new one"
        return (
            f"shows another certificate than fingerprint= names{shown} if the {whose}'s certificate was made anew, "
            "otherwise somebody else answers"
        )
    cure = f"if it is the {whose}'s own, add fingerprint={found} to the options; " if found else ""
    why = getattr(error, "verify_message", "")
    return f"its certificate is not trusted ({why}); {cure}verify=no takes any certificate"
