"""Names of fast networks to their layers, and back; what cannot be compiled is refused by name and number."""

from pathlib import Path

import pytest

from edge_srcnn.errors import UsageError
from edge_srcnn.models.bundled import SCALES
from edge_srcnn.models.spec import LUMA_PLANE
from export.architectures import Architecture, family, find_architecture
from export.architectures.fast import LADDER


@pytest.mark.parametrize(
    ("name", "scale", "layers", "unshuffle", "shuffle", "halo_px"),
    [
        ("fast-c16d4", 2, ((5, 16), (3, 16), (3, 16), (3, 16), (3, 4)), 1, 2, 6),
        ("fast-c16d4", 1, ((5, 16), (3, 16), (3, 16), (3, 16), (3, 1)), 1, 1, 6),
        ("fast-c8d2b2", 1, ((3, 8), (3, 8), (3, 4)), 2, 2, 6),
        ("fast-c8d1", 3, ((5, 8), (3, 9)), 1, 3, 3),
        ("fast-c16d3k3", 4, ((3, 16), (3, 16), (3, 16), (3, 16)), 1, 4, 4),
        ("fast-c24d2k7", 2, ((7, 24), (3, 24), (3, 4)), 1, 2, 5),
        ("fast-c32d2b2", 2, ((3, 32), (3, 32), (3, 16)), 2, 4, 6),
        ("fast-c32d2k5b2", 3, ((5, 32), (3, 32), (3, 36)), 2, 6, 8),
    ],
)
def test_a_name_says_every_layer(
    name: str, scale: int, layers: tuple[tuple[int, int], ...], unshuffle: int, shuffle: int, halo_px: int
) -> None:
    network = find_architecture(name, scale)
    assert (network.layers, network.unshuffle, network.shuffle) == (layers, unshuffle, shuffle)
    assert (network.family, network.name, network.spelling, network.scale) == ("fast", name, name, scale)
    assert (network.plane, network.residual, network.upsampling, network.halo_px) == (LUMA_PLANE, True, scale, halo_px)


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("fast-c16d4k5", "fast-c16d4"),
        ("fast-c8d2k3b2", "fast-c8d2b2"),
        ("fast-c8d2k5b1", "fast-c8d2"),
        ("fast-c08d02", "fast-c8d2"),
    ],
)
def test_a_network_has_one_spelling(name: str, spelling: str) -> None:
    assert find_architecture(name) == find_architecture(spelling)


def macs_per_pixel(network: Architecture) -> int:
    return sum(h * w * i * o for h, w, i, o in network.shapes) // network.shuffle**2


@pytest.mark.parametrize(
    ("name", "macs"),
    # on paper: (25 c + (d - 1) 9 c² + 9 c 4) / 4 for each pixel of the result
    [("fast-c16d3", 1396), ("fast-c16d4", 1972), ("fast-c8d4", 554), ("fast-c32d3", 5096), ("fast-c16d5b2", 756)],
)
def test_multiplications_are_those_that_were_counted_by_hand(name: str, macs: int) -> None:
    assert macs_per_pixel(find_architecture(name)) == macs


@pytest.mark.parametrize("scale", SCALES)
def test_models_grow_from_the_fastest_to_the_best(scale: int) -> None:
    networks = [find_architecture(name, scale) for name in LADDER]
    assert [network.name for network in networks] == ["fast-s", "fast-m", "fast-l", "fast-xl"]
    assert all(network == find_architecture(network.name, scale) for network in networks)
    assert all(network.spelling.startswith("fast-c") for network in networks)
    macs = [macs_per_pixel(network) for network in networks]
    assert macs == sorted(set(macs))


def test_a_model_is_the_network_that_it_spells_under_another_name() -> None:
    index = find_architecture("fast-m", 3)
    spelled = find_architecture(index.spelling, 3)
    assert index.identity == spelled.identity
    assert index.name != spelled.name


@pytest.mark.parametrize(
    ("name", "rate"), [("fast-c8d4", 0.01), ("fast-c16d4", 0.008), ("fast-c24d5", 0.006), ("fast-c16d9", 0.006),
                       ("fast-c32d7", 0.005)],
)  # fmt: skip
def test_the_usual_rate_is_the_one_of_the_trials(name: str, rate: float) -> None:
    assert find_architecture(name).muon_rate == rate


def test_the_extremes_have_a_rate() -> None:
    assert 0 < find_architecture("fast-c128d24").muon_rate < find_architecture("fast-c1d1").muon_rate < 0.05


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fast-c0d4", "0 channels; use 1 to 128"),
        ("fast-c129d4", "129 channels; use 1 to 128"),
        ("fast-c16d0", "0 convolutions before the last one; use 1 to 24"),
        ("fast-c16d25", "25 convolutions before the last one; use 1 to 24"),
        ("fast-c16d4k4", "4 as the first kernel; use 3, 5, 7"),
        ("fast-c16d4b3", "3 as the side of a block; use 1, 2"),
        ("fast-xxl", "fast-s, fast-m, fast-l, fast-xl, or fast-cWdN"),
        ("fast-", "fast-cWdN"),
        ("fast-c16", "fast-cWdN"),
        ("fast-c16d4x", "fast-cWdN"),
        ("fast-c１６d4", "fast-cWdN"),  # noqa: RUF001  # digits of another script
        ("fast-c16d4b2k3", "fast-cWdN"),
    ],
)
def test_what_is_no_network_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"--arch '{name}'.*{message}"):
        find_architecture(name)


@pytest.mark.parametrize("name", ["vdsr", "srcnn915", "", "-fast"])
def test_an_unknown_family_is_told_what_there_is(name: str) -> None:
    with pytest.raises(UsageError, match=r"no such network; there are srcnn-915, .*fast-m, .*fast-c16d4"):
        find_architecture(name)


def test_nobody_publishes_weights_of_fast_networks() -> None:
    network = find_architecture("fast-m")
    with pytest.raises(UsageError, match=r"--weights w\.h5: .*srcnn alone; give a checkpoint to --start-from"):
        family(network.family).read_weights(Path("w.h5"), network)


def test_what_only_srcnn_has_is_refused() -> None:
    with pytest.raises(UsageError, match="--filters is for srcnn alone"):
        find_architecture("fast-m", filters=(64, 32))
    with pytest.raises(UsageError, match="--form direct and --weights are for srcnn alone"):
        find_architecture("fast-m", residual=False)
