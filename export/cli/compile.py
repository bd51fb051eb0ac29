"""Compile a model for Coral's Edge TPU: the command ``edge-srcnn compile``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn.cli.examples import command_examples

if TYPE_CHECKING:
    from export.edgetpu.compilation import Prepared

EXAMPLES = command_examples(
    "edge-srcnn compile srcnn-915-x2  # a bundled model",
    "edge-srcnn compile mine.tflite -o models/ --tile 96x96",
    "edge-srcnn compile anything.tflite --check-only --json",
    more="Exit status: 0 compiled, 65 the model does not suit, 69 no compiler here, 1 the compiler failed.",
)


def compile_model(
    model: Annotated[str, typer.Argument(metavar="MODEL.tflite", help="Any .tflite, or the name of a bundled model.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is made.")] = Path("."),
    tile: Annotated[
        str | None, typer.Option("--tile", metavar="HxW", help="Pixels that the TPU gets at a time. (default: 128x128)")
    ] = None,
    compiler: Annotated[
        Path | None, typer.Option("--compiler", help="The compiler. (default: edgetpu_compiler on the PATH)")
    ] = None,
    compiled: Annotated[
        Path | None,
        typer.Option("--compiled", help="What a compiler on another machine made of it: make a model of that."),
    ] = None,
    timeout: Annotated[int, typer.Option("--timeout", min=1, max=86_400, help="Seconds for the compiler.")] = 600,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Accept that some operations run on the CPU.")
    ] = False,
    check_only: Annotated[bool, typer.Option("--check-only", help="Check the model; compile nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Compile a model for Coral's Edge TPU, after a check of what its compiler will say.

    Our own models are packed for it first, in tiles. Without a compiler here, the file for it is written, with what to
    do elsewhere.
    """
    from dataclasses import asdict

    from edge_srcnn.cli.console import print_json
    from edge_srcnn.engine.plan import parse_tile
    from edge_srcnn.errors import Unavailable
    from edge_srcnn.models.bundled import find_model
    from export.cli.preflight import print_preflight
    from export.cli.progress import spinner
    from export.edgetpu.compilation import compile_prepared, keep_compiled, prepare
    from export.edgetpu.compiler import CompilationFailed, find_compiler, instructions, missing
    from export.edgetpu.form import TpuFiles, name_of

    program, path = find_compiler(compiler), find_model(model, 2)
    prepared, files = prepare(path, parse_tile(tile) if tile else None), TpuFiles(output, name_of(path))
    facts: dict[str, Any] = {"model": model, "preflight": prepared.preflight.document()}
    try:
        if not json:
            print_preflight(prepared.preflight)
        prepared.preflight.require(allow_partial=allow_partial)
        if check_only:
            return
        if compiled is not None:
            keep_compiled(prepared, compiled, files, allow_partial=allow_partial, overwrite=overwrite)
            facts["compiled"] = str(files.compiled)
        elif program is None:
            ready = _ready_file(prepared, path, files.ready, overwrite=overwrite)
            facts |= {"ready": str(ready), "instructions": instructions(ready, timeout)}
            raise Unavailable(missing())
        else:
            with spinner(f"{program.name}, at most {timeout} s"):
                made = compile_prepared(
                    prepared, program, files, timeout_s=timeout, allow_partial=allow_partial, overwrite=overwrite
                )
            facts |= {"compiled": str(files.compiled), "compiler": asdict(made.log), "log": made.text}
    except CompilationFailed as error:
        facts["log"] = error.log
        raise
    finally:
        if json:
            print_json(facts)
        else:
            _tell(facts, ours=prepared.model is not None)


def _ready_file(prepared: "Prepared", path: Path, ready: Path, *, overwrite: bool) -> Path:
    """Write the file that is ready to be compiled, unless the model is that already; give its path."""
    from edge_srcnn.system.files import write_whole

    data = prepared.packaged()
    if data == path.read_bytes():
        return path
    write_whole(ready, data, overwrite=overwrite)
    return ready


def _tell(facts: dict[str, Any], *, ours: bool) -> None:
    """Print what to do elsewhere, or where the compiled model is, and how to use it if it is ours."""
    for line in facts.get("instructions", ()):
        typer.echo(line)
    if "compiled" in facts:
        typer.echo(f"compiled: {facts['compiled']}")
        if ours:
            typer.echo(
                f"Use it: edge-srcnn upscale photo.png -o large.png --engine edgetpu --model {facts['compiled']}"
            )
