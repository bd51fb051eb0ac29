"""The example: a configuration file with every setting, its default and its meaning."""

from collections.abc import Iterator
from textwrap import wrap

from edge_srcnn.service.config.kinds import toml_value
from edge_srcnn.service.config.settings import SETTINGS, TABLES, Setting, variable

_WIDTH = 100
_HEAD = (
    "The configuration of edge-srcnn, with every setting and its default. Those behind a # have none: they are off, or"
    " found out by the program.",
    f"'edge-srcnn config check FILE' says what is wrong with a file, 'edge-srcnn config show --config FILE' what is in"
    f" effect. The environment overrides a file: {variable('enhance.scale')}=3.",
)


def example() -> str:
    """The text of the file, made from ``SETTINGS``."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for paragraph in _HEAD:
        yield from _comment(paragraph)
    table = ""
    for path, setting in SETTINGS.items():
        inside, _, name = path.rpartition(".")
        yield ""
        if inside != table:
            table = inside
            yield from _comment(TABLES[table].__doc__ or "")
            yield from (f"[{table}]", "")
        yield from _comment(setting.help)
        yield _assignment(name, setting)


def _assignment(name: str, setting: Setting) -> str:
    if setting.default is None:
        return f"#{name} = {toml_value(setting.example)}"
    return f"{name} = {toml_value(setting.default)}"


def _comment(text: str) -> list[str]:
    return wrap(
        text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False, break_long_words=False
    )
