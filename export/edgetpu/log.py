"""Read what ``edgetpu_compiler`` wrote, and say what it means.

The compiler's exit status does not tell: some versions end with 0 after a failure. Source of the wording: compiler
logs in the issues of google-coral/edgetpu (versions 2.1 to 16.0).
"""

import re
from dataclasses import dataclass

MAPPED = "Mapped to Edge TPU"

_VERSION = re.compile(r"Edge TPU Compiler version (\S+)")
_ROW = re.compile(r"^(\w[\w.:/-]*)\s+(\d+)\s+(\S.*?)\s*$", re.MULTILINE)
_HEADER = re.compile(r"^Operator\s+Count\s+Status\s*$", re.MULTILINE)
_SUCCESS = re.compile(r"Model compiled successfully")
_UNKNOWN_OPERATOR = re.compile(r"Didn't find op for builtin opcode '([^']+)' version '(\d+)'")
_FAILURES = (
    ("large activation tensors", "its activations are too large for the chip; use a smaller --tile"),
    (
        "Compilation timeout",
        "it took too long, as large activations make it; use a smaller --tile, or a longer --timeout",
    ),
    ("dynamic-sized tensors", "it has shapes that are not fixed; convert it with fixed ones (batch_size=1)"),
    ("Model not quantized", "it is not full int8; convert it with a representative dataset"),
    ("unresolved custom op", "it has a custom operation that the compiler does not know; leave it to the host"),
    ("Model failed in Tflite interpreter", "the compiler's TensorFlow 2.5 cannot run it; convert it with an older one"),
    ("Model could not be parsed", "the compiler cannot read it; copy it again, or convert it with TensorFlow 2.5"),
    ("Invalid model", "the compiler takes it for no model; copy it again, or convert it with TensorFlow 2.5"),
    (
        "Internal compiler error",
        "the compiler broke down; use a smaller --tile, or try again: some versions do so at random",
    ),
    ("Compilation failed", "the compiler does not say why; look at the log, and use a smaller --tile"),
)


@dataclass(frozen=True)
class Mapped:
    """Hold a row of the compiler's table: what became of operators of one kind."""

    operation: str
    count: int
    status: str

    @property
    def on_tpu(self) -> bool:
        """Tell whether these operators run on the TPU."""
        return self.status == MAPPED


@dataclass(frozen=True)
class CompilerLog:
    """Hold what the compiler said.

    Attributes
    ----------
    version
        Version of the compiler, or ``unknown``.
    failure
        Why it made nothing, and what to change; None where it succeeded.
    operations
        Its table; empty where it has none.
    """

    version: str
    failure: str | None
    operations: tuple[Mapped, ...]

    @property
    def on_cpu(self) -> str:
        """List what runs on the CPU, with the compiler's reasons; empty where nothing does."""
        rows = [row for row in self.operations if not row.on_tpu]
        return "; ".join(f"{row.count} {row.operation}: {row.status}" for row in rows)


def read_log(text: str) -> CompilerLog:
    """Read version, failure and table out of the compiler's output."""
    version, header = _VERSION.search(text), _HEADER.search(text)
    rows = _ROW.findall(text, header.end()) if header else []
    table = tuple(Mapped(name, int(count), status) for name, count, status in rows)
    return CompilerLog(version[1] if version else "unknown", _failure(text), table)


def _failure(text: str) -> str | None:
    if unknown := _UNKNOWN_OPERATOR.search(text):
        operation, version = unknown.groups()
        return f"it does not know {operation} version {version}: avoid it, or convert with TensorFlow 2.5"
    for words, meaning in _FAILURES:
        if words in text:
            return meaning
    return None if _SUCCESS.search(text) else "it never said that it succeeded; look at the log"
