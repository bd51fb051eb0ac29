"""What native code says goes into the log, and what Python says goes where it went before."""

import logging
import os
import subprocess
import sys

import pytest

from edge_srcnn.system.native_stderr import quiet_native_code


def test_what_native_code_writes_becomes_debug_lines(capfd, caplog):
    caplog.set_level(logging.DEBUG, "edge_srcnn")
    with quiet_native_code():
        os.write(2, b"INFO: Created a delegate.\nand more\n")
    assert capfd.readouterr().err == ""
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.DEBUG, "INFO: Created a delegate."),
        (logging.DEBUG, "and more"),
    ]


def test_standard_error_is_back_after_an_error(capfd):
    with pytest.raises(ZeroDivisionError), quiet_native_code():
        raise ZeroDivisionError
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def test_dropping_the_native_log_leaves_python_its_standard_error():
    code = """if True:
        import logging, os, sys
        from edge_srcnn.system.native_stderr import drop_native_log
        logging.basicConfig(format="%(message)s")
        drop_native_log()
        os.write(2, b"native\\n")
        print("python", file=sys.stderr)
        logging.warning("logged")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == "python\nlogged\n"
