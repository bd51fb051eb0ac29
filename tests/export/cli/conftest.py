"""The command line inside this process, which has TensorFlow loaded already."""

import sys
from pathlib import Path

import pytest

import edge_srcnn.cli
from edge_srcnn.system import native_stderr
from tests.export.cli.commands import Cli, Ended


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command, and tells how it ended."""

    def ended(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(native_stderr, "drop_native_log", lambda: None)  # it would drop pytest's standard error
        monkeypatch.setattr(sys, "argv", ["edge-srcnn", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            edge_srcnn.cli.main()
        printed = capsys.readouterr()
        status = caught.value.code or 0
        assert isinstance(status, int)
        assert "Traceback" not in printed.err
        return Ended(status, printed.out, printed.err)

    return ended
