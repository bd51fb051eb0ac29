"""Write the completion of bash, zsh and fish, as Typer has it."""

from typer.completion import get_completion_script

PLACES = {
    "bash": "usr/share/bash-completion/completions/edge-srcnn",
    "zsh": "usr/share/zsh/vendor-completions/_edge-srcnn",
    "fish": "usr/share/fish/vendor_completions.d/edge-srcnn.fish",
}


def scripts() -> dict[str, str]:
    """Write each shell's script, by its place below the root."""
    named = {"prog_name": "edge-srcnn", "complete_var": "_EDGE_SRCNN_COMPLETE"}
    return {place: get_completion_script(shell=shell, **named) + "\n" for shell, place in PLACES.items()}
