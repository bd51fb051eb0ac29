"""Write the command that makes a model again, from what was really given."""

import shlex
from pathlib import Path
from typing import Any

import typer

USUAL_BACKEND = "tensorflow"
_ONLY_HERE = {"cache", "cluster", "output", "overwrite", "rank", "restart"}
"""What says where the files and the other processes are, not what is in them."""


def command_again(context: typer.Context, backend: str = USUAL_BACKEND) -> str:
    """Write the options that were given in the one order of the command, folders and files by their names alone.

    Parameters
    ----------
    context
        The command that runs, as Typer passes it.
    backend
        The back end that Keras took; chosen by an environment variable, it would be missing otherwise.

    Returns
    -------
    A command line for a shell.
    """
    words = ["edge-srcnn", context.info_name or ""]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in _ONLY_HERE or source is None or source.name != "COMMANDLINE":
            continue
        option = max(parameter.opts, key=len)
        value = context.params[name]
        if isinstance(value, bool):
            words += [option] if value else []
            continue
        for each in value if isinstance(value, list | tuple) else [value]:
            words += [option, _named(each)]
    if backend != USUAL_BACKEND and "--backend" not in words:
        words += ["--backend", backend]
    return shlex.join(words)


def _named(value: Any) -> str:
    """Spell the value of an option, a path by its last name."""
    if isinstance(value, Path):
        path = value.resolve()
        folder = (
            f"{path.parent.name}/" if path.parent.suffix == ".training" else ""
        )  # a checkpoint's name is but a step
        return folder + path.name + ("/" if value.is_dir() else "")
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
