"""``http://HOST:PORT``, ``https://``: a page with the live picture, MJPEG, snapshots and metrics."""

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_srcnn.errors import NoInput, Unavailable, UsageError
from edge_srcnn.uri import Uri, read_options, whole_number

if TYPE_CHECKING:
    from edge_srcnn.web.server import HttpSink

CURE = "pip install 'edge-srcnn[stream]'"
LIBRARIES = {"aiohttp": "aiohttp", "simplejpeg": "simplejpeg", "prometheus_client": "prometheus-client"}
"""Modules and the projects that bring them."""

_BEST_QUALITY = 100


def options(uri: Uri) -> dict[str, Any]:
    """Read them, without a look at the files that they name.

    quality (of JPEG, 1 to 100; 85), clients (streams at a time; 20), token (what visitors must show), token_file (a
    file that holds it), cert and key (of HTTPS: files in PEM). In names of files $CREDENTIALS_DIRECTORY and its like
    are filled in.
    """
    if uri.target and not uri.is_network:
        raise UsageError(f"{uri.scheme}: give {uri.scheme}://HOST:PORT, and options after #, such as #quality=85")
    uri = replace(uri, text=uri.target)  # messages leave the token out
    given = read_options(
        uri, quality=_quality, clients=whole_number, token=_token, token_file=_file, cert=_file, key=_file
    )
    if (uri.scheme == "https") != ("cert" in given) or ("cert" in given) != ("key" in given):
        raise UsageError(f"{uri.text}: https:// goes with #cert=FILE&key=FILE, both in PEM")
    if "token" in given and "token_file" in given:
        raise UsageError(f"{uri.text}: give token or token_file, not both")
    return given


def open(uri: Uri) -> "HttpSink":
    """Get ready to serve; nothing listens before ``begin``. For the options see ``options``.

    Raises
    ------
    Unavailable
        A library is not installed.
    NoInput
        A file cannot be read, which may pass.
    UsageError
        The address is none to listen at, or a file does not hold what it should.
    """
    given = options(uri)
    uri = replace(uri, text=uri.target)  # messages leave the token out
    missing = [project for module, project in LIBRARIES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise Unavailable(f"{uri.text}: {' and '.join(missing)} needed for HTTP, and not installed: {CURE}")
    from edge_srcnn.web.address import address_of
    from edge_srcnn.web.server import HttpSink, Settings
    from edge_srcnn.web.tls import Certificate

    if "cert" in given:
        given["certificate"] = Certificate(given.pop("cert"), given.pop("key"))
    if "token_file" in given:
        given["token"] = _token_of(given.pop("token_file"))
    return HttpSink(uri.text, address_of(uri), Settings(**given))


def _quality(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= _BEST_QUALITY:
        raise ValueError(f"give 1 to {_BEST_QUALITY}")
    return int(text)


def _token(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


def _file(text: str) -> str:
    if not text:
        raise ValueError("give a file")
    return os.path.expandvars(text)


def _token_of(file: str) -> str:
    try:
        token = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NoInput(f"token_file={file}: cannot be read ({error.strerror})") from error
    except UnicodeError as error:
        raise UsageError(f"token_file={file}: not a text") from error
    if not token:
        raise UsageError(f"token_file={file}: the file is empty")
    return token
