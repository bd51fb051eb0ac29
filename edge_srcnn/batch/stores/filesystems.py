"""Connect to stores by fsspec, and keep a connection for whoever comes next; each serves one thread at a time."""

import importlib
import os
import threading
from contextlib import suppress
from typing import Any

from edge_srcnn.batch.stores.address import StoreUrl
from edge_srcnn.errors import Unavailable, UsageError, reason, suggest
from edge_srcnn.system.installation import how_to_install
from edge_srcnn.system.packages import why_not_imported

_OURS = ("s3", "sftp")
"""Stores whose libraries the extra brings."""

_CONNECT_S, _SILENCE_S = 5, 30
"""So long a server may take to accept a connection, and to say anything, in seconds."""

_HOME = "~"

_lock = threading.Lock()
_idle: dict[tuple[str, str], list[Any]] = {}


def take(url: StoreUrl) -> Any:
    """Take a connection that nobody uses, or connect; give it back, or forget it.

    Parameters
    ----------
    url
        Something in the store.

    Returns
    -------
    A filesystem of fsspec.

    Raises
    ------
    Unavailable
        A library is missing.
    UsageError
        fsspec knows no such store.
    Exception
        Whatever the library raises while it connects.
    """
    with _lock:
        idle = _idle.get(_key(url))
        if idle:
            return idle.pop()
    return _connect(url)


def give_back(url: StoreUrl, filesystem: Any) -> None:
    """Keep a connection that works for the next who needs one."""
    with _lock:
        _idle.setdefault(_key(url), []).append(filesystem)


def forget(url: StoreUrl, filesystem: Any = None) -> None:
    """Close a connection that failed, and those to the same store that nobody uses."""
    with _lock:
        left = _idle.pop(_key(url), [])
    for each in [*left, *([] if filesystem is None else [filesystem])]:
        _close(each)


def close_idle() -> None:
    """Close every connection that nobody uses."""
    with _lock:
        left = [each for idle in _idle.values() for each in idle]
        _idle.clear()
    for each in left:
        _close(each)


def path_of(filesystem: Any, url: StoreUrl) -> str:
    """Give a name as its filesystem wants it, with no character of it taken for anything else."""
    if url.scheme == "sftp":
        if url.path == _HOME or url.path.startswith(f"{_HOME}/"):
            return url.path[2:] or "."
        return f"/{url.path}"
    root: str = type(filesystem)._strip_protocol(f"{url.scheme}://{url.authority}/x")
    return root.removesuffix("x") + url.path


def _key(url: StoreUrl) -> tuple[str, str]:
    return url.scheme, url.authority


def _close(filesystem: Any) -> None:
    if (close := getattr(filesystem, "close", None)) is not None:
        with suppress(Exception):  # it failed already
            close()


def _connect(url: StoreUrl) -> Any:
    kind = _class_of(url)
    filesystem = kind(**_options(url, kind))
    if url.scheme == "s3":
        filesystem.retries = 1  # it would go on in the middle of an object that may be another by now
    return filesystem


def _class_of(url: StoreUrl) -> Any:
    try:
        fsspec = importlib.import_module("fsspec")
        if url.scheme == "sftp":
            return importlib.import_module("edge_srcnn.batch.stores.sftp").Sftp
        return fsspec.get_filesystem_class(url.scheme)
    except ImportError as error:
        raise Unavailable(f"{url.store}: {_why_missing(url.scheme, error)}") from error
    except ValueError as error:
        known = importlib.import_module("fsspec").available_protocols()
        guess = suggest(url.scheme, known)
        hint = f"; did you mean {guess}://?" if guess else ""
        raise UsageError(f"{url}: no store is called {url.scheme!r}{hint}") from error


def _why_missing(scheme: str, error: ImportError) -> str:
    if scheme in _OURS or error.name == "fsspec":
        return why_not_imported("what reads and writes stores", error, "edge-srcnn[stores]")
    registry = importlib.import_module("fsspec.registry").known_implementations
    package = str(registry[scheme]["class"]).partition(".")[0]
    if package == "fsspec":  # it asks for another one, and says so
        return f"a library is missing ({reason(error)})"
    return f"{package} is not installed: {how_to_install(package)}"


def _options(url: StoreUrl, kind: Any) -> dict[str, Any]:
    if url.scheme == "s3":
        return _s3_options()
    options: dict[str, Any] = {}
    if url.authority:
        options = kind._get_kwargs_from_urls(f"{url.scheme}://{url.authority}/")
    options.pop("path", None)
    return options | {"use_listings_cache": False} | ({} if kind.async_impl else {"skip_instance_cache": True})


def _s3_options() -> dict[str, Any]:
    """Set limits of time, and let tries again be ours; what somebody set in fsspec's own configuration goes first."""
    configured = importlib.import_module("fsspec.config").conf.get("s3", {}).get("config_kwargs", {})
    limits: dict[str, Any] = {"connect_timeout": _CONNECT_S, "read_timeout": _SILENCE_S}
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        limits["retries"] = {"total_max_attempts": 2, "mode": "standard"}
    return {"config_kwargs": {**limits, **configured}, "use_listings_cache": False}
