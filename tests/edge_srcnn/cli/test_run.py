"""``edge-srcnn run`` to its end, in a process of its own: every frame, files finished, and what it tells."""

import json
import re
from time import monotonic

import pytest
from PIL import Image

pytest.importorskip("av")

from edge_srcnn.models.bundled import live_ladder
from tests.edge_srcnn.cli.recordings import CARD, END_S, FAST, QUICK, files
from tests.edge_srcnn.clips import decode, encode, flat, planes


@pytest.mark.slow
def test_statistics_as_one_json_document(run_cli):
    done = run_cli("run", "-i", f"{CARD},fps=max,frames=40", "-o", "null:", "--sink", "null:", "--json", *FAST)
    assert (done.returncode, done.stderr) == (0, "")
    state = json.loads(done.stdout)
    assert (state["frames_in"], state["frames_out"], state["dropped"]) == (40, 40, 0)
    assert (state["size_in"], state["size_out"], state["enhanced_share"]) == ([64, 48], [128, 96], 1.0)
    assert [(sink["name"], sink["written"], sink["dropped"], sink["error"]) for sink in state["sinks"]] == [
        ("null:", 40, 0, None)
    ] * 2
    for name in ("enhance", "latency"):
        times = state[name]
        assert 0 < times["median_ms"] <= times["p95_ms"] <= times["p99_ms"]
    assert state["running_s"] > 0


@pytest.mark.slow
def test_statistics_tell_what_was_done_before_an_error(run_cli, tmp_path):
    (tmp_path / "mine.mp4").touch()
    sinks = ("--sink", "null:", "--sink", "mine.mp4/out.mp4")
    done = run_cli("run", "-i", f"{CARD},fps=max,frames=40", *sinks, "--json", *FAST)
    assert done.returncode == 73
    state = json.loads(done.stdout)
    assert [sink["written"] for sink in state["sinks"]] == [40, 0]
    assert "mine.mp4" in state["sinks"][1]["error"]
    assert state["engine"] == "bicubic"


@pytest.mark.slow
def test_without_json_statistics_are_for_people(run_cli):
    done = run_cli("run", "--source", f"{CARD},fps=max,frames=40", "--sink", "null:", *FAST)
    assert (done.returncode, done.stdout) == (0, "")
    assert "64x48 -> 128x96  40 frames" in done.stderr
    assert "null: 40 frames, 0 missed" in done.stderr.replace("::", ":")


@pytest.mark.slow
def test_a_video_goes_through_and_is_whole(run_cli, tmp_path):
    encode(tmp_path / "in.mp4", [flat((20 + 5 * n, 100, 150), 48, 64) for n in range(30)], audio_s=1.2)
    done = run_cli("run", "--source", "in.mp4", "--sink", f"{QUICK}&crf=1", "--sink", "pictures/?format=png", *FAST)
    assert done.returncode == 0, done.stderr
    frames = decode(tmp_path / "out.mp4")
    assert [round((int(planes(frame)[0][0, 0]) - 20) / 5) for frame in frames] == list(range(30))
    assert len(files(tmp_path / "pictures")) == 30
    assert files(tmp_path) - files(tmp_path / "pictures") == {"in.mp4", "out.mp4"}


@pytest.mark.slow
def test_a_folder_of_pictures_becomes_a_video(run_cli, tmp_path):
    (tmp_path / "photos").mkdir()
    for level in range(5):
        Image.new("RGB", (64, 48), (50 * level,) * 3).save(tmp_path / "photos" / f"{level}.png")
    done = run_cli("run", "--source", "photos/?fps=10", "--sink", f"{QUICK}&crf=1", *FAST)
    assert done.returncode == 0, done.stderr
    frames = decode(tmp_path / "out.mp4")
    assert [round(int(planes(frame)[0][0, 0]) / 50) for frame in frames] == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_a_region_is_told_by_its_share(run_cli):
    source = f"{CARD},fps=max,frames=3"
    done = run_cli("run", "-i", source, "-o", "null:", "--roi", "8,4,32,24", "--json", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["enhanced_share"] == pytest.approx(32 * 24 / (64 * 48))


@pytest.mark.slow
def test_a_rate_that_is_to_be_kept_is_the_target_and_what_helps_is_said_once(run_cli):
    # nothing enhances 1280x960 at 1000 frames a second on these machines
    options = ("--keep-fps", "1000", "--model", "srcnn-915-x2", "--seconds", "8", "--json")
    done = run_cli("run", "-i", "test:size=640x480,fps=1000", "-o", "null:", *options)
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    assert (state["enhanced_share"], state["ladder"]["models"]) == (1.0, ["srcnn-915-x2"])
    assert state["ladder"]["target_fps"] <= 1000
    assert state["dropped"] + state["frames_out"] <= state["frames_in"]
    assert done.stderr.count("srcnn-915-x2 is too slow") == 1
    helps = "a smaller size of the source, --reuse, 'edge-srcnn tune --model srcnn-915-x2 --size 640x480'"
    assert f"what helps: {helps}" in done.stderr


@pytest.mark.slow
def test_a_ladder_is_told_with_the_time_of_each_model_and_why_it_was_that_one(run_cli):
    done = run_cli("run", "-i", f"{CARD},fps=20", "-o", "null:", "--seconds", "3", "--threads", "1")
    assert (done.returncode, done.stdout) == (0, "")
    models = live_ladder(2)
    tried = ", ".join(rf"{model} (\d[\d.e+]* ms|not tried)" for model in models)
    assert re.search(rf"^a frame takes: {tried}$", done.stderr, re.MULTILINE)
    why = r"(, the best with time to spare at 20 frames a second, 50 ms apart| after \d steps?; the last time it .*)"
    assert re.search(rf"^--model auto came to ({'|'.join(models)}){why}$", done.stderr, re.MULTILINE)


@pytest.mark.slow
def test_a_page_that_nobody_looks_at_costs_nothing(run_cli):
    done = run_cli("run", "-i", f"{CARD},fps=20", "-o", "http://127.0.0.1:0", "--seconds", "1.5", "--json", *FAST)
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    assert (state["idle"], state["frames_out"]) == (True, 0)
    assert 0 < state["idle_frames"] + state["dropped"] <= state["frames_in"]


@pytest.mark.slow
def test_it_stops_after_so_many_seconds_with_files_finished(run_cli, tmp_path):
    began = monotonic()
    done = run_cli("run", "--source", f"{CARD},fps=20", "--sink", QUICK, "--seconds", "1.5", "--json", *FAST)
    assert monotonic() - began < 1.5 + 15
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    assert 1.5 <= state["running_s"] < 1.5 + END_S
    assert len(decode(tmp_path / "out.mp4")) == state["sinks"][0]["written"] == state["frames_out"]
    assert 15 <= state["frames_out"] + state["dropped"] <= 20 * 1.5 + 10
    assert files(tmp_path) == {"out.mp4"}


@pytest.mark.slow
def test_segments_keep_to_their_number(run_cli, tmp_path):
    # 15 frames a second
    done = run_cli("run", "--source", f"{CARD},fps=max,frames=70", "--sink", f"{QUICK}&segment=1&keep=2", *FAST)
    assert done.returncode == 0, done.stderr
    left = sorted(tmp_path.iterdir())
    assert len(left) == 2
    # 15, 15, 15, 15 and 10 frames
    assert sorted(len(decode(path)) for path in left) == [10, 15]
