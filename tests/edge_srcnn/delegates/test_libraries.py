"""Libraries that the dynamic linker refuses: each cause in words of its own, with a cure."""

import ctypes
import os

import pytest

from edge_srcnn.engine.backends import Delegate
from edge_srcnn.engine.interpreter import load_delegate
from edge_srcnn.engine.shared_library import why_not_loaded
from edge_srcnn.errors import Unavailable
from tests.edge_srcnn.delegates.build import build, build_without_a_needed_library, for_another_processor


@pytest.fixture
def refusal(engine):
    """What is said of a library."""

    def of(path):
        with pytest.raises(Unavailable) as raised:
            load_delegate(engine, Delegate(str(path)))
        text = str(raised.value)
        assert text.startswith(f"{path}: ")
        assert "\n" not in text
        return text.removeprefix(f"{path}: ")

    return of


def test_one_that_is_not_there(refusal, tmp_path):
    assert refusal(tmp_path / "lib.so") == "there is no such library; install it, or give its path"
    assert "libedgetpu/releases" in refusal(tmp_path / "libedgetpu.so.1")


def test_one_for_another_processor_is_not_called_missing(refusal, libraries, tmp_path):
    # glibc passes over it: "cannot open shared object file: No such file or directory"
    foreign = for_another_processor(tmp_path / "lib.so", libraries.folder / "idle.so")
    assert refusal(foreign) == (
        f"was built for another processor; install the one for this machine ({os.uname().machine})"
    )


def test_one_of_another_word_size(refusal, libraries, tmp_path):
    content = bytearray((libraries.folder / "idle.so").read_bytes())
    content[4] = 1  # ELFCLASS32
    (tmp_path / "lib.so").write_bytes(content)
    assert "was built for another processor" in refusal(tmp_path / "lib.so")


def test_one_that_needs_another_which_is_not_there(refusal, tmp_path, libraries):
    path = build_without_a_needed_library(tmp_path / "lib.so", "idle.c", "libneedle.so.3")
    assert refusal(path) == "needs libneedle.so.3, which is not there: install the package that has it"


def test_libusb_has_a_cure():
    missing = OSError("libusb-1.0.so.0: cannot open shared object file: No such file or directory")
    said = why_not_loaded("libedgetpu.so.1", missing)
    assert said == "needs libusb-1.0.so.0, which is not there: apt install libusb-1.0-0"


def test_one_whose_needs_are_of_another_version(refusal, tmp_path, libraries):
    (tmp_path / "lib.c").write_text("int newer(void);\nint old(void) { return newer(); }\n")
    build(tmp_path / "lib.so", str(tmp_path / "lib.c"), "-Wl,-z,now")
    assert "does not fit the libraries of this system" in refusal(tmp_path / "lib.so")
    newer = OSError("/lib/libc.so.6: version `GLIBC_2.99' not found (required by lib.so)")
    assert "does not fit the libraries of this system" in why_not_loaded("lib.so", newer)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n" * 3, b"\x7fELF\x02"])
def test_a_file_that_is_damaged(refusal, tmp_path, content):
    (tmp_path / "lib.so").write_bytes(content)
    assert "is damaged, or no shared library" in refusal(tmp_path / "lib.so")


def test_one_that_may_not_be_read():
    said = why_not_loaded("/opt/lib.so", OSError("/opt/lib.so: cannot open shared object file: Permission denied"))
    assert said.startswith("may not be read by this user; chmod a+r")


def test_a_folder_is_no_library(refusal, tmp_path):
    assert "no shared library" in refusal(tmp_path)


def test_it_is_the_real_linker_that_speaks(libraries):
    assert ctypes.CDLL(libraries.path("other")).answer() == 42
