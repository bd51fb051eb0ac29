"""Read what the options of ``edge-srcnn export`` say."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import typer

from edge_srcnn.errors import UsageError

if TYPE_CHECKING:
    from export.architectures import Architecture


def licence_of(architecture: "Architecture", *, given: bool) -> str:
    """Say what is known of the terms where nobody tells them."""
    from edge_srcnn.exchange.importing import FAMILY, UNKNOWN_LICENCE

    if architecture.family == FAMILY:
        return UNKNOWN_LICENCE
    return "not stated" if given else "see each picture in scikit-image"


def is_given(context: typer.Context, name: str) -> bool:
    """Tell whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def one_of(option: str, value: str, allowed: Collection[str]) -> None:
    """Refuse a value that is none of some words; ``UsageError`` names them."""
    if value not in allowed:
        raise UsageError(f"{option} {value!r}: use one of {', '.join(allowed)}")


def pair(text: str) -> tuple[int, int]:
    """Read the two numbers of ``--filters``; ``UsageError`` where it is something else."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"--filters {text!r}: give two numbers, such as 64,32")
    return int(parts[0]), int(parts[1])
