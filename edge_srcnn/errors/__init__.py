"""List every exception that edge-srcnn raises on purpose, on one screen.

::

    EdgeSrcnnError                exit 1   something failed; the message says what to do
    ├── UsageError                exit 2   an option or argument makes no sense (ValueError)
    │   └── Conflict                       a change makes sense, but not with what is running here
    ├── BadData                   exit 65  the input is there, but it is not what it claims (ValueError)
    │   ├── BadPicture                     a picture cannot be decoded or is out of limits
    │   ├── NotInSegments                  a video cannot be upscaled in segments, only as a whole
    │   └── ModelError                     a model file cannot be used
    │       ├── NotAModel                  it is no .tflite file at all
    │       ├── ModelTruncated             it ends too early
    │       ├── ModelAltered               its bytes differ from those that were packaged
    │       ├── ModelMetadataMissing       a plain .tflite without edge_srcnn.json
    │       ├── ModelVersionUnknown        written by a newer edge-srcnn
    │       └── ModelUnsupported           a shape, type or operator that this runtime does not know
    ├── NoInput                   exit 66  a file or folder is missing or unreadable (OSError)
    ├── Unavailable               exit 69  a library or device is missing (RuntimeError)
    │   ├── SelfTestFailed                 an engine computes other bytes than it must
    │   ├── DelegateLost                   an accelerator worked, and does so no more
    │   └── SourceLost                     a camera or stream delivers no more frames
    ├── CannotWrite               exit 73  the output cannot be written (OSError)
    │   └── OutputExists                   it is there already, and ``--overwrite`` was not given
    ├── BadConfiguration          exit 78  a setting of the service makes no sense (ValueError)
    └── InternalError             exit 70  an exception that nobody foresaw: a bug of ours (RuntimeError)

Each class carries its process exit status in ``exit_code`` (the numbers of ``sysexits.h``), and in ``retryable``
whether the same call may work later: cameras are plugged in, disks get room, streams come back. A ``UsageError``,
a ``ModelError`` and a ``BadConfiguration`` stay as they are until somebody changes something.

Foreign exceptions are mapped once, where they enter: Pillow's in ``sources.images`` and ``sinks.images``,
the interpreter's in ``engine.interpreter``, PyAV's in ``sources.video`` and ``imaging.pyav.writing``, the cameras' in
``sources.picamera2``, ``sources.libcamera`` and ``sources.v4l2``, those of requests and urllib3 in
``sources.http_transport``, paho-mqtt's in ``sinks.mqtt_connection``, those of onnx in ``exchange.onnx_file`` and
``exchange.onnx_constants``, Dask's in ``batch.cluster``, those of fsspec, botocore and paramiko in ``batch.stores``,
aiohttp's there and in ``web.server``, http.client's in ``web.client`` and ``web.wall.check``, msgspec's and tomllib's
in ``service``. ``tests/edge_srcnn/test_foreign_errors.py`` and ``tests/edge_srcnn/batch/stores/test_failures.py`` prove
that none is left out.
"""

import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from typing import ClassVar

from edge_srcnn.errors.masking import without_secrets


class EdgeSrcnnError(Exception):
    """Report a failure, in one line meant for people; every error of this project derives from this one.

    Parameters
    ----------
    *said
        Its text, in which addresses are masked: whoever tells an error tells no secret.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = True

    def __init__(self, *said: object) -> None:
        super().__init__(*(without_secrets(each) if isinstance(each, str) else each for each in said))


class UsageError(EdgeSrcnnError, ValueError):
    """Report an option or argument that makes no sense."""

    exit_code = 2
    retryable = False


class Conflict(UsageError):
    """Report a change that makes sense, but that what is running here does not allow."""


class BadData(EdgeSrcnnError, ValueError):
    """Report an input that exists, but is not what it claims to be."""

    exit_code = 65


class BadPicture(BadData):
    """Report a picture that cannot be decoded, or is larger than the limit."""


class NotInSegments(BadData):
    """Report a video that cannot be cut where it was planned; as a whole it can be upscaled."""


class ModelError(BadData):
    """Report a model file that cannot be used."""

    retryable = False


class NotAModel(ModelError):
    """Report a file that is no TFLite flatbuffer."""


class ModelTruncated(ModelError):
    """Report a model file that ends before its own tables do."""


class ModelAltered(ModelError):
    """Report a model file whose bytes differ from those that were packaged."""


class ModelMetadataMissing(ModelError):
    """Report a TFLite model that carries no ``edge_srcnn.json``."""


class ModelVersionUnknown(ModelError):
    """Report metadata that a newer edge-srcnn wrote."""


class ModelUnsupported(ModelError):
    """Report a model with a shape, type or operator that this runtime does not know."""


class NoInput(EdgeSrcnnError, OSError):
    """Report a file or folder that is missing or cannot be read."""

    exit_code = 66


class Unavailable(EdgeSrcnnError, RuntimeError):
    """Report a library or a device that is missing."""

    exit_code = 69


class SelfTestFailed(Unavailable):
    """Report an engine that computes other bytes than the model's golden output."""


class DelegateLost(Unavailable):
    """Report an accelerator that crashed, hung or was unplugged."""


class SourceLost(Unavailable):
    """Report a camera or stream that was there, and delivers no more frames.

    Attributes
    ----------
    retry_after_s
        It asked not to be asked again for so many seconds.
    is_passing
        It is there, and said that it has no picture just now.
    """

    retry_after_s: float = 0.0
    is_passing: bool = False


class CannotWrite(EdgeSrcnnError, OSError):
    """Report an output that cannot be written."""

    exit_code = 73


class OutputExists(CannotWrite):
    """Report an output that exists, where overwriting was not asked for."""


class BadConfiguration(EdgeSrcnnError, ValueError):
    """Report settings of the service that make no sense.

    Parameters
    ----------
    first
        What is wrong, in one line: the text of the error.
    *others
        What else is wrong, a line each; kept in the attribute ``others``.
    """

    exit_code = 78
    retryable = False

    def __init__(self, first: str, *others: str) -> None:
        super().__init__(first)
        self.others = tuple(map(without_secrets, others))


class InternalError(EdgeSrcnnError, RuntimeError):
    """Report an exception that nobody foresaw, which is a bug of ours."""

    exit_code = 70

    @classmethod
    def of(cls, error: Exception, what: str = "") -> "InternalError":
        """Tell an exception, where it came up, and what it was about."""
        places = traceback.extract_tb(error.__traceback__)
        where = f" ({places[-1].name}, line {places[-1].lineno})" if places else ""
        return cls(
            f"{what}{': ' if what else ''}a bug of ours: {type(error).__name__}: {error}{where};"
            " please report it, with the output of EDGE_SRCNN_DEBUG=1"
        )


def suggest(name: str, known: Sequence[str], likeness: float = 0.6) -> str | None:
    """Guess which known name was meant by one that nobody knows, for the message of an error.

    Parameters
    ----------
    name
        The unknown name; its capitals do not count.
    known
        All names that exist.
    likeness
        How alike they must be, from 0 (not at all) to 1 (equal).

    Returns
    -------
    The known name that is most alike; None where none is alike enough.
    """
    return next(iter(get_close_matches(name.lower(), known, 1, likeness)), None)


def is_retryable(error: BaseException) -> bool:
    """Tell whether trying again may help; after a foreign exception (of a driver or library) it may."""
    return not isinstance(error, EdgeSrcnnError) or error.retryable


def reason(error: BaseException) -> str:
    """Say in one line why a foreign call failed: in the system's words, or else the library's, without secrets."""
    said = " ".join(str(getattr(error, "strerror", None) or error).split())
    return without_secrets(said) or type(error).__name__


def describe(error: BaseException) -> str:
    """Write an error as one line: ours as it is, a foreign one with its kind."""
    return str(error) if isinstance(error, EdgeSrcnnError) else f"{type(error).__name__}: {reason(error)}"
