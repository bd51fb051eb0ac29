"""A group of commands one of which may be left out: ``edge-srcnn models`` is ``edge-srcnn models show``."""

from typing import Any

from typer.core import TyperGroup

DEFAULT = "show"
_OF_GROUP = ("--help", "-h")


class DefaultCommandGroup(TyperGroup):
    """Take words that begin with no command's name as those of ``DEFAULT``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default's name in front where none stands there."""
        if not args or (args[0] not in self.commands and args[0] not in _OF_GROUP):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)
