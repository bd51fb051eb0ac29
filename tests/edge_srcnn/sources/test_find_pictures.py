"""Which pictures there are in a folder."""

import pytest

from edge_srcnn.errors import NoInput
from edge_srcnn.sources.images import find_pictures


def test_pictures_are_found_recursively_sorted_and_without_hidden_ones(tmp_path):
    for name in ("b.PNG", "a.jpg", "sub/deep/c.webp", ".hidden.png", "notes.txt", "d.jpeg.part"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [str(path.relative_to(tmp_path)) for path in find_pictures(tmp_path)]
    assert found == ["a.jpg", "b.PNG", "sub/deep/c.webp"]


def test_a_missing_or_empty_folder_is_no_input(tmp_path):
    with pytest.raises(NoInput, match="no such folder"):
        find_pictures(tmp_path / "none")
    with pytest.raises(NoInput, match="no picture in it"):
        find_pictures(tmp_path)
