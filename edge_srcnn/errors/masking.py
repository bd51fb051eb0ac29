"""Mask passwords, tokens and keys in all that people and programs may read: errors, log, state, pages."""

import logging
import re
from base64 import b64encode
from urllib.parse import quote, quote_plus, unquote, unquote_plus

MASK = "***"

_NAMES = r"(?:[a-z]+_?)?(?:token|password|passwd|passphrase|passcode|pass|pwd|psw|secret|auth|api_?key|stream_?key)"
_SECRET_OPTION = re.compile(_NAMES, re.IGNORECASE)
_SECRET_FIELD = re.compile(
    rf"{_NAMES}|.*(?:pass|pwd|token|key|auth|secret|sig|cred|session).*|sid|jwt|pin", re.IGNORECASE
)
_OPTION = re.compile(
    rf"(?<=[#&?;/_,])({_NAMES})=(?!\.\.\.|\*\*\*[;,)])(?:[^&\"'\n]*?(?=: |&)|[^&\s\"']*)", re.IGNORECASE
)
_PATH_FIELD = re.compile(rf"(?<=[/;&_,])({_NAMES}|key)=[^/;&]*", re.IGNORECASE)
_AUTHORIZATION = re.compile(r"(authorization\W{1,5}(?:basic|bearer|digest)\s+)[^\s\"']+", re.IGNORECASE)
_LOGIN = re.compile(r"(?<![^\s\"'(\[=/])[^\s:/@\"'?#]+:[^\s/@\"']+@(?=[\w\[])")  # of an address without //
_REQUEST_QUERY = re.compile(r"((?:\b[A-Z]{3,7}|\burl:) /[^\s?\"']*\?)[^\s\"']+")  # of a path, as libraries log it
_ENCODED_LOGIN = re.compile(r"(%(?:25)*3A(?:%(?:25)*2F){2}|://)[^/?#\s@]*(%(?:25)*40)", re.IGNORECASE)  # within another
_ENCODED_QUERY = re.compile(r"(%(?:25)*3A(?:%(?:25)*2F){2}[^/?#\s]*?%(?:25)*3F)[^/?#\s]+", re.IGNORECASE)

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,30}://"
_ADDRESS = re.compile(rf"{_SCHEME}(?:(?![\"'`>](?:[,;:.)\]}}\s]|$)|[,;|]{_SCHEME})\S)*")
_PUNCTUATION = ":,;.)]}>\"'`"

_STORES = frozenset({"s3", "s3a", "gs", "gcs", "sftp", "ssh", "memory"})
"""Schemes whose paths may hold ``?`` and ``#`` as any other character."""

_DELIMITERS = re.compile(r"[/?#]")
_PORT = re.compile(r"(?:[^:]*|\[[^\]]*\])(?::[0-9]*)?")
_RAW = {"#": "%23", "?": "%3F", "/": "%2F", " ": "%20", "\t": "%09"}
"""What cannot stand in a user's name or password, and how it is written there (RFC 3986, 3.2.1)."""

_LONG, _SHORT = 8, 5
"""A secret of so many characters is known wherever it stands; a shorter one where it is a word, and not of letters."""

_URL_SAFE = str.maketrans("+/", "-_")
"""Of Base64 in addresses (RFC 4648, 5)."""

_known: dict[str, None] = {}
_exact: re.Pattern[str] | None = None


def without_secrets(text: str) -> str:
    """Mask user, password and query of every network address in a text, and every secret that is known.

    Host, path and those options behind ``#`` that are no secrets stay.
    """
    if (exact := _exact) is not None:
        text = exact.sub(MASK, text)
    if "://" in text:
        text = _ADDRESS.sub(lambda found: _within(found[0]), text)
    text = _LOGIN.sub(f"{MASK}@", text)
    text = _REQUEST_QUERY.sub(rf"\1{MASK}", text)
    text = _ENCODED_LOGIN.sub(rf"\1{MASK}\2", text)
    text = _ENCODED_QUERY.sub(rf"\1{MASK}", text)
    text = _AUTHORIZATION.sub(rf"\1{MASK}", text)
    return _OPTION.sub(rf"\1={MASK}", text)


def is_secret_option(name: str) -> bool:
    """Tell whether an option of ours, by its name, holds a secret itself."""
    return _SECRET_OPTION.fullmatch(name) is not None


def holds_secret(address: str) -> bool:
    """Tell whether who reads an address learns a password, token or key."""
    return bool(_secrets_of(address))


def remember(address: str) -> None:
    """Know the secrets of an address from now on: they are masked wherever they turn up, in any of their forms."""
    for secret in _secrets_of(address):
        remember_secret(secret)


def remember_secret(secret: str) -> None:
    """Know one secret, as it is, percent-encoded, decoded, and in Base64."""
    global _exact
    plain = unquote(secret)
    login = plain if ":" in plain else f":{plain}"
    forms = {
        secret,
        plain,
        unquote_plus(secret),
        quote(plain, safe=""),
        quote_plus(plain),
        _base64(plain),
        _base64(login),
    }
    forms |= {each.translate(_URL_SAFE) for each in forms}
    new = [each for each in forms if _is_telling(each) and each not in _known]
    if new:
        _known.update(dict.fromkeys(new))
        longest_first = sorted(_known, key=len, reverse=True)
        _exact = re.compile("|".join(map(_pattern, longest_first)), re.IGNORECASE)


def find_raw_character(address: str) -> tuple[str, str, str] | None:
    """Find a character in an address's user or password that ends these.

    Parameters
    ----------
    address
        The whole of an address, ``scheme://`` and so on.

    Returns
    -------
    The character, how it is written there, and the address without user and password; None where there is none.
    """
    scheme, _, rest = address.partition("://")
    end = _userinfo_end(rest, strict=True)
    for character in rest[:end]:
        if character in _RAW:
            return character, _RAW[character], without_secrets(f"{scheme}://{MASK}@{rest[end:]}")
    return None


class SecretsFilter(logging.Filter):
    """Mask each record of the log, with its traceback; for every handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without secrets."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # of a library that counts its arguments wrongly
            message = str(record.msg)
        record.msg, record.args = without_secrets(message), None
        if record.exc_info:
            record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = without_secrets(record.exc_text)
        if record.stack_info:
            record.stack_info = without_secrets(record.stack_info)
        return True


def _within(text: str) -> str:
    """Mask an address in a text, of which the sentence's punctuation is no part."""
    address = text.rstrip(_PUNCTUATION)
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{_masked(scheme.lower(), rest)}{text[len(address) :]}"


def _masked(scheme: str, rest: str) -> str:
    end = _userinfo_end(rest, strict=False)
    if scheme in _STORES:
        return (f"{MASK}@" if end else "") + rest[end:]
    before, hash, options = rest[end:].partition("#")
    path, mark, _ = before.partition("?")
    path = _PATH_FIELD.sub(rf"\1={MASK}", path)
    if scheme.startswith("rtmp"):
        path = "/".join([*path.split("/")[:-1], MASK]) if _rtmp_key(path) else path
    shown = (f"{MASK}@" if end else "") + path + (f"?{MASK}" if mark else "")
    return shown + (f"#{_masked_options(options, after_query=bool(mark))}" if hash else "")


def _masked_options(text: str, *, after_query: bool) -> str:
    parts, shown, open_end = text.split("&"), [], after_query
    with_certificate = any(part.startswith("cert=") for part in parts)  # then key= names a file
    for part in parts:
        name, equals, value = part.partition("=")
        secret = is_secret_option(name) or (name.lower() == "key" and not with_certificate) or "@" in value
        if not equals:  # the rest of a value that holds & or # itself
            shown.append(MASK if open_end else part)
        else:
            shown.append(f"{name}={MASK}" if secret else part)
            open_end = secret
    return "&".join(shown)


def _userinfo_end(rest: str, *, strict: bool) -> int:
    """Find where the host begins, behind the ``@``, in what follows ``://``; 0 where nobody logs in.

    A password may hold what should have been written otherwise. ``strict`` takes only what cannot be a path.
    """
    end, at = 0, rest.find("@")
    while at >= 0:
        found = _DELIMITERS.search(rest, end, at)
        if found is not None and _PORT.fullmatch(rest, end, found.start()):
            between = rest[found.end() : at]
            if "=" in between or (found[0] == "/" and ("?" in between or "#" in between)):
                break
            if found[0] == "/" and (strict or rest[at - 1] == "/" or ":" not in rest[:at]):
                break
        end, at = at + 1, rest.find("@", at + 1)
    return end


def _secrets_of(address: str) -> list[str]:
    scheme, separator, rest = address.partition("://")
    if not separator:
        rest = scheme
    end = _userinfo_end(rest, strict=False) if separator else 0
    found = []
    if end:
        user, colon, password = rest[: end - 1].partition(":")
        found += [f"{user}:{password}", password] if colon and password else [user]
    before, _, options = rest[end:].partition("#")
    path, _, query = before.partition("?")
    fields = [part.partition("=") for part in re.split("[&;]", query)]
    told = [value for name, _, value in fields if _SECRET_FIELD.fullmatch(name) and value]
    found += [query, *told] if told else []
    found += [each[0].partition("=")[2] for each in _PATH_FIELD.finditer(path)]
    pairs = [part.partition("=") for part in options.split("&")]
    found += [value for name, _, value in pairs if is_secret_option(name)]
    if scheme.lower().startswith("rtmp") and _is_telling(key := _rtmp_key(path)):
        found.append(key)
    return [each for each in found if each]


def _rtmp_key(path: str) -> str:
    """Give the last part of a path, by which a server knows who may stream to it."""
    return path.rpartition("/")[2] if "/" in path else ""


def _is_telling(secret: str) -> bool:
    """Tell whether a text is a secret wherever it stands, and no common word."""
    return len(secret) >= _LONG or (len(secret) >= _SHORT and not secret.isalpha())


def _pattern(secret: str) -> str:
    word = re.escape(secret)
    return word if len(secret) >= _LONG else rf"(?<![A-Za-z0-9]){word}(?![A-Za-z0-9])"


def _base64(text: str) -> str:
    return b64encode(text.encode(errors="surrogateescape")).decode().rstrip("=")
