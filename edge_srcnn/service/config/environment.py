"""``EDGE_SRCNN_ENHANCE_SCALE=3``: settings from the environment."""

from collections.abc import Iterator, Mapping

from edge_srcnn.service.config.findings import Given, Problem, refusal
from edge_srcnn.service.config.settings import PREFIX, SETTINGS, TABLES, variable
from edge_srcnn.spelling import nearest

_LIKENESS = 0.75
_OUR_TABLES = tuple(f"{PREFIX}{table.upper()}_" for table in TABLES)


def from_environment(environment: Mapping[str, str]) -> Iterator[Given | Problem]:
    """What the environment gives; an empty value gives nothing, and a name that is nearly one of ours is a mistake."""
    paths = {variable(path): path for path in SETTINGS}
    for name in sorted(environment):
        text, origin = environment[name].strip(), f"environment {name}"
        if not text or not name.startswith(PREFIX):
            continue
        if name in paths:
            path = paths[name]
            try:
                yield Given(path, SETTINGS[path].read(text), origin)
            except ValueError as error:
                yield refusal(path, text, origin, error)
        elif meant := _meant(name):
            yield Problem(origin, f"there is no such setting; did you mean {meant}?")


def _meant(name: str) -> str | None:
    """The variable of ours that ``name`` is nearly, or, in one of our tables, is most like; None for other people's."""
    wholes = {path.replace(".", "_"): path for path in SETTINGS}
    leaves = {path.rpartition(".")[2]: path for path in SETTINGS}
    names = leaves | wholes
    close = nearest(name.removeprefix(PREFIX), list(names), 0.0 if name.startswith(_OUR_TABLES) else _LIKENESS)
    return None if close is None else variable(names[close])
