"""Whatever stands in the folder of recordings: recording goes on, and nothing but recordings is touched."""

import fcntl
import os
import socket
import stat
import subprocess
import sys
from fractions import Fraction

import pytest

pytest.importorskip("av")

from edge_srcnn.errors import CannotWrite, OutputExists, UsageError
from edge_srcnn.sinks import Stream, open_sink
from edge_srcnn.sinks.recovery import recover_recordings, remove_stale_parts
from edge_srcnn.system.files import remove_stale
from tests.edge_srcnn.clips import decode
from tests.edge_srcnn.sinks.recordings import FAST, files, record, results


def folder(path):
    path.mkdir()


def locked_folder(path):
    path.mkdir(mode=0)


def fifo(path):
    os.mkfifo(path)


def listening_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        before = os.getcwd()
        os.chdir(path.parent)  # names of sockets are short
        try:
            server.bind(path.name)
        finally:
            os.chdir(before)


def device(path):
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 7))  # /dev/full
    except PermissionError:
        pytest.skip("only root makes devices")


def dangling_link(path):
    path.symlink_to("nowhere.mkv")


def link_to_itself(path):
    path.symlink_to(path.name)


def link_outside(path):
    outside = path.parent.parent / "outside.mkv"
    outside.write_bytes(b"somebody else's")
    path.symlink_to(outside)


ODD = [folder, locked_folder, fifo, listening_socket, device, dangling_link, link_to_itself, link_outside]
SERIES = f"out.mkv?{FAST}&segment=1&keep=2"


@pytest.fixture
def rec(tmp_path):
    (tmp_path / "rec").mkdir()
    return tmp_path / "rec"


def looks(path):
    """What a file is, and what it holds or points to."""
    found = os.lstat(path)
    return found.st_mode, found.st_ino, os.readlink(path) if stat.S_ISLNK(found.st_mode) else found.st_size


@pytest.mark.slow
@pytest.mark.parametrize("make", ODD)
@pytest.mark.parametrize("series", [SERIES, f"day-%Y%m%d.mkv?{FAST}&segment=1&keep=2"], ids=["number", "time"])
def test_an_odd_entry_stops_no_recording(rec, caplog, make, series):
    record(f"{rec}/{series}", results(1))
    (name,) = files(rec)
    stem = name.removesuffix(".mkv")
    next_stem = "out-00002" if stem == "out-00001" else f"{stem}_0002"
    odd = [rec / f"{next_stem}.mkv", rec / f".{next_stem}.part.mkv", rec / f".{stem}.part-2.mkv", rec / ".out.part.mkv"]
    for path in odd:
        make(path)
    before = {path: looks(path) for path in odd}
    caplog.clear()
    for _ in range(2):
        record(f"{rec}/{series}", results(40))
    assert {path: looks(path) for path in odd} == before
    assert len([path for path in rec.iterdir() if path.is_file() and not path.is_symlink()]) == 2
    assert len([line for line in caplog.messages if "no recording" in line]) == 1


def record_within_permissions(uri, count):
    """Record in a process that permissions bind, though it be root's; gives what it said."""
    script = f"from tests.edge_srcnn.sinks.recordings import record, results; record({str(uri)!r}, results({count}))"
    bound = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    done = subprocess.run([*bound, sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_files_that_may_not_be_read_stop_no_recording(rec):
    for name in ("out-00001.mkv", ".out-00002.part.mkv", ".out.part.mkv"):
        (rec / name).write_bytes(b"secret")
        (rec / name).chmod(0)
    said = record_within_permissions(f"{rec}/{SERIES}", 90)
    assert said.count("file that cannot be read, no recording") == 1
    assert len([path for path in rec.iterdir() if path.stat().st_size > 100]) == 2
    for name in ("out-00001.mkv", ".out-00002.part.mkv", ".out.part.mkv"):
        (rec / name).chmod(0o600)
        assert (rec / name).read_bytes() == b"secret"


@pytest.mark.slow
def test_a_folder_that_may_not_be_listed_takes_recordings(rec):
    (rec / "out-00001.mkv").write_bytes(b"mine")
    rec.chmod(0o300)
    record_within_permissions(f"{rec}/out.mkv?{FAST}&segment=1", 30)
    rec.chmod(0o700)
    assert files(rec) == ["out-00001.mkv", "out-00002.mkv", "out-00003.mkv"]


def test_names_of_any_bytes_and_length_are_left_alone(rec):
    names = [b"out-\xff\xfe.mkv", b".out-\xff.part.mkv", b"x" * 251 + b".mkv", b"." + b"y" * 244 + b".part.mkv", b"."]
    for name in names[:-1]:
        with open(os.fsencode(rec) + b"/" + name, "wb") as file:
            file.write(b"mine")
    record(f"{rec}/{SERIES}", results(70))
    for name in names[:-1]:
        with open(os.fsencode(rec) + b"/" + name, "rb") as file:
            assert file.read() == b"mine"
    assert len(files(rec)) == 6


@pytest.mark.parametrize("make", ODD)
def test_odd_entries_under_hidden_names_are_not_opened(rec, make):
    names = [".out.mkv.01234567.part", ".out.part.mkv", ".out.part-2.mkv"]
    for name in names:
        make(rec / name)
    assert remove_stale(rec) == []
    assert remove_stale_parts(rec / "out.mkv") == []
    assert recover_recordings(rec / "out.mkv") == []
    assert sorted(os.listdir(rec)) == sorted(names)


@pytest.mark.parametrize("make", [fifo, dangling_link, link_to_itself])
def test_one_file_whose_name_is_taken_is_refused_before_hours_are_recorded(rec, make):
    make(rec / "out.mkv")
    with pytest.raises(CannotWrite):
        open_sink(f"{rec}/out.mkv")
    assert os.listdir(rec) == ["out.mkv"]


@pytest.mark.parametrize("make", ODD)
def test_an_odd_entry_stops_no_pictures(rec, make):
    record(f"{rec}/?keep=2", results(1))
    for name in ("00000001.jpg", "00000003.jpg"):
        make(rec / name)
    record(f"{rec}/?keep=2", results(4))
    left = [name for name in files(rec) if (rec / name).is_file() and not (rec / name).is_symlink()]
    assert left == ["00000005.jpg", "00000006.jpg"]


def begun(name):
    sink = open_sink(str(name))
    sink.begin(Stream(Fraction(25), None, None, lambda: None))
    return sink


@pytest.mark.parametrize("pattern", ["out", "day-%Y"])
def test_two_writers_with_one_name_lose_nothing(rec, pattern):
    first, second = (begun(f"{rec}/{pattern}.mkv?{FAST}&segment=1") for _ in range(2))
    for one, other in zip(results(60), results(60), strict=True):
        first.write(one)
        second.write(other)
    second.close()
    first.close()
    assert len(files(rec)) == 6
    assert sum(len(decode(rec / name)) for name in files(rec)) == 120


def test_a_name_that_is_taken_meanwhile_is_left_to_whoever_took_it(rec):
    sink = begun(f"{rec}/out.mkv?{FAST}&segment=1000")
    for result in results(10):
        sink.write(result)
    (rec / "out-00001.mkv").write_bytes(b"mine")
    (rec / "out-00002.mkv").symlink_to("nowhere")
    sink.close()
    assert (rec / "out-00001.mkv").read_bytes() == b"mine"
    assert len(decode(rec / "out-00003.mkv")) == 10
    assert len(files(rec)) == 3


def test_a_name_is_taken_by_one_writer_also_without_hard_links(rec, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")  # as FAT says

    monkeypatch.setattr(os, "link", no_links)
    test_a_name_that_is_taken_meanwhile_is_left_to_whoever_took_it(rec)
    (rec / "sole.mkv").write_bytes(b"mine")
    with pytest.raises(OutputExists):
        record(f"{rec}/sole.mkv", results(1))


HEADERS = {
    ".mkv": bytes.fromhex("1a45dfa3") + bytes(300),  # EBML, RFC 8794
    ".mp4": b"\0\0\0\x1cftypisom" + bytes(20),  # ISO/IEC 14496-12
    ".avi": b"RIFF\0\0\0\0AVI " + bytes(100),
}


@pytest.mark.parametrize("suffix", HEADERS)
def test_stubs_are_removed_and_what_may_be_somebody_elses_stays(rec, caplog, suffix):
    stubs = {f".out-00003.part{suffix}": b"", f".out-00004.part{suffix}": HEADERS[suffix], f"out-00005{suffix}": b""}
    others = {
        f".out-00006.part{suffix}": b"no video at all, of a program with such names",
        f"out-5{suffix}": b"",
        f".other-00007.part{suffix}": b"",
        f"out-00008{suffix}": HEADERS[suffix],
    }
    for name, data in {**stubs, **others}.items():
        (rec / name).write_bytes(data)
    record(f"{rec}/out{suffix}?{FAST.replace('&crf=1', '')}&segment=9", results(1))
    assert set(files(rec)) == {*others, f"out-00009{suffix}"}
    assert len([line for line in caplog.messages if "before its first picture" in line]) == len(stubs)


def test_a_stub_that_somebody_writes_stays(rec):
    names = ["out-00001.mkv", ".out-00002.part.mkv"]
    with (rec / names[0]).open("xb") as one, (rec / names[1]).open("xb") as other:
        for file in (one, other):
            fcntl.flock(file, fcntl.LOCK_EX)
        record(f"{rec}/{SERIES}", results(1))
    assert files(rec) == sorted([*names, "out-00003.mkv"])


@pytest.fixture
def mount_point(tmp_path):
    """A folder to mount a disk at, and the function that does; skips where that is forbidden."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount():
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=True, capture_output=True)

    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    try:
        mount()
    except subprocess.CalledProcessError:
        pytest.skip("mounts are forbidden here")
    subprocess.run(["umount", place], check=True)
    yield place, mount
    while os.path.ismount(place):
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("name", ["rec/out.mkv?segment=9", "rec/?every=1"])
@pytest.mark.parametrize("wanted", ["yes", "{place}"])
def test_nothing_is_written_below_an_empty_mount_point(mount_point, name, wanted):
    place, mount = mount_point
    uri = f"{place}/{name}&require_mount={wanted.format(place=place)}"
    if wanted == "yes" and any(os.path.ismount(each) for each in place.parents if str(each) != "/"):
        pytest.skip("temporary files lie on a disk of their own")
    with pytest.raises(CannotWrite, match="mounted"):
        open_sink(uri)
    assert list(place.iterdir()) == []
    mount()
    record(uri, results(2))
    assert len(list((place / "rec").iterdir())) >= 1


@pytest.mark.parametrize("name", ["rec/out.mkv?segment=9", "rec/?every=0.04"])
def test_a_disk_that_is_unmounted_meanwhile_is_noticed(mount_point, name, monkeypatch):
    monkeypatch.setattr("edge_srcnn.system.mounts._LOOK_S", 0.0)
    place, mount = mount_point
    mount()
    sink = begun(f"{place}/{name}&require_mount={place}")
    first, *rest = results(5)
    sink.write(first)
    subprocess.run(["umount", "--lazy", place], check=True)
    with pytest.raises(CannotWrite, match="nothing is mounted there"):
        for result in rest:
            sink.write(result)
    with pytest.raises(CannotWrite) if "mkv" in name else open(os.devnull):
        sink.close()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("value", ["maybe", "mnt/disk", ""])
def test_require_mount_is_yes_no_or_a_place(tmp_path, value):
    with pytest.raises(UsageError, match="where the disk is mounted"):
        open_sink(f"{tmp_path}/out.mkv?segment=9&require_mount={value}")
