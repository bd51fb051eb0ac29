"""``http://HOST:PORT``, ``https://``, ``unix:PATH``: the viewer, and its options. Imports nothing large."""

import importlib
import importlib.util
import os
import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_srcnn.errors import NoInput, Unavailable, UsageError
from edge_srcnn.errors.masking import remember_secret
from edge_srcnn.sinks import camera_name
from edge_srcnn.system.installation import how_to_install
from edge_srcnn.system.packages import why_not_imported
from edge_srcnn.uri import Uri, flag, read_options, whole_number
from edge_srcnn.web.address import ANY, NULL, ORIGIN, place_of

if TYPE_CHECKING:
    from edge_srcnn.web.proxies import Network
    from edge_srcnn.web.server import HttpSink

EXTRA = "edge-srcnn[stream]"
LIBRARIES = {"aiohttp": "aiohttp", "simplejpeg": "simplejpeg", "prometheus_client": "prometheus-client"}
"""Modules and the projects that bring them."""

_BEST_QUALITY = 100
_HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_OPTION = re.compile("#[a-z_]+=")
_MODE = re.compile("0?[0-7]{3}")
_USUAL_PORTS = {"http": ":80", "https": ":443"}


def options(uri: Uri) -> dict[str, Any]:
    """Read the options of an address, without a look at the files that they name.

    quality (of JPEG, 1 to 100; 85), clients (streams at a time; 20), name (of the camera, here alone).

    token (what visitors must show), token_file (a file that holds it), cert and key (of HTTPS: files in PEM). In names
    of files $CREDENTIALS_DIRECTORY and its like are filled in.

    hosts (names besides this machine's own to answer to; * for every name), proxy (addresses and networks of reverse
    proxies, whose X-Forwarded-* is believed), prefix (the path to serve below), cors (origins whose scripts may read;
    null for pages that are files), frame (origins whose pages may show the page within them), control (may settings be
    changed; yes where a token is asked for, or only this machine reaches the page).

    connections (in all; 256), per_address (of one address; 64), mode and group (of the socket of unix:; 660).
    """
    if uri.scheme != "unix" and uri.target and not uri.is_network:
        raise UsageError(f"{uri.scheme}: give {uri.scheme}://HOST:PORT, and options after #, such as #quality=85")
    if uri.scheme == "unix" and _OPTION.search(
        uri.target
    ):  # which would be open to all, under a name with a token in it
        raise UsageError(f"unix:{uri.target.partition('#')[0]}: options follow a ?, such as ?token_file=FILE, not a #")
    uri = replace(uri, text=f"unix:{uri.target}" if uri.scheme == "unix" else uri.target)  # without the token
    special: dict[str, Callable[[str], Any]] = {"cert": _file, "key": _file}
    if uri.scheme == "unix":
        special = {"mode": _mode, "group": _word}
    given = read_options(
        uri,
        quality=_quality,
        clients=whole_number,
        token=_word,
        token_file=_file,
        name=camera_name,
        hosts=_hosts,
        proxy=_networks,
        prefix=_prefix,
        cors=_readers,
        frame=_origins,
        control=flag,
        connections=whole_number,
        per_address=whole_number,
        **special,
    )
    if (uri.scheme == "https") != ("cert" in given) or ("cert" in given) != ("key" in given):
        raise UsageError(f"{uri.text}: https:// goes with #cert=FILE&key=FILE, both in PEM")
    if "token" in given and "token_file" in given:
        raise UsageError(f"{uri.text}: give token or token_file, not both")
    return given


def open(uri: Uri, **given: Any) -> "HttpSink":
    """Get ready to serve; nothing listens before ``begin``.

    Parameters
    ----------
    uri
        Where to listen.
    **given
        As ``options`` reads them.

    Returns
    -------
    The sink.

    Raises
    ------
    Unavailable
        A library is not installed.
    NoInput
        A file cannot be read, which may pass.
    UsageError
        The address is none to listen at, or a file does not hold what it should.
    """
    missing = [project for module, project in LIBRARIES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise Unavailable(
            f"{uri.target}: {' and '.join(missing)} needed for HTTP, and not installed: {how_to_install(EXTRA)}"
        )
    try:
        importlib.import_module("simplejpeg")
    except Exception as error:  # one that was built for another numpy raises anything
        raise Unavailable(f"{uri.target}: {why_not_imported('simplejpeg, needed for HTTP,', error, EXTRA)}") from error
    from edge_srcnn.web.access import Access
    from edge_srcnn.web.connections import Limits
    from edge_srcnn.web.proxies import Proxies
    from edge_srcnn.web.server import HttpSink
    from edge_srcnn.web.tls import Certificate

    place = place_of(uri, **_taken(given, "mode", "group"))
    certificate = Certificate(given.pop("cert"), given.pop("key")) if "cert" in given else None
    if "name" in given:
        given["camera"] = given.pop("name")
    file = given.pop("token_file", None)
    if file is not None:
        given["token"] = read_token(file)
    given["hosts"] = (*given.get("hosts", ()), place.host.lower())
    access = Access(
        proxies=Proxies(given.pop("proxy", ())), **_taken(given, "hosts", "token", "prefix", "cors", "frame")
    )
    if "clients" in given:  # who lets many look lets them connect
        given.setdefault("connections", max(Limits.connections, 2 * given["clients"]))
        given.setdefault("per_address", max(Limits.per_address, 2 * given["clients"]))
    limits = Limits(**_taken(given, "clients", "connections", "per_address"))
    name = f"unix:{uri.target}" if uri.scheme == "unix" else uri.target
    secret_files = [each for each in (file, certificate and certificate.key) if each]
    return HttpSink(
        name, place, access=access, limits=limits, certificate=certificate, secret_files=secret_files, **given
    )


def _taken(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """Take some options out of those that were given."""
    return {name: given.pop(name) for name in names if name in given}


def _quality(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= _BEST_QUALITY:
        raise ValueError(f"give 1 to {_BEST_QUALITY}")
    return int(text)


def _word(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    names = tuple(map(_as_asked, text.split(",")))
    if names != (ANY,) and not all(map(_HOST.fullmatch, names)):
        raise ValueError("give names without http:// and port, such as octopi.local,.example.com, or *")
    return names


def _as_asked(name: str) -> str:
    """Spell a name as browsers ask for it: in small letters, those that are not English in Punycode, no dot behind."""
    small = name.strip().lower()
    dot, labels = ("." if small.startswith(".") else ""), small.removeprefix(".").removesuffix(".")
    try:
        return dot + (labels if labels.isascii() else labels.encode("idna").decode())
    except UnicodeError:
        return small


def _networks(text: str) -> "tuple[Network, ...]":
    try:
        return tuple(ip_network(each.strip(), strict=False) for each in text.split(","))
    except ValueError:
        raise ValueError("give addresses or networks of proxies, such as 127.0.0.1,192.168.1.0/24") from None


def _prefix(text: str) -> str:
    path = text.rstrip("/")
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError("give a path, such as /cam")
    return path


def _readers(text: str) -> tuple[str, ...]:
    """Read origins, of which one may be that of pages that are files."""
    named = [each.strip().lower() for each in text.split(",")]
    if NULL not in named or ANY in named:
        return _origins(text)
    others = ",".join(each for each in named if each != NULL)
    return (*(_origins(others) if others else ()), NULL)


def read_origin(text: str) -> str:
    """Read one origin, or ``null``; ``ValueError`` where it is none."""
    (found,) = _readers(text) if "," not in text and text != ANY else ("",)
    if not found:
        raise ValueError("give one origin, such as http://tv.local, or null")
    return found


def _origins(text: str) -> tuple[str, ...]:
    """Read origins as browsers write them: in small letters, without a port that is usual, and without a path."""
    if text == ANY:
        return (ANY,)
    found = []
    for each in text.split(","):
        origin = each.strip().lower().removesuffix("/")
        if not ORIGIN.fullmatch(origin):
            raise ValueError(
                "give origins, such as http://octopi.local or https://example.com:8443, without a path; or *"
            )
        scheme, _, rest = origin.partition("://")
        found.append(f"{scheme}://{rest.removesuffix(_USUAL_PORTS.get(scheme, ' '))}")
    return tuple(found)


def _mode(text: str) -> int:
    if not _MODE.fullmatch(text):
        raise ValueError("give the mode of the socket as three digits, such as 660 or 666")
    return int(text, 8)


def _file(text: str) -> str:
    if not text:
        raise ValueError("give a file")
    return os.path.expandvars(text)


def read_token(file: str) -> str:
    """Read the token that a file holds; ``NoInput`` where it cannot be read, ``UsageError`` where there is none."""
    try:
        token = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NoInput(f"token_file={file}: cannot be read ({error.strerror})") from error
    except UnicodeError as error:
        raise UsageError(f"token_file={file}: not a text") from error
    if not token:
        raise UsageError(f"token_file={file}: the file is empty")
    remember_secret(token)
    return token
