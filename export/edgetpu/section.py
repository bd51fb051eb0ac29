"""The Edge TPU in the export's report."""

from html import escape

from export.edgetpu.exporting import TpuExport

COLUMNS = ("Operation", "version", "known to", "count", "runs on")


def render_section(made: TpuExport | None) -> str:
    """HTML of the section: what the check says, and what the compiler wrote; empty where nothing was made."""
    if made is None:
        return ""
    check = made.preflight
    columns = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
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
