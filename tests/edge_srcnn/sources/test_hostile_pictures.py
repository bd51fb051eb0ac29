"""Pictures that are something else, or enormous: refused in bounded time and memory, and by no other program."""

import os
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import BadPicture, NoInput
from edge_srcnn.sources.images import read_picture

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
OTHERS = {
    "PostScript": POSTSCRIPT,
    "PDF": b"%PDF-1.4\n1 0 obj<<>>endobj\n",
    "Netpbm": b"P6 2 2 255 " + bytes(12),
    "PCX": bytes([10, 5, 1, 8]) + bytes(124),
    "FLI": struct.pack("<IHHHHH", 128, 0xAF11, 1, 8, 8, 8) + bytes(114),
    "ICNS": b"icns" + struct.pack(">I", 8),
    "WMF": b"\xd7\xcd\xc6\x9a\x00\x00" + bytes(60),
}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_no_other_format_is_opened_and_no_program_called(tmp_path, monkeypatch, data, suffix):
    called = tmp_path / "called"
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("gs", "gswin64c", "djpeg"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {called}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    (tmp_path / f"a{suffix}").write_bytes(data)
    with pytest.raises(BadPicture, match=r"not a picture that can be read"):
        read_picture(tmp_path / f"a{suffix}")
    assert not called.exists()


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("/dev/tty")]
)
def test_a_pipe_or_a_device_is_no_file(tmp_path, make):
    make(tmp_path / "a.png")
    done = threading.Event()

    def read() -> None:
        with pytest.raises(NoInput, match=r"a\.png: (is a pipe or a device|cannot be read)"):
            read_picture(tmp_path / "a.png")
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(20), "it waits for bytes"


def many_pages(path: Path, count: int) -> None:
    """A TIFF of one pixel a page, each page's table after the last one's."""
    entries = [
        (256, 3, 1, 1),
        (257, 3, 1, 1),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (278, 3, 1, 1),
        (279, 4, 1, 1),
    ]
    size = 2 + 12 * len(entries) + 4
    data = bytearray(b"II*\0" + struct.pack("<I", 10) + b"\x80\0")
    for page in range(count):
        following = 0 if page == count - 1 else len(data) + size
        data += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        data += struct.pack("<I", following)
    path.write_bytes(data)


@pytest.mark.slow
def test_the_time_of_a_tiff_does_not_grow_with_its_pages(tmp_path, caplog):
    """Pillow's own count takes a quarter of a minute for 20,000 pages, and grows with their square."""
    many_pages(tmp_path / "few.tif", 3)
    many_pages(tmp_path / "many.tif", 100_000)
    began = time.process_time()
    assert read_picture(tmp_path / "many.tif").pixels.tolist() == [[128]]
    assert time.process_time() - began < 20
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'many.tif'}: more than one frame; only the first is read"
    ]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".gif", ".webp", ".jpg"])
def test_the_name_does_not_decide_what_a_file_is(tmp_path, rgb, suffix):
    Image.fromarray(rgb).save(tmp_path / "a", "PNG")
    (tmp_path / "a").rename(tmp_path / f"a{suffix}")
    assert np.array_equal(read_picture(tmp_path / f"a{suffix}").pixels, rgb)
