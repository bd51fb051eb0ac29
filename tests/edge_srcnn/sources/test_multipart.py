"""Pictures are found in multipart streams as cameras send them, whatever is missing or wrong around them."""

import io
import random
import re

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.sources.multipart import MultipartParser, TooLarge

MOST = 1_000_000


def jpeg(level, **options):
    rng = np.random.default_rng(level)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(buffer, "JPEG", quality=85, **options)
    return buffer.getvalue()


ONE, TWO, THREE = jpeg(1), jpeg(2, progressive=True), jpeg(3, restart_marker_rows=1)
PICTURES = [ONE, TWO, THREE]
preview = io.BytesIO()
Image.new("RGB", (16, 16), (9, 90, 200)).save(preview, "JPEG")
PREVIEW = preview.getvalue()
WITH_PREVIEW = ONE[:2] + b"\xff\xe1" + (len(PREVIEW) + 8).to_bytes(2, "big") + b"Exif\0\0" + PREVIEW + ONE[2:]
SOUND = random.Random(7).randbytes(700).replace(b"\xff\xd8", b"--")


def part(data, kind=b"image/jpeg", length=0, *, end=b"\r\n", boundary=b"--frame", more=b""):
    """One part; ``length``: by how much its Content-Length is wrong, or None: there is none."""
    said = b"" if length is None else b"Content-Length: %d" % (len(data) + length) + end
    said = (b"Content-Type: " + kind + end if kind else b"") + said + more
    return boundary + end + said + end + data + end


def all_parts(**how):
    return b"".join(part(each, **how) for each in PICTURES)


# name: the boundary that the header names, what comes, and the pictures that must be found
STREAMS = {
    "by the book": ("frame", all_parts(), PICTURES),
    "boundary with dashes": ("--frame", all_parts(), PICTURES),
    "more dashes in the stream than it says": ("frame", all_parts(boundary=b"----frame"), PICTURES),
    "no dashes in the stream": ("frame", all_parts(boundary=b"frame"), PICTURES),
    "dashes in the boundary itself": ("--frame", all_parts(boundary=b"----frame"), PICTURES),
    "quoted boundary": ('"frame"', all_parts(), PICTURES),
    "another boundary than it says": ("other", all_parts(), PICTURES),
    "no boundary said": (None, all_parts(length=None), PICTURES),
    "a boundary of one letter": ("b", all_parts(boundary=b"--b", length=None), PICTURES),
    "no boundary before the first": ("frame", all_parts()[len(b"--frame\r\n") :], PICTURES),
    "an empty line instead of the first boundary": ("frame", b"\r\n" + all_parts()[len(b"--frame\r\n") :], PICTURES),
    "begins with a picture": ("frame", ONE + b"\r\n" + part(TWO) + part(THREE), PICTURES),
    "a preamble": ("frame", b"This is a camera: hello\r\n\r\nmore\r\n" + all_parts(), PICTURES),
    "size in the type": ("frame", all_parts(kind=b"image/jpeg;size=1234"), PICTURES),
    "image/jpg": ("frame", all_parts(kind=b"image/jpg"), PICTURES),
    "capitals": ("frame", all_parts(kind=b"IMAGE/JPEG"), PICTURES),
    "any bytes": ("frame", all_parts(kind=b"application/octet-stream"), PICTURES),
    "no type": ("frame", all_parts(kind=None), PICTURES),
    "neither type nor length": ("frame", all_parts(kind=None, length=None), PICTURES),
    "no length": ("frame", all_parts(length=None), PICTURES),
    "length too small by 1": ("frame", all_parts(length=-1), PICTURES),
    "length too small by 100": ("frame", all_parts(length=-100), PICTURES),
    "length too large by 2": ("frame", all_parts(length=2), PICTURES),
    "length too large by 500": ("frame", all_parts(length=500), PICTURES),
    "length of 0": ("frame", b"".join(part(each, length=-len(each)) for each in PICTURES), PICTURES),
    "length that is no number": ("frame", all_parts(length=None, more=b"Content-Length: many\r\n"), PICTURES),
    "length without bound": ("frame", all_parts(length=10**15), PICTURES),
    "line feeds only": ("frame", all_parts(end=b"\n"), PICTURES),
    "no line's end before a boundary": ("frame", b"".join(part(each)[:-2] for each in PICTURES), PICTURES),
    "more lines' ends": ("frame", b"\r\n\r\n".join(part(each) for each in PICTURES), PICTURES),
    "an empty line too many": ("frame", b"".join(part(b"\r\n" + each, length=-2) for each in PICTURES), PICTURES),
    "no empty line": ("frame", all_parts().replace(b"\r\n\r\n\xff\xd8", b"\r\n\xff\xd8"), PICTURES),
    "padding of zeros": ("frame", b"".join(part(each + bytes(999)) for each in PICTURES), PICTURES),
    "ends each time": ("frame", b"--frame--\r\n".join(part(each) for each in PICTURES), PICTURES),
    "sound between": ("frame", part(SOUND, b"audio/basic").join(part(each) for each in PICTURES), PICTURES),
    "sound without length": ("frame", part(SOUND, b"audio/x-wav", None).join(map(part, PICTURES)), PICTURES),
    "sound with another length": ("frame", part(SOUND, b"audio/basic", 7).join(map(part, PICTURES)), PICTURES),
    "sound that looks like a picture": ("frame", part(THREE, b"audio/basic").join(map(part, [ONE, TWO])), [ONE, TWO]),
    "text between": ("frame", part(b"motion: yes\r\n", b"text/plain").join(map(part, PICTURES)), PICTURES),
    "empty parts between": ("frame", part(b"").join(map(part, PICTURES)), PICTURES),
    "unknown parts between": ("frame", part(SOUND, b"application/x-motion").join(map(part, PICTURES)), PICTURES),
    "a preview within": ("frame", part(WITH_PREVIEW) + part(TWO), [WITH_PREVIEW, TWO]),
    "a preview behind": ("frame", part(ONE + PREVIEW) + part(TWO), [ONE, TWO]),
    "pictures alone": (None, ONE + TWO + THREE, PICTURES),
    "strange headers": ("frame", all_parts(more=b"X-Time : 1\r\nno header\r\n\tgoes on\r\nX: \xff\xfe\r\n"), PICTURES),
}


@pytest.mark.parametrize("size", [5, 1000, MOST])
@pytest.mark.parametrize("name", STREAMS)
def test_pictures_are_found(name, size):
    boundary, data, expected = STREAMS[name]
    parser = MultipartParser(boundary, MOST)
    found = [each for at in range(0, len(data), size) for each in parser.feed(data[at : at + size])]
    assert found + parser.end() == expected
    assert parser.damaged == 0


# what is torn, and the whole pictures that must be found around it, in each way to send it
TORN = {
    "cut in its scan": ONE[: len(ONE) // 2],
    "cut in its tables": ONE[:300],
    "cut before its end": ONE[:-2],
    "cut after its start": ONE[:3],
    "begins in its middle": ONE[len(ONE) // 2 :],
    "bytes are missing": ONE[:700] + ONE[900:],
    "noise in its scan": ONE[:700] + random.Random(1).randbytes(800) + ONE[1500:],
    "a segment that is too long": ONE[:2] + b"\xff\xe0\xff\xff" + ONE[6:],
    "no picture": b"\xff\xd8\xff" + bytes(5000),
}


@pytest.mark.parametrize("length", ["right", "as it was", None])
@pytest.mark.parametrize("name", TORN)
def test_what_is_torn_costs_no_other_picture(name, length):
    torn = TORN[name]
    wrong = {"right": 0, "as it was": len(ONE) - len(torn), None: None}[length]
    data = part(TWO) + part(torn, length=wrong) + part(THREE) + part(TWO) + part(THREE)
    parser = MultipartParser("frame", MOST)
    found = [each for at in range(0, len(data), 1000) for each in parser.feed(data[at : at + 1000])]
    whole = [each for each in found if each in (TWO, THREE)]
    assert whole == [TWO, THREE, TWO, THREE]
    assert len(found) - len(whole) + parser.damaged <= 2


def test_bytes_may_come_one_by_one():
    parser = MultipartParser("frame", MOST)
    assert [each for byte in all_parts() for each in parser.feed(bytes([byte]))] == PICTURES


def test_a_picture_that_the_connection_cuts_off_is_left_to_the_decoder():
    parser = MultipartParser("frame", MOST)
    assert parser.feed(part(ONE) + part(TWO)[:2000]) == [ONE]
    (rest,) = parser.end()
    assert TWO.startswith(rest)
    assert parser.end() == []


def test_a_picture_without_an_end_is_refused():
    parser = MultipartParser("frame", 50_000)
    scan = ONE[: len(ONE) // 2]
    with pytest.raises(TooLarge, match="without an end"):
        for _ in range(100):
            parser.feed(scan[-1000:].replace(b"\xff", b"\0") if _ else part(scan, length=None)[:-2])


@pytest.mark.parametrize("filler", [b"\0", b"--", b"a: b\r\n", b"\xff\xd8", b"\n", b"--frame\r\n", b"x" * 99])
def test_endless_noise_takes_no_memory(filler):
    parser = MultipartParser("frame", MOST)
    for _ in range(40):
        parser.feed(filler * 999)
        assert len(parser._buffer) < 150_000
    assert (parser.feed(b"\r\n\r\n" + part(ONE) + part(TWO)) or parser.feed(part(ONE) + part(TWO)))[-1] == TWO


def test_any_bytes_do_no_harm():
    rng = random.Random(3)
    for number in range(60):
        parser = MultipartParser("frame", MOST)
        data = bytearray(all_parts())
        for _ in range(number % 20 + 1):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(30)] = rng.randbytes(rng.randrange(30))
        for at in range(0, len(data), 512):
            parser.feed(bytes(data[at : at + 512]))
        parser.feed(b"\r\n" + all_parts() * 2)
        assert parser.feed(part(ONE) + part(TWO) + part(THREE))[-1] == THREE


def test_the_size_is_told_before_the_rest_came():
    told = []
    parser = MultipartParser("frame", MOST, told.append)
    head = re.search(rb"\xff[\xc0-\xc2].{15}", TWO, re.DOTALL)
    assert parser.feed(part(TWO)[: head.end() + 60]) == []
    assert set(told) == {(64, 48)}
