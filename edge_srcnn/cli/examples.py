"""The end of a command's help: its examples, one a line."""


def command_examples(*lines: str, more: str = "") -> str:
    """Write the examples of a command.

    Parameters
    ----------
    *lines
        As they are typed; what follows two spaces and ``#`` is a remark.
    more
        A sentence below them.

    Returns
    -------
    Text with Typer's markup.
    """
    shown = []
    for line in lines:
        typed, mark, remark = line.partition("  # ")
        shown.append(f"[bold]  {typed}[/bold]" + (f"  [dim]# {remark}[/dim]" if mark else ""))
    return "\n".join([f"Example{'s' if len(lines) > 1 else ''}:", *shown, *(["", more] if more else [])])
