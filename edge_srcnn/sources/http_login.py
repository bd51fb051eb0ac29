"""Show user and password to a camera that asks for them: Basic (RFC 7617) and Digest (RFC 7616)."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from http.client import HTTPMessage
from urllib.request import parse_http_list, parse_keqv_list

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_NONCE_BYTES = 8


class Login:
    """Answer a server's challenges, the strongest of them.

    Parameters
    ----------
    user
        As it is, without percent signs.
    password
        Likewise.
    cnonce
        Makes what Digest mixes in, by chance.
    """

    def __init__(
        self, user: str, password: str, cnonce: Callable[[], str] = lambda: secrets.token_hex(_NONCE_BYTES)
    ) -> None:
        self._user, self._password, self._cnonce = user, password, cnonce
        self._is_basic = False
        self._challenge: dict[str, str] | None = None
        self._count = 0

    def take_challenge(self, headers: HTTPMessage) -> bool:
        """Take note of what a refused request was answered; False where nothing can be said to it."""
        self._challenge, self._is_basic, self._count = None, False, 0
        best = -1
        for text in headers.get_all("WWW-Authenticate") or []:
            scheme, _, rest = text.strip().partition(" ")
            if scheme.lower() == "basic":
                self._is_basic = True
            elif scheme.lower() == "digest":
                fields = _fields(rest)
                strength = list(_HASHES).index(_hash_of(fields)) if _hash_of(fields) in _HASHES else -1
                if strength > best and "nonce" in fields and _qop_of(fields) is not None:
                    best, self._challenge = strength, fields
        return self._is_basic or self._challenge is not None

    def headers(self, uri: str) -> dict[str, str]:
        """Make the header of a request for ``uri``, a path; none as long as nobody asked."""
        if self._challenge is not None:
            return {"Authorization": self._digest(self._challenge, uri)}
        if self._is_basic:
            pair = f"{self._user}:{self._password}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}

    def _digest(self, challenge: dict[str, str], uri: str) -> str:
        def digest(*parts: str) -> str:
            return _HASHES[_hash_of(challenge)](":".join(parts).encode()).hexdigest()

        self._count += 1
        realm, nonce, qop = challenge.get("realm", ""), challenge["nonce"], _qop_of(challenge)
        count, cnonce = f"{self._count:08x}", self._cnonce()
        secret = digest(self._user, realm, self._password)
        if challenge.get("algorithm", "").lower().endswith("-sess"):
            secret = digest(secret, nonce, cnonce)
        middle = (nonce, count, cnonce, qop) if qop else (nonce,)
        fields = {
            "username": _quoted(self._user),
            "realm": _quoted(realm),
            "nonce": _quoted(nonce),
            "uri": _quoted(uri),
            "response": _quoted(digest(secret, *middle, digest("GET", uri))),
        }
        if "algorithm" in challenge:
            fields["algorithm"] = challenge["algorithm"]
        if "opaque" in challenge:
            fields["opaque"] = _quoted(challenge["opaque"])
        if qop:
            fields |= {"qop": qop, "nc": count, "cnonce": _quoted(cnonce)}
        return "Digest " + ", ".join(f"{name}={value}" for name, value in fields.items())


def _fields(text: str) -> dict[str, str]:
    pairs = [pair for pair in parse_http_list(text) if "=" in pair]
    return {name.strip().lower(): value for name, value in parse_keqv_list(pairs).items()}


def _hash_of(challenge: dict[str, str]) -> str:
    return challenge.get("algorithm", "MD5").upper().removesuffix("-SESS")


def _qop_of(challenge: dict[str, str]) -> str | None:
    """Choose how much is protected: ``auth``, or nothing said (RFC 2069); None where neither will do."""
    if "qop" not in challenge:
        return ""
    return "auth" if "auth" in [qop.strip().lower() for qop in challenge["qop"].split(",")] else None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
