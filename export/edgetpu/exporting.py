"""The Edge TPU's part of an export: the file for it, the check, and the compiler where there is one."""

from dataclasses import dataclass
from pathlib import Path

from edge_srcnn.models.file import Model
from edge_srcnn.system.files import write_whole
from export.edgetpu.compilation import compile_prepared, prepare_model
from export.edgetpu.compiler import CompilationFailed
from export.edgetpu.files import TpuFiles
from export.edgetpu.preflight import Preflight


@dataclass(frozen=True)
class TpuExport:
    """What an export made for the Edge TPU.

    Attributes
    ----------
    ready
        The file that is ready to be compiled.
    compiled
        What the compiler made of it; None where there is no compiler, or where it failed.
    log
        What the compiler wrote; empty where there is none.
    failure
        Why there is a compiler, but nothing compiled; otherwise empty.
    """

    ready: Path
    preflight: Preflight
    compiled: Path | None = None
    log: str = ""
    failure: str = ""


def export_for_tpu(model: Model, files: TpuFiles, compiler: Path | None, *, overwrite: bool = False) -> TpuExport:
    """Write a model's form for the TPU, check it, and compile it; a compiler that fails does not spoil the export.

    Raises
    ------
    EdgeSrcnnError
        A file cannot be written.
    """
    prepared = prepare_model(model)
    write_whole(files.ready, prepared.packaged(), overwrite=overwrite)
    if compiler is None:
        return TpuExport(files.ready, prepared.preflight)
    try:
        made = compile_prepared(prepared, compiler, files, overwrite=overwrite)
    except CompilationFailed as error:
        return TpuExport(files.ready, prepared.preflight, log=error.log, failure=str(error))
    return TpuExport(files.ready, prepared.preflight, files.compiled, made.text)
