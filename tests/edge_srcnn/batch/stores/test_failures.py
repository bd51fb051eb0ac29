"""Whatever the libraries below a store raise comes out as one error of ours, and what may pass is tried again."""

import errno
import socket
from types import SimpleNamespace

import pytest

from edge_srcnn.batch.stores import retrying
from edge_srcnn.batch.stores.address import read_location
from edge_srcnn.batch.stores.failures import read_failure
from edge_srcnn.errors import (
    BadConfiguration,
    CannotWrite,
    EdgeSrcnnError,
    NoInput,
    OutputExists,
    Unavailable,
    UsageError,
)
from tests.edge_srcnn.test_foreign_errors import causes, exceptions_of, is_ours

pytest.importorskip("fsspec")

URL = read_location("memory://in/a.png")
S3 = read_location("s3://bucket/in/a.png")


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(retrying, "FIRST_PATIENCE_S", 0.0)
    monkeypatch.setattr(retrying, "PATIENCE_S", 0.0)
    monkeypatch.setattr(retrying, "_stores", {})


def one_of(kind):
    """Make an exception; many want fields of their own, which say what broke."""
    place = SimpleNamespace(host="host", port=443, is_ssl=True, ssl=True, real_url="http://host/")
    for arguments in (
        (place, OSError(errno.EIO, "no")),
        ("path", place, OSError(errno.EIO, "no")),
        (b"1", b"2", "host", 443),
        (place, ()),
        ("no",),
        (5, "no"),
        (1, 2),
        (),
    ):
        try:
            str(error := kind(*arguments))
        except Exception:
            continue
        return error
    error = kind.__new__(kind, "no")
    Exception.__init__(error, "no")
    return error


def raised_of(error, *, writing=False):
    """Raise an error where a store is asked, and give what comes out."""

    def fail(filesystem):
        raise error

    with pytest.raises(EdgeSrcnnError) as raised:
        retrying.ask(URL, fail, writing=writing)
    assert is_ours(raised.value), raised.value
    assert error in causes(raised.value)
    assert str(raised.value).startswith(str(URL))
    return raised.value


LIBRARIES = {
    "botocore": ("botocore.exceptions",),
    "paramiko": ("paramiko.ssh_exception", "paramiko.sftp"),
    "aiohttp": ("aiohttp.client_exceptions", "aiohttp.http_exceptions"),
    "fsspec": ("fsspec.exceptions", "fsspec.asyn"),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_kind_that_a_library_has(library):
    pytest.importorskip(library)
    kinds = exceptions_of(library, *LIBRARIES[library])
    assert len(kinds) >= {"botocore": 80, "paramiko": 10, "aiohttp": 20, "fsspec": 1}[library]
    for kind in kinds:
        if kind.__name__ in ("BadHostKeyException", "NoValidConnectionsError"):
            continue  # by a real server, and below
        error = one_of(kind)
        for writing in (False, True):
            raised_of(error, writing=writing)


@pytest.mark.parametrize(
    "kind", [OSError, ValueError, KeyError, TypeError, RuntimeError, NotImplementedError, EOFError, socket.gaierror]
)
def test_each_kind_that_python_has(kind):
    raised_of(kind("no"))


def client_error(code, status=400):
    botocore = pytest.importorskip("botocore.exceptions")
    response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.ClientError(response, "GetObject")


@pytest.mark.parametrize(
    ("code", "status", "kind", "passing", "told"),
    [  # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        ("NoSuchKey", 404, NoInput, False, "no such object"),
        ("NoSuchBucket", 404, NoInput, False, "there is no bucket 'bucket'"),
        ("AccessDenied", 403, NoInput, False, "not allowed"),
        ("InvalidAccessKeyId", 403, NoInput, False, "credentials are refused"),
        ("SignatureDoesNotMatch", 403, NoInput, False, "credentials are refused"),
        ("ExpiredToken", 400, NoInput, False, "credentials are refused"),
        ("RequestTimeTooSkewed", 403, NoInput, False, "credentials are refused"),
        ("PermanentRedirect", 301, NoInput, False, "another region"),
        ("PreconditionFailed", 412, OutputExists, False, "exists already"),
        ("InvalidBucketName", 400, UsageError, False, "no bucket's name"),
        ("EntityTooLarge", 400, NoInput, False, "the store refuses"),
        ("NotImplemented", 501, NoInput, False, "the store refuses"),
        ("InternalError", 500, NoInput, True, "cannot do it now"),
        ("ServiceUnavailable", 503, NoInput, True, "cannot do it now"),
        ("SlowDown", 503, NoInput, True, "cannot do it now"),
        ("NoSuchUpload", 404, NoInput, True, "cannot do it now"),
        ("OperationAborted", 409, NoInput, True, "cannot do it now"),
        ("502", 502, NoInput, True, "cannot do it now"),
    ],
)
def test_what_s3_answers(code, status, kind, passing, told):
    translate = pytest.importorskip("s3fs.errors").translate_boto_error
    for error in (client_error(code, status), translate(client_error(code, status))):
        failure = read_failure(error, S3)
        assert failure.passing is passing
        ours = failure.as_error(S3, writing=False)
        assert type(ours) is kind
        assert told in str(ours)


@pytest.mark.parametrize(
    ("error", "writing", "kind", "passing"),
    [
        (FileNotFoundError(errno.ENOENT, "no"), False, NoInput, False),
        (FileExistsError("a"), True, OutputExists, False),
        (PermissionError(errno.EACCES, "no"), False, NoInput, False),
        (PermissionError(errno.EACCES, "no"), True, CannotWrite, False),
        (IsADirectoryError("a"), True, CannotWrite, False),
        (OSError(errno.ENOSPC, "full"), False, CannotWrite, False),
        (OSError("Socket is closed"), False, NoInput, None),
        (OSError(errno.EHOSTUNREACH, "no way"), False, Unavailable, True),
        (ConnectionResetError(errno.ECONNRESET, "no"), True, Unavailable, True),
        (TimeoutError("late"), False, Unavailable, True),
        (EOFError(), False, Unavailable, True),
        (socket.gaierror(socket.EAI_AGAIN, "later"), False, Unavailable, True),
        (socket.gaierror(socket.EAI_NONAME, "nobody"), False, Unavailable, False),
        (NotImplementedError(), True, UsageError, False),
    ],
)
def test_what_the_system_answers(error, writing, kind, passing):
    failure = read_failure(error, URL)
    if passing is not None:  # else it depends on what is imported
        assert failure.passing is passing
        assert type(failure.as_error(URL, writing=writing)) is kind


def test_what_paramiko_answers():
    paramiko = pytest.importorskip("paramiko")
    url = read_location("sftp://host:22/in/")
    refused = paramiko.ssh_exception.NoValidConnectionsError(
        {("127.0.0.1", 22): ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")}
    )
    for error, passing in (
        (refused, True),
        (paramiko.SSHException("Error reading SSH protocol banner"), True),
        (OSError("Socket is closed"), True),
        (paramiko.AuthenticationException("Authentication failed: transport shut down or saw EOF"), True),
        (paramiko.AuthenticationException("Authentication failed."), False),
        (paramiko.SSHException("No authentication methods available"), False),
        (OSError("Failure"), False),
    ):
        assert read_failure(error, url).passing is passing, error


def test_what_is_no_address_is_a_mistake_in_the_configuration():
    pytest.importorskip("botocore.exceptions")
    failure = read_failure(ValueError("Invalid endpoint: no address"), S3)
    assert type(failure.as_error(S3, writing=False)) is BadConfiguration
