"""What ``tune`` finds is remembered, used by the other commands, and changes no byte."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.models.bundled import find_model, live_ladder
from edge_srcnn.models.file import read_model
from edge_srcnn.sources.images import read_picture
from tests.edge_srcnn.cli.rights import without_override

pytestmark = pytest.mark.slow

SMALL = ("--size", "32x24")
USAGE, NO_INPUT, CANNOT_WRITE = 2, 66, 73  # sysexits.h, and argparse's 2

BAD = [
    (("--size", "0x5"), USAGE, "--size"),
    (("--block", "2x4-3x3"), USAGE, "block 2x4-3x3"),
    (("--tile", "x"), USAGE, "tile 'x'"),
    (("--threads", str(1 << 31)), USAGE, "threads"),
    (("--engine", "bicubic"), USAGE, "no network"),
    (("--engine", "edgetpu"), USAGE, "process of its own"),
    (("--model", "srcnn-915-x9"), NO_INPUT, "srcnn-915-x2"),
    (("--scale", "7"), USAGE, "scale 7"),  # as upscale has it
]
"""Arguments, exit status, and what the one line says."""


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache" / "edge-srcnn" / "tuned.json"


@pytest.fixture
def run(run_cli, tmp_path):
    """Run a command with a cache of this test's own."""

    def start(*arguments: object, folder: object = tmp_path / "cache", **options):
        return run_cli(*arguments, extra_env={"XDG_CACHE_HOME": str(folder)}, **options)

    return start


def test_the_winner_is_shown_and_remembered(run, cache):
    done = run("tune", *SMALL, "--model", "srcnn-915-x2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "tile: height x width in pixels of the result, which is 2 times as large" in done.stdout
    (best,) = re.findall(r"^best +(\S+) +(\S+) +(\d+) +\d+\.\d\d$", done.stdout, re.MULTILINE)
    assert str(cache) in done.stdout
    (entry,) = json.loads(cache.read_bytes())["tuned"]
    assert (entry["block"], entry["tile"], str(entry["threads"])) == best
    assert (entry["height"], entry["width"]) == (48, 64)


def test_the_json_document_ranks_all_that_were_tried(run, cache):
    done = run("tune", *SMALL, "--json", "--threads", "1", "--model", "fast-s-x3")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["name"], document["holds_for"]) == ("fast-s-x3", ["fast-s-x3"])
    assert (document["height"], document["width"], document["file"]) == (72, 96, str(cache))
    ranking = document["ranking"]
    assert len(ranking) > 5
    assert len({(row["block"], row["tile"]) for row in ranking}) == len(ranking)
    assert {row["threads"] for row in ranking} == {1}
    assert ranking == sorted(ranking, key=lambda row: (-row["frames"], row["milliseconds"]))
    (entry,) = json.loads(cache.read_bytes())["tuned"]
    assert entry.items() >= {name: ranking[0][name] for name in ("block", "tile", "threads", "milliseconds")}.items()


def test_auto_tunes_the_models_of_live_video_and_the_best_one_for_pictures(run, cache):
    asked = ("--threads", "1", "--block", "8w-1x2")
    done = run("tune", *SMALL, *asked)
    assert (done.returncode, done.stderr) == (0, "")
    winners = re.findall(r"^(\S+-x2) +8w-1x2 +(\S+) +1 +\d+\.\d\d$", done.stdout, re.MULTILINE)
    assert [name for name, _ in winners] == list(dict.fromkeys((*live_ladder(2), find_model("auto", 2).stem)))
    assert "tile: height x width in pixels of the camera's frame" in done.stdout
    kept = {entry["model"]: entry for entry in json.loads(cache.read_bytes())["tuned"]}
    tiles, graphs = dict(winners), set()
    for name in (*tiles, *live_ladder(2, camera=True)):
        graphs.add(graph := read_model(find_model(name, 2)).spec.graph_sha256)
        entry = kept[graph]
        assert (entry["block"], entry["threads"], entry["height"], entry["width"]) == ("8w-1x2", 1, 48, 64)
        assert entry["tile"] == tiles.get(name, tiles[name.removesuffix("-camera")])
    assert set(kept) == graphs


def test_the_json_document_of_auto_is_a_list(run):
    done = run("tune", *SMALL, "--threads", "1", "--block", "1x1", "--scale", "4", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    models = document["models"]
    assert [each["name"] for each in models] == list(dict.fromkeys((*live_ladder(4), find_model("auto", 4).stem)))
    assert all(each["name"] in each["holds_for"] for each in models)
    assert {(each["height"], each["width"]) for each in models} == {(96, 128)}
    assert all({row["block"] for row in each["ranking"]} == {"1x1"} for each in models)


def test_what_was_tuned_is_used_by_the_other_commands_and_gives_the_same_bytes(run, tmp_path, texture):
    Image.fromarray(texture(24, 32, 3)).save(tmp_path / "photo.png")
    assert run("upscale", "photo.png", "-o", "before.png").returncode == 0
    assert run("tune", *SMALL, "--block", "3x5", "--tile", "18x25", "--threads", "1").returncode == 0
    setting = json.loads(run("bench", *SMALL, "--seconds", "0.1", "--json").stdout)["setting"]
    assert (setting["block"], setting["threads"]) == ("3x5", 1)
    assert setting["tile"] == [18, 25]
    done = run("upscale", "photo.png", "-o", "after.png")
    assert (done.returncode, done.stderr) == (0, "")
    before, after = (read_picture(tmp_path / name).pixels for name in ("before.png", "after.png"))
    assert (before == after).all()


def test_each_size_and_each_model_has_its_own_winner(run, cache):
    two, four = ("--model", "fast-s-x2"), ("--model", "fast-s-x4")
    for arguments in (("--size", "32x24", *two), ("--size", "24x32", *two), ("--size", "32x24", *four)):
        assert run("tune", *arguments, "--block", "2x4", "--threads", "1").returncode == 0
    tuned = json.loads(cache.read_bytes())["tuned"]
    assert [(entry["height"], entry["width"]) for entry in tuned] == [(48, 64), (64, 48), (96, 128)]
    assert len({entry["model"] for entry in tuned}) == 2


def test_forgetting_removes_what_is_remembered(run, cache):
    assert run("tune", *SMALL, "--block", "2x4", "--threads", "1").returncode == 0
    done = run("tune", "--forget")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{cache}: removed\n", "")
    assert not cache.exists()
    done = run("tune", "--forget")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{cache}: there is none\n", "")


@pytest.mark.parametrize(("arguments", "status", "says"), BAD, ids=lambda value: str(value)[:30])
def test_what_makes_no_sense_ends_in_one_line_and_is_not_remembered(run, cache, arguments, status, says):
    done = run("tune", *arguments)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr[:1000]
    assert done.stderr.startswith("edge-srcnn: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert "bug of ours" not in done.stderr
    assert not cache.exists()


@pytest.mark.parametrize("arguments", [("--threads", "0"), ("--scale", "x")], ids=" ".join)
def test_what_the_parser_refuses_is_a_usage_error_without_a_traceback(run, arguments):
    done = run("tune", *arguments)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert "Usage:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cache_folder_that_may_not_be_written_ends_in_one_line(run, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    done = run(
        *("tune", *SMALL, "--block", "2x4", "--threads", "1"),
        folder=tmp_path / "locked",
        preexec_fn=without_override,
    )
    assert (done.returncode, done.stdout) == (CANNOT_WRITE, "")
    assert done.stderr.startswith("edge-srcnn: ")
    assert done.stderr.count("\n") == 1
    assert "Permission denied" in done.stderr
    assert list((tmp_path / "locked").iterdir()) == []


def test_a_file_in_place_of_the_cache_folder_ends_in_one_line(run, tmp_path):
    (tmp_path / "file").touch()
    done = run("tune", *SMALL, "--block", "2x4", "--threads", "1", folder=tmp_path / "file")
    assert (done.returncode, done.stdout) == (CANNOT_WRITE, "")
    assert done.stderr.startswith("edge-srcnn: ")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_leaves_the_earlier_winner(run, small_disk):
    arguments = ("tune", *SMALL, "--block", "2x4", "--threads", "1")
    assert run(*arguments, folder=small_disk).returncode == 0
    cache = small_disk / "edge-srcnn" / "tuned.json"
    before = cache.read_bytes()
    with (small_disk / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(1024))
    done = run(*arguments, folder=small_disk)
    assert (done.returncode, done.stdout) == (CANNOT_WRITE, "")
    assert done.stderr.count("\n") == 1
    assert cache.read_bytes() == before
    assert [path.name for path in cache.parent.iterdir()] == ["tuned.json"]


def test_a_damaged_cache_is_a_warning_of_one_line_and_tuning_mends_it(run, tmp_path, cache):
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.fromarray(np.full((5, 4 + number), 99, np.uint8)).save(tmp_path / "photos" / f"{number}.png")
    cache.parent.mkdir(parents=True)
    cache.write_text("damaged")
    done = run("upscale", "photos", "-o", "large", "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"WARNING: {cache}: ignored, ")
    assert len(list((tmp_path / "large").iterdir())) == 3
    assert done.stderr.count("\n") == 1
    assert run("tune", *SMALL, "--block", "2x4", "--threads", "1").returncode == 0
    done = run("upscale", "photos", "-o", "large", "--quiet", "--overwrite")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("forbidden", ["file", "folder"])
def test_a_cache_that_may_not_be_read_is_a_warning_of_one_line(run, tmp_path, cache, forbidden):
    Image.new("L", (4, 5)).save(tmp_path / "photo.png")
    cache.parent.mkdir(parents=True)
    cache.write_text("mine")
    locked = cache if forbidden == "file" else cache.parent
    locked.chmod(0)
    try:
        done = run("upscale", "photo.png", "-o", "large.png", "--quiet", preexec_fn=without_override)
    finally:
        locked.chmod(0o700)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.startswith(f"WARNING: {cache}: ignored, it cannot be read (Permission denied)")
    assert done.stderr.count("\n") == 1


def test_without_a_network_nothing_is_read_from_the_cache(run, tmp_path, cache):
    Image.new("L", (4, 5)).save(tmp_path / "photo.png")
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"damaged")
    done = run("upscale", "photo.png", "-o", "large.png", "-e", "bicubic", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
