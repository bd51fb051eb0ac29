"""Without folders the photographs of scikit-image are the data, and no network is needed."""

import builtins
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_srcnn.errors import NoInput, Unavailable
from export.data.pairs import builtin_photographs, load_split
from export.data.patch_spec import PatchSpec
from export.data.patches import PatchSampler


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was tried")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield


@pytest.mark.usefixtures("no_network")
def test_scikit_image_brings_photographs_without_a_network() -> None:
    found = builtin_photographs()
    assert len(found) >= 6
    assert all(path.is_file() for path in found)
    assert {"astronaut.png", "coffee.png", "chelsea.png"} <= {path.name for path in found}


@pytest.mark.slow
@pytest.mark.usefixtures("no_network")
def test_without_folders_those_photographs_are_the_data() -> None:
    split = load_split([], PatchSpec(3, halo_px=6))
    assert split.n_pictures == len(builtin_photographs())
    assert split.skipped == ()
    assert len(PatchSampler(split.train, PatchSpec(3, halo_px=6))) > 1000


def test_without_scikit_image_the_message_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "skimage":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unavailable, match=r"pip install .*\[export\]'"):
        builtin_photographs()


def test_a_scikit_image_without_photographs_asks_for_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import skimage

    monkeypatch.setattr(skimage, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(NoInput, match="give --data DIR"):
        builtin_photographs()
