"""Write the completion of bash, zsh and fish, as Typer has it."""

from typer.completion import get_completion_script

PLACES = {
    "bash": "usr/share/bash-completion/completions/edge-srcnn",
    "zsh": "usr/share/zsh/vendor-completions/_edge-srcnn",
    "fish": "usr/share/fish/vendor_completions.d/edge-srcnn.fish",
}
CALL = '_edge_srcnn_completion "$@"'


def scripts() -> dict[str, str]:
    """Write each shell's script, by its place below the root."""
    named = {"prog_name": "edge-srcnn", "complete_var": "_EDGE_SRCNN_COMPLETE"}
    found = {place: get_completion_script(shell=shell, **named) + "\n" for shell, place in PLACES.items()}
    # what zsh loads from its folder is the function's body: it must complete, not only say who does
    found[PLACES["zsh"]] = found[PLACES["zsh"]].replace("compdef _edge_srcnn_completion edge-srcnn", CALL)
    return found
