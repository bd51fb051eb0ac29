"""Make a model file ready for the Edge TPU's compiler, compile it, and make a model file of the result."""

import os
from dataclasses import dataclass
from pathlib import Path

from edge_srcnn.errors import ModelError, ModelMetadataMissing, ModelUnsupported, NoInput, OutputExists
from edge_srcnn.models.edgetpu import TpuForm
from edge_srcnn.models.file import Model, parse_model, seal_model
from edge_srcnn.system.files import write_whole
from export.edgetpu.compiler import TIMEOUT_S, CompilationFailed, Compiled, compile_graph
from export.edgetpu.form import TILE, TpuFiles, compiled_form, tpu_form
from export.edgetpu.network import read_network
from export.edgetpu.op_placement import COMPILED_OPERATOR
from export.edgetpu.preflight import Preflight, preflight

ELSEWHERE = "elsewhere"
"""The compiler's version where somebody else ran it."""


@dataclass(frozen=True)
class Prepared:
    """Hold a model that is ready for the compiler.

    Attributes
    ----------
    graph
        The flatbuffer that is to be compiled.
    preflight
        What the compiler will say of it.
    model, form
        The network and its form for the TPU; None where the file is not of this project.
    """

    graph: bytes
    preflight: Preflight
    model: Model | None = None
    form: TpuForm | None = None

    def packaged(self, compiled: bytes | None = None, compiler: str = ELSEWHERE) -> bytes:
        """Compose the model file with its metadata: ready to be compiled, or of what the compiler made."""
        if self.model is None or self.form is None:
            return compiled or self.graph
        form = self.form if compiled is None else compiled_form(self.form, compiled, compiler)
        return seal_model(self.model.spec, self.model.graph, self.model.golden, form)


def prepare(path: Path, tile: tuple[int, int] | None = None) -> Prepared:
    """Read a model, bring it into its form for the TPU, and check it.

    Parameters
    ----------
    path
        Any ``.tflite``. One of another project stays as it is.
    tile
        Height and width in pixels; None: those that it is packed for already, or ``TILE``.

    Returns
    -------
    The graph for the compiler, and what it will say of it.

    Raises
    ------
    NoInput, UsageError, ModelError
        The file cannot be read; the tile does not fit; it is no model, or none that this project knows.
    """
    data = _read(path)
    try:
        return prepare_model(parse_model(data, str(path)), tile)
    except ModelMetadataMissing:
        pass
    try:
        return Prepared(data, preflight(data))
    except ModelError as error:
        raise type(error)(f"{path}: {error}") from error


def prepare_model(model: Model, tile: tuple[int, int] | None = None) -> Prepared:
    """Bring a model in memory into its form for the TPU, and check it."""
    form = tpu_form(model, tile or (model.tpu.tile if model.tpu else TILE))
    return Prepared(form.graph, preflight(form.graph, form), model, form)


def compile_prepared(
    prepared: Prepared,
    compiler: Path,
    files: TpuFiles,
    *,
    timeout_s: int = TIMEOUT_S,
    allow_partial: bool = False,
    overwrite: bool = False,
) -> Compiled:
    """Compile a model, and write the model file and the compiler's log, the log even where the compiler failed.

    Parameters
    ----------
    prepared
        What ``prepare`` made.
    compiler
        The compiler's program.
    files
        Names of what is written; a log that is there is replaced.
    timeout_s
        Seconds for the compiler.
    allow_partial
        True: accept that operations stay on the CPU.
    overwrite
        True: replace a model file that is there.

    Returns
    -------
    What the compiler made, and what it wrote.

    Raises
    ------
    CompilationFailed
        The compiler failed, or left operations to the CPU and ``allow_partial`` is False.
    CannotWrite
        The model file is there already, or a file cannot be written.
    """
    if os.path.exists(files.compiled) and not overwrite:
        raise OutputExists(f"{files.compiled}: exists already; give --overwrite to replace it")
    try:
        made = compile_graph(compiler, prepared.graph, timeout_s=timeout_s)
        data = _packaged(prepared, made, allow_partial)
    except CompilationFailed as error:
        write_whole(files.log, error.log.encode(), overwrite=True)
        raise CompilationFailed(f"{error} (its log: {files.log})", error.log) from error
    write_whole(files.compiled, data, overwrite=overwrite)
    write_whole(files.log, made.text.encode(), overwrite=True)
    return made


def keep_compiled(
    prepared: Prepared, source: Path, files: TpuFiles, *, allow_partial: bool = False, overwrite: bool = False
) -> None:
    """Write the model file of what a compiler on another machine made.

    Parameters
    ----------
    prepared
        What ``prepare`` made, here.
    source
        What the compiler made of it, there.
    files
        Names of what is written.
    allow_partial
        True: accept that operations stay on the CPU.
    overwrite
        True: replace a model file that is there.

    Raises
    ------
    NoInput
        ``source`` is missing.
    ModelError
        ``source`` is damaged, not made of this model, or leaves operations to the CPU, and ``allow_partial`` is False.
    CannotWrite
        The model file is there already, or cannot be written.
    """
    compiled = _read(source)
    try:
        if not allow_partial and (rest := _left_to_the_cpu(compiled)):
            raise ModelUnsupported(f"{rest} stayed on the CPU; --allow-partial accepts that")
        data = prepared.packaged(compiled)
    except ModelError as error:
        raise type(error)(f"{source}: {error}") from error
    if data == compiled and os.path.exists(files.compiled) and files.compiled.samefile(source):
        return  # it is where it belongs already
    write_whole(files.compiled, data, overwrite=overwrite)


def _packaged(prepared: Prepared, made: Compiled, allow_partial: bool) -> bytes:
    """Compose the model file of what the compiler made; raise CompilationFailed where that is of no use."""
    try:
        rest = made.log.on_cpu or _left_to_the_cpu(made.graph)
        if rest and not allow_partial:
            raise CompilationFailed(f"not all of it runs on the TPU: {rest}; --allow-partial accepts that", made.text)
        return prepared.packaged(made.graph, made.log.version)
    except ModelError as error:
        raise CompilationFailed(f"the compiler's output is of no use: {error}", made.text) from error


def _left_to_the_cpu(compiled: bytes) -> str:
    """List the operations beside the compiled one, or nothing; raise ModelError where none was compiled."""
    names = [operator.custom or operator.name for operator in read_network(compiled).operators]
    if COMPILED_OPERATOR not in names:
        raise ModelUnsupported(f"no {COMPILED_OPERATOR} in it: nothing runs on the TPU")
    return ", ".join(dict.fromkeys(name for name in names if name != COMPILED_OPERATOR))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NoInput(f"{path}: cannot be read ({error.strerror})") from error
