"""Let the site show a ``Returns`` section as text: what it would take for a type stands in the signature."""

import re
from textwrap import indent
from typing import Any

from griffe import Extension, Function

_SECTION = re.compile(r"^(?P<head>(?:Returns|Yields)\n-+\n)(?P<text>(?:.+\n?)+)", re.MULTILINE)


class ReturnsText(Extension):
    """Put the annotated type above the text, as numpy's style wants it."""

    def on_function(self, *, func: Function, **others: Any) -> None:
        """Rewrite the section of a function's docstring, before it is parsed."""
        if func.docstring is not None and func.returns is not None:
            func.docstring.value = _SECTION.sub(
                lambda found: f"{found['head']}{func.returns}\n{indent(found['text'], '    ')}", func.docstring.value
            )
