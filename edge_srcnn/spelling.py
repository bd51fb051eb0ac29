"""What was meant by a name that nobody knows."""

from collections.abc import Sequence
from difflib import get_close_matches


def nearest(name: str, known: Sequence[str], likeness: float = 0.6) -> str | None:
    """The known name that is most like ``name``, if there is any; ``likeness`` is 0 (any) to 1 (the same)."""
    return next(iter(get_close_matches(name.lower(), known, 1, likeness)), None)
