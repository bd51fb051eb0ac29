"""A file appears whole or not at all, whatever goes wrong on the way."""

import os
from pathlib import Path

import pytest

from edge_srcnn.errors import CannotWrite, NoInput, OutputExists
from edge_srcnn.system.files import whole_file, write_whole


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_file_holds_what_was_written_and_nothing_is_left_beside_it(tmp_path):
    write_whole(tmp_path / "a.bin", b"data")
    assert (tmp_path / "a.bin").read_bytes() == b"data"
    assert everything_in(tmp_path) == ["a.bin"]


def test_before_the_end_there_is_only_a_hidden_neighbour(tmp_path):
    with whole_file(tmp_path / "a.bin") as file:
        file.write(b"half")
        file.flush()
        (neighbour,) = everything_in(tmp_path)
        assert neighbour.startswith(".a.bin.")
        assert neighbour.endswith(".part")
    assert everything_in(tmp_path) == ["a.bin"]


def test_missing_folders_are_made(tmp_path):
    write_whole(tmp_path / "new" / "deep" / "a.bin", b"data")
    assert (tmp_path / "new" / "deep" / "a.bin").read_bytes() == b"data"


def test_an_existing_file_is_kept_unless_overwriting_is_asked_for(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(OutputExists, match="--overwrite"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    write_whole(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert everything_in(tmp_path) == ["a.bin"]


def test_an_existing_file_is_refused_before_anything_is_computed(tmp_path):
    (tmp_path / "a.bin").touch()
    with pytest.raises(OutputExists), whole_file(tmp_path / "a.bin"):
        pytest.fail("the body must not run")


def test_a_file_that_came_up_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "a.bin"
    with pytest.raises(OutputExists), whole_file(path) as file:
        file.write(b"ours")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert everything_in(tmp_path) == ["a.bin"]


ERRORS = [KeyboardInterrupt, SystemExit, ValueError, MemoryError, NoInput]


@pytest.mark.parametrize("error", ERRORS)
def test_any_error_in_between_passes_through_and_leaves_nothing(tmp_path, error):
    with pytest.raises(error), whole_file(tmp_path / "a.bin") as file:
        file.write(b"half")
        raise error
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize("error", ERRORS)
def test_any_error_in_between_leaves_the_file_that_was_to_be_replaced(tmp_path, error):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), whole_file(path, overwrite=True) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert everything_in(tmp_path) == ["a.bin"]


def test_an_error_of_the_system_cannot_be_written_and_is_the_cause(tmp_path):
    with pytest.raises(CannotWrite, match="No space left on device") as caught, whole_file(tmp_path / "a.bin"):
        raise OSError(28, "No space left on device")
    assert isinstance(caught.value.__cause__, OSError)
    assert everything_in(tmp_path) == []


def test_a_full_disk_leaves_nothing(small_disk):
    with pytest.raises(CannotWrite, match="No space left on device"):
        write_whole(small_disk / "a.bin", bytes(100_000))
    assert everything_in(small_disk) == []


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(CannotWrite, match="is a folder"):
        write_whole(tmp_path / "a.bin", b"data", overwrite=True)


def test_a_file_in_place_of_a_folder_cannot_be_written_into(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="cannot be written"):
        write_whole(tmp_path / "file" / "a.bin", b"data")


def test_names_as_long_as_the_system_allows_can_be_written_and_longer_ones_cannot(tmp_path):
    for name in ("x" * 255, "é" * 127):  # 255 bytes, 254 bytes
        write_whole(tmp_path / name, b"data")
        assert (tmp_path / name).read_bytes() == b"data"
    with pytest.raises(CannotWrite, match="too long"):
        write_whole(tmp_path / ("x" * 256), b"data")


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "a.bin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputExists):
        write_whole(tmp_path / "a.bin", b"data")
    write_whole(tmp_path / "a.bin", b"data", overwrite=True)
    assert everything_in(tmp_path) == ["a.bin"]
    assert not (tmp_path / "a.bin").is_symlink()


def test_a_private_file_is_its_owners_from_the_first_byte_on(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"open to all")
    path.chmod(0o666)
    with whole_file(path, overwrite=True, private=True) as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
        file.write(b"secret")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_file_has_the_permissions_of_any_new_file(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "a.bin", b"data")
        write_whole(tmp_path / "a.bin", b"data", overwrite=True)
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == mode


def test_a_file_system_without_hard_links_is_served(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write_whole(tmp_path / "a.bin", b"data")
    assert everything_in(tmp_path) == ["a.bin"]
