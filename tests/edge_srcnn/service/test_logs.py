import json
import logging

import pytest

from edge_srcnn.service.logs import configure_logging


@pytest.fixture(autouse=True)
def restored():
    root, ours = logging.getLogger(), logging.getLogger("edge_srcnn")
    before = list(root.handlers), root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before


def say():
    log = logging.getLogger("edge_srcnn.somewhere")
    log.info("frames come")
    log.warning("lost")
    try:
        raise ValueError("inner")
    except ValueError:
        log.error("broken", exc_info=True)
    log.debug("details")
    logging.getLogger("aiohttp").info("chatter of others")


def test_the_journal_gets_priorities_and_no_time(capsys):
    configure_logging("auto", environment={"JOURNAL_STREAM": "8:1"})
    say()
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["<6>frames come", "<4>lost", "<3>broken"]
    assert all(line.startswith("<3>") for line in lines[2:])  # a traceback too
    assert "chatter" not in "".join(lines)


def test_people_get_the_time_and_the_level(capsys):
    configure_logging("text", environment={})
    say()
    first = capsys.readouterr().err.splitlines()[0]
    assert first[:2] == "20"
    assert first.endswith("INFO: frames come")


def test_programs_get_one_object_a_line(capsys):
    configure_logging("json", environment={"JOURNAL_STREAM": "8:1"})
    say()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("info", "frames come"),
        ("warning", "lost"),
        ("error", "broken"),
    ]
    assert "ValueError: inner" in lines[2]["traceback"]
    assert lines[0]["time"].endswith("Z")


def test_details_are_for_those_who_ask(capsys):
    configure_logging("text", verbose=True, environment={})
    say()
    assert "DEBUG: details" in capsys.readouterr().err
