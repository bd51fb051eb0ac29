"""Export for the Edge TPU: write the file for it, check it, compile it where there is a compiler, and report."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from edge_srcnn.models.file import Model
from edge_srcnn.system.files import write_whole
from export.edgetpu.compilation import compile_prepared, prepare_model
from export.edgetpu.compiler import CompilationFailed
from export.edgetpu.form import TpuFiles
from export.edgetpu.preflight import Preflight

_COLUMNS = ("Operation", "version", "known to", "count", "runs on")


@dataclass(frozen=True)
class TpuExport:
    """Hold what an export made for the Edge TPU.

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

    Parameters
    ----------
    model
        An int8 model.
    files
        Names of what is written.
    compiler
        The compiler's program; None: there is none.
    overwrite
        True: replace files that are there.

    Returns
    -------
    What was made, and what the compiler wrote.

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


def render_section(made: TpuExport | None) -> str:
    """Render the report's section in HTML: the check, and what the compiler wrote; empty where nothing was made."""
    if made is None:
        return ""
    check = made.preflight
    columns = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(row.operation)}</th><td>{row.version}</td><td>{row.newest}</td>'
        f"<td>{row.count}</td><td>{escape(row.runs_on)}</td></tr>"
        for row in check.operations
    )
    facts = {
        "File": made.ready.name,
        "Activations": f"about {check.activation_bytes / 1024:.0f} KiB of {check.activation_limit_bytes / 1024:.0f}"
        " in each on-chip tile",
        "Parameters": f"{check.parameter_bytes / 1024:.0f} KiB",
        "USB": f"{check.usb_bytes_per_run / 1000:.1f} kB a tile, {check.usb_bytes_per_frame / 1e6:.1f} MB for 1280x960",
        "Warnings": "; ".join(check.warnings),
        "Compiled": made.compiled.name if made.compiled else made.failure or "not yet: there was no compiler",
    }
    items = "\n".join(f"<div><dt>{label}</dt><dd>{escape(value)}</dd></div>" for label, value in facts.items() if value)
    log = f"<details><summary>The compiler's log</summary><pre>{escape(made.log)}</pre></details>" if made.log else ""
    return f"""<section>
  <h2>Edge TPU</h2>
  <p>What its compiler will say: {escape(check.verdict)}, {escape(check.summary)}.</p>
  <div class="wide">
  <table>
    <thead>
      <tr>{columns}</tr>
    </thead>
{rows}
  </table>
  </div>
  <dl>
{items}
  </dl>
{log}
</section>
"""
