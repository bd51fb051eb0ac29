"""Map what fsspec, botocore, aiohttp and paramiko raise to errors of ours, and tell what may pass by itself."""

import errno
import importlib
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edge_srcnn.batch.stores.address import StoreUrl
from edge_srcnn.errors import (
    BadConfiguration,
    CannotWrite,
    EdgeSrcnnError,
    NoInput,
    OutputExists,
    Unavailable,
    UsageError,
    reason,
)

_PASSING_CODES = frozenset(
    {
        *("BadDigest", "BandwidthLimitExceeded", "ConditionalRequestConflict", "IncompleteBody"),
        *("InternalError", "InvalidPart", "NoSuchUpload", "OperationAborted"),
        *("RequestLimitExceeded", "RequestTimeout", "ServiceUnavailable", "SlowDown"),
        *("Throttling", "ThrottlingException", "TooManyRequests", "XAmzContentSHA256Mismatch"),
        *("429", "500", "502", "503"),
        *("504",),
    }
)
"""What S3 says when the same request may be granted later; a server that was restarted has lost the parts it had."""

_REFUSED_CODES = frozenset(
    {
        *("AuthFailure", "ExpiredToken", "InvalidAccessKeyId", "InvalidSecurity"),
        *("InvalidToken", "NotSignedUp", "RequestTimeTooSkewed", "SignatureDoesNotMatch"),
        *("TokenRefreshRequired",),
    }
)
_MISSING_CODES = frozenset({"404", "NoSuchKey", "NotFound"})
_PASSING_ERRNOS = frozenset(
    {
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT, errno.ENOTCONN),
        *(errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET, errno.ESHUTDOWN),
    }
)
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_NO_KEY, _CLOSED = "No authentication methods available", "Socket is closed"
_CUT_OFF = re.compile("Authentication (failed: transport shut down|timeout)")
"""How paramiko tells apart what is of one kind with it."""

_AWS = "see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE and ~/.aws"
_KEYS = {
    "s3": _AWS,
    "sftp": "ssh-add, or a key in ~/.ssh, lets you in; ssh shows whether it works",
}


@dataclass(frozen=True)
class Failure:
    """Say why a store did not do what was asked.

    Attributes
    ----------
    why
        In one line.
    passing
        The same may work later.
    kind
        The error of ours; None: ``NoInput`` where it was to be read, ``CannotWrite`` where it was to be written.
    answered
        The store itself said so.
    """

    why: str
    passing: bool = False
    kind: type[EdgeSrcnnError] | None = None
    answered: bool = True

    def as_error(self, url: StoreUrl, *, writing: bool) -> EdgeSrcnnError:
        """Make the error that tells it."""
        return (self.kind or (CannotWrite if writing else NoInput))(f"{url}: {self.why}")


class Cancelled(Exception):
    """End a transfer that nobody waits for any more."""


class Incomplete(Exception):
    """Report fewer bytes than there should be."""


def read_failure(error: BaseException, url: StoreUrl) -> Failure:
    """Understand what a library raised.

    Parameters
    ----------
    error
        The exception; those that it was raised from are looked at, too.
    url
        What was read or written.

    Returns
    -------
    Why it failed, and whether it may pass.
    """
    chain = list(_chain(error))
    for each in chain:
        if isinstance(response := getattr(each, "response", None), dict) and "Error" in response:
            return _of_s3(response, each, url)
    for each in chain:
        for understand in (_of_file, _of_botocore, _of_paramiko, _of_aiohttp, _of_system):
            if (failure := understand(each, url)) is not None:
                return failure
    if isinstance(error, NotImplementedError):
        return Failure(f"{url.scheme}:// cannot do this{_said(error)}", kind=UsageError)
    return Failure(f"{type(error).__name__}: {reason(error)}")


def has_code(error: BaseException, *codes: str) -> bool:
    """Tell whether S3 answered with one of these codes."""
    responses = (getattr(each, "response", None) for each in _chain(error))
    return any(isinstance(each, dict) and each.get("Error", {}).get("Code") in codes for each in responses)


def _of_s3(response: dict[str, Any], error: BaseException, url: StoreUrl) -> Failure:
    told = response["Error"]
    code = str(told.get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = " ".join(f"{code}: {told.get('Message', '')}".split()).rstrip(": ")
    if code in _PASSING_CODES or status in (429, 502, 503, 504) or (status >= 500 and status != 501):
        return Failure(f"the store cannot do it now ({said})", passing=True)
    if code in _REFUSED_CODES:
        return Failure(f"the credentials are refused ({said}); {_AWS}")
    if code == "NoSuchBucket":
        return Failure(
            f"there is no bucket {url.authority!r} (AWS_ENDPOINT_URL and AWS_PROFILE say where it is sought)"
        )
    if code in _MISSING_CODES:
        return Failure("no such object")
    if code in ("PreconditionFailed", "412"):
        return Failure("exists already; give --overwrite to replace it", kind=OutputExists)
    if code in ("AccessDenied", "AllAccessDisabled", "403", "Forbidden") or status == 403:
        return Failure(f"these credentials are not allowed to ({said}); {_AWS}")
    if code in ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"):
        return Failure(f"the bucket is in another region ({said}); set AWS_DEFAULT_REGION")
    if code == "InvalidBucketName":
        return Failure(f"{url.authority!r} can be no bucket's name", kind=UsageError)
    return Failure(f"the store refuses ({said or reason(error)})")


def _of_file(error: BaseException, url: StoreUrl) -> Failure | None:
    """Understand what a filesystem of fsspec raises itself."""
    if isinstance(error, FileNotFoundError):
        return Failure("no such object" if url.scheme == "s3" else "no such file or folder")
    if isinstance(error, FileExistsError):
        return Failure("exists already; give --overwrite to replace it", kind=OutputExists)
    if isinstance(error, IsADirectoryError | NotADirectoryError):
        return Failure(f"a folder stands where a file should, or the reverse{_said(error)}")
    if isinstance(error, PermissionError):
        return Failure(f"not allowed{_said(error)}{_hint(url)}")
    if isinstance(error, Incomplete):
        return Failure(f"only a part arrived ({reason(error)})", passing=True)
    return None


def _of_botocore(error: BaseException, url: StoreUrl) -> Failure | None:
    library: Any = sys.modules.get("botocore.exceptions")
    if library is None:
        return None
    if isinstance(error, library.SSLError):
        return Failure(f"its certificate is not trusted ({_plain(error)}); AWS_CA_BUNDLE names those that are")
    if isinstance(error, library.HTTPClientError | library.ConnectionError):
        if _is_unknown_host(error):
            return _unknown_host(url, error)
        return Failure(f"cannot be reached ({_plain(error)})", passing=True, kind=Unavailable, answered=False)
    if isinstance(error, library.NoCredentialsError | library.PartialCredentialsError):
        public = "; for a public bucket set FSSPEC_S3_ANON=true" if url.scheme == "s3" else ""
        return Failure(f"there are no credentials ({reason(error)}); {_AWS}{public}", answered=False)
    if isinstance(error, library.ParamValidationError):
        return Failure(f"can be no name in S3 ({_plain(error)})", kind=UsageError, answered=False)
    if isinstance(error, ValueError) and str(error).startswith("Invalid endpoint"):
        return Failure(f"{reason(error)}; see AWS_ENDPOINT_URL", kind=BadConfiguration, answered=False)
    if isinstance(error, library.BotoCoreError):
        return Failure(f"{reason(error)}; {_AWS}", kind=BadConfiguration, answered=False)
    return None


def _of_paramiko(error: BaseException, url: StoreUrl) -> Failure | None:
    library: Any = sys.modules.get("paramiko")
    if library is None:
        return None
    host, colon, port = url.authority.rpartition("@")[2].partition(":")
    if isinstance(error, importlib.import_module("edge_srcnn.batch.stores.sftp").UnknownHostKey):
        way = f"ssh -p {port} {host}" if colon else f"ssh {host}"
        return Failure(f"{reason(error)}; log in once by hand: {way}", kind=Unavailable)
    if isinstance(error, library.BadHostKeyException):
        known = f"'[{host}]:{port}'" if colon else host
        why = "its key is another than the known one, so somebody else may answer"
        return Failure(f"{why}; if it was changed: ssh-keygen -R {known}", kind=Unavailable)
    if isinstance(error, library.AuthenticationException) and _CUT_OFF.match(str(error)):
        return Failure(f"the connection broke ({_plain(error)})", passing=True, kind=Unavailable, answered=False)
    if isinstance(error, library.AuthenticationException) or str(error) == _NO_KEY:
        return Failure(f"the login is refused ({reason(error)}){_hint(url)}")
    if isinstance(error, library.ssh_exception.NoValidConnectionsError):
        why = "; ".join(sorted({reason(each) for each in error.errors.values()}))
        return Failure(f"cannot be reached ({why})", passing=True, kind=Unavailable, answered=False)
    if isinstance(error, library.ssh_exception.IncompatiblePeer | library.ssh_exception.ConfigParseError):
        return Failure(reason(error), kind=Unavailable)
    if isinstance(error, library.SSHException | EOFError) or str(error) == _CLOSED:
        return Failure(f"the connection broke ({_plain(error)})", passing=True, kind=Unavailable, answered=False)
    return None


def _of_aiohttp(error: BaseException, url: StoreUrl) -> Failure | None:
    library: Any = sys.modules.get("aiohttp")
    if library is None or not isinstance(error, library.ClientError):
        return None
    if isinstance(error, library.ClientResponseError):
        passing = error.status == 429 or (error.status >= 500 and error.status != 501)
        return Failure(f"the server answers {error.status} {error.message}".rstrip(), passing=passing)
    if isinstance(error, library.ClientSSLError):
        return Failure(f"its certificate is not trusted ({_plain(error)})", kind=Unavailable)
    if isinstance(error, library.InvalidURL):
        return Failure("is no address", kind=UsageError, answered=False)
    if _is_unknown_host(error):
        return _unknown_host(url, error)
    return Failure(f"cannot be reached ({_plain(error)})", passing=True, kind=Unavailable, answered=False)


def _of_system(error: BaseException, url: StoreUrl) -> Failure | None:
    if _is_unknown_host(error):
        return _unknown_host(url, error)
    if isinstance(error, TimeoutError | ConnectionError | socket.gaierror | EOFError):
        return Failure(f"cannot be reached ({_plain(error)})", passing=True, kind=Unavailable, answered=False)
    if not isinstance(error, OSError):
        return None
    if error.errno in _NO_ROOM:
        return Failure(
            f"no room for it in {tempfile.gettempdir()} ({reason(error)}); TMPDIR names another folder",
            kind=CannotWrite,
        )
    if error.errno in _PASSING_ERRNOS:
        return Failure(f"cannot be reached ({reason(error)})", passing=True, kind=Unavailable, answered=False)
    return Failure(reason(error))


def _is_unknown_host(error: BaseException) -> bool:
    names = [each for each in _chain(error) if isinstance(each, socket.gaierror)]
    return any(each.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5)) for each in names)


def _unknown_host(url: StoreUrl, error: BaseException) -> Failure:
    where = "AWS_ENDPOINT_URL" if url.scheme == "s3" else "its name"
    return Failure(f"nobody knows this host ({_plain(error)}); see {where}", kind=Unavailable, answered=False)


def _hint(url: StoreUrl) -> str:
    return f"; {_KEYS[url.scheme]}" if url.scheme in _KEYS else ""


def _said(error: BaseException) -> str:
    said = reason(error)
    return "" if said in ("", type(error).__name__) else f" ({said})"


def _plain(error: BaseException) -> str:
    """Say why, in the system's words where a library only wraps them."""
    inner = [each for each in _chain(error) if isinstance(each, OSError) and each.strerror]
    return reason(inner[-1]) if inner else reason(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    next_one: BaseException | None = error
    while next_one is not None and next_one not in seen:
        seen.append(next_one)
        yield next_one
        next_one = next_one.__cause__ or (None if next_one.__suppress_context__ else next_one.__context__)
