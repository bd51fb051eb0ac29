"""The tree of errors is the one that its docstring draws."""

import os
import pickle
import re

import pytest

from edge_srcnn import errors
from edge_srcnn.errors import EdgeSrcnnError, describe, is_retryable

LINE = re.compile(r"^    (?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+) +(?:exit (?P<code>\d+))? +(?P<text>\S.*)$")


def drawn() -> dict[str, tuple[str | None, int, str | None]]:
    """Name to (parent, exit code, built-in) as the docstring draws it; children have their parent's code."""
    found: dict[str, tuple[str | None, int, str | None]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := LINE.match(line):
            depth = len(match["branch"]) // 4
            above = [*above[:depth], match["name"]]
            parent = above[-2] if depth else None
            builtin = re.search(r"\((\w+Error)\)$", match["text"])
            code = int(match["code"]) if match["code"] else found[parent or ""][1]
            found[match["name"]] = (parent, code, builtin[1] if builtin else None)
    return found


def classes() -> list[type[EdgeSrcnnError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EdgeSrcnnError)]


def test_every_class_is_drawn_and_every_drawn_one_is_a_class():
    assert len(drawn()) > 10
    assert {kind.__name__ for kind in classes()} == set(drawn())


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_the_class_stands_where_it_is_drawn(kind):
    parent, code, builtin = drawn()[kind.__name__]
    assert [base.__name__ for base in kind.__bases__] == [parent or "Exception", *([builtin] if builtin else [])]
    assert kind.exit_code == code


def test_exit_codes_are_those_of_sysexits_and_two_for_usage_as_in_every_shell():
    own = {kind.__name__: kind.exit_code for kind in classes() if "exit_code" in vars(kind)}
    assert own == {
        "EdgeSrcnnError": 1,
        "UsageError": 2,
        "BadData": os.EX_DATAERR,
        "NoInput": os.EX_NOINPUT,
        "Unavailable": os.EX_UNAVAILABLE,
        "CannotWrite": os.EX_CANTCREAT,
        "BadConfiguration": os.EX_CONFIG,
        "InternalError": os.EX_SOFTWARE,
    }


@pytest.mark.parametrize("kind", classes()[1:], ids=lambda kind: kind.__name__)
def test_every_error_but_the_root_can_be_caught_as_a_built_in(kind):
    assert issubclass(kind, ValueError | OSError | RuntimeError)


def test_the_text_of_an_error_is_its_message():
    for kind in classes():
        assert str(kind("tried, found, to do")) == "tried, found, to do"


def test_what_somebody_must_change_first_is_not_tried_again():
    stated = set(re.findall(r"``(\w+)``", (errors.__doc__ or "").partition("``retryable``")[2].partition("\n\n")[0]))
    for kind in classes():
        assert is_retryable(kind("x")) == kind.retryable
        assert kind.retryable == (not any(base.__name__ in stated for base in kind.__mro__))


def test_a_drivers_exception_is_tried_again_and_told_with_its_kind():
    assert is_retryable(RuntimeError("segment overlap"))
    assert describe(RuntimeError("segment overlap")) == "RuntimeError: segment overlap"
    assert describe(errors.SourceLost("the cable")) == "the cable"


def test_the_package_gives_the_root_of_the_tree():
    import edge_srcnn

    assert edge_srcnn.EdgeSrcnnError is EdgeSrcnnError


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_an_error_travels_between_processes(kind):
    back = pickle.loads(pickle.dumps(kind("a.png: what is wrong")))
    assert type(back) is kind
    assert str(back) == "a.png: what is wrong"
    assert back.exit_code == kind.exit_code
