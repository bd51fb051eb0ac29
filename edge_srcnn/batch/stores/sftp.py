"""Reach folders by SFTP as ssh(1) does: its known hosts, its keys and agent, its configuration."""

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

CONNECT_S = 10
"""So long a server may take for each step until it lets somebody in, in seconds."""

SILENCE_S = 30
"""So long it may say nothing amid a transfer, in seconds."""

_ALIVE_S = 15
_REQUESTS = 64
"""Reads of 32 KiB that are on their way at once: more would be held in memory."""

_CONFIG = Path("~/.ssh/config")


class UnknownHostKey(paramiko.SSHException):
    """Report a server of which nobody has said yet that it is the right one."""


class _Refuse(paramiko.MissingHostKeyPolicy):
    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        """Refuse, as ssh does where it cannot ask."""
        raise UnknownHostKey(f"its key ({key.get_name()} {key.fingerprint}) is not among the known hosts")


class Sftp(SFTPFileSystem):
    """Connect to a server, known by its key, with the user's own keys.

    fsspec's own takes any server for the right one, and prefetches whole files into memory.

    Parameters
    ----------
    authority
        ``user:password@host:port``; all but the host may be missing, or stand in ``~/.ssh/config``.
    **options
        What stands in fsspec's configuration, for ``paramiko.SSHClient.connect``.
    """

    def __init__(self, authority: str, **options: Any) -> None:
        options.pop("use_listings_cache", None)
        super().__init__(authority, **options)

    @staticmethod
    def _get_kwargs_from_urls(urlpath: str) -> dict[str, str]:
        return {"authority": urlpath.partition("://")[2].rpartition("/")[0]}

    def _connect(self) -> None:
        host, settings = _settings(self.host)
        options = {**self.ssh_kwargs, **settings}
        self.client = paramiko.SSHClient()
        self.client.load_system_host_keys()
        self.client.set_missing_host_key_policy(_Refuse())
        try:
            self.client.connect(host, timeout=CONNECT_S, banner_timeout=CONNECT_S, auth_timeout=CONNECT_S, **options)
            if (transport := self.client.get_transport()) is not None:
                transport.set_keepalive(_ALIVE_S)
            self.ftp = self.client.open_sftp()
            self.ftp.get_channel().settimeout(SILENCE_S)
        except BaseException:
            self.client.close()
            raise

    def close(self) -> None:
        """End the connection; may be called twice."""
        self.client.close()

    def get_file(self, rpath: str, lpath: str, callback: Any = None, **options: Any) -> None:
        """Fetch a file, a few requests ahead."""
        progress = None if callback is None else callback.absolute_update
        told = None if progress is None else (lambda done, total: progress(done))
        self.ftp.get(rpath, lpath, told, max_concurrent_prefetch_requests=_REQUESTS)

    def put_file(self, lpath: str, rpath: str, callback: Any = None, **options: Any) -> None:
        """Send a file; its folder is there. The server is asked for its size at the end."""
        progress = None if callback is None else callback.absolute_update
        told = None if progress is None else (lambda done, total: progress(done))
        self.ftp.put(lpath, rpath, told)

    def makedirs(self, path: str, exist_ok: bool = False, mode: int = 0o777) -> None:
        """Make a folder and those above it, whoever makes them at the same time."""
        if not path or self.isdir(path):
            return
        self.makedirs(path.rpartition("/")[0])
        try:
            self.ftp.mkdir(path, mode)
        except OSError:
            if not self.isdir(path):
                raise

    def mv_new(self, old: str, new: str) -> None:
        """Rename a file, and replace none: the protocol's own rename fails where the name is taken."""
        try:
            self.ftp.rename(old, new)
        except OSError as error:
            with suppress(FileNotFoundError):
                self.ftp.lstat(new)
                raise FileExistsError(new) from error
            raise


def _settings(authority: str) -> tuple[str, dict[str, Any]]:
    """Read who is to be reached and how: the URL goes before ``~/.ssh/config``."""
    split = urlsplit(f"sftp://{authority}")
    asked = split.hostname or ""
    config = paramiko.SSHConfig()
    if (path := _CONFIG.expanduser()).is_file():
        config = paramiko.SSHConfig.from_path(str(path))
    found = config.lookup(asked)
    host = str(found.get("hostname", asked))
    options: dict[str, Any] = {"port": split.port or int(found.get("port", 22))}
    if user := unquote(split.username or "") or found.get("user"):
        options["username"] = user
    if split.password is not None:
        options["password"] = unquote(split.password)
    if keys := found.get("identityfile"):
        options["key_filename"] = [key for key in map(os.path.expanduser, keys) if os.path.isfile(key)]
    command = found.get("proxycommand")
    if command is None and (jump := found.get("proxyjump")) not in (None, "none"):
        command = f"ssh -W {shlex.quote(host)}:{options['port']} {shlex.quote(str(jump))}"
    if command not in (None, "none"):
        options["sock"] = paramiko.ProxyCommand(str(command))
    return host, options
