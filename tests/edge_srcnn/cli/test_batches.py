"""Batches of pictures as people have them: again, inside each other, interrupted, hidden, moving."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from edge_srcnn.imaging.bicubic import upscale_bicubic

pytestmark = pytest.mark.slow


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def upscale(run_cli):
    def run(*arguments: object):
        return run_cli("upscale", *arguments, "--engine", "bicubic")

    return run


def written(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["2024.05", "album.v2", "pictures.d"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_folder_goes_into_a_folder_whatever_its_name(upscale, tmp_path, texture, name, count):
    for number in range(count):
        save(tmp_path / "in" / f"{number}.png", texture(8, 9, 3))
    done = upscale("in", "-o", name)
    assert done.returncode == 0, done.stderr
    assert written(tmp_path / name) == {f"{number}.png" for number in range(count)}


def test_hidden_files_and_folders_are_left_out(upscale, tmp_path, texture):
    for name in ("a.png", "b/c.png", ".hidden.png", ".thumbnails/d.png", "b/.e/f.png"):
        save(tmp_path / "in" / name, texture(8, 9, 3))
    assert upscale("in", "-o", "out").returncode == 0
    assert written(tmp_path / "out") == {"a.png", "b/c.png"}


@pytest.mark.parametrize("out", ["in/large", "in/deep/large", "./in/large/"])
def test_results_inside_of_the_input_are_no_input_of_the_next_run(upscale, tmp_path, texture, out):
    save(tmp_path / "in/a.png", texture(8, 9, 3))
    for _ in range(2):
        assert upscale("in", "-o", out, "--overwrite").returncode == 0
        assert written(tmp_path / out) == {"a.png"}


def test_an_empty_folder_among_others_is_told_of(upscale, tmp_path, texture):
    save(tmp_path / "in/a.png", texture(8, 9, 3))
    (tmp_path / "empty").mkdir()
    done = upscale("in", "empty", "-o", "out")
    assert (done.returncode, done.stderr) == (0, "WARNING: empty: no picture in it\n")
    done = upscale("empty", "-o", "out")
    assert done.returncode == 66
    assert len(done.stderr.splitlines()) == 1


def test_what_exists_is_skipped_and_the_rest_is_done(upscale, tmp_path, texture):
    for name in "abc":
        save(tmp_path / f"in/{name}.png", texture(8, 9, 3))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/b.png").write_bytes(b"mine")
    done = upscale("in", "-o", "out", "--skip-existing")
    assert done.returncode == 0
    assert "1 of 3 results exist already" in done.stdout
    assert (tmp_path / "out/b.png").read_bytes() == b"mine"
    assert written(tmp_path / "out") == {"a.png", "b.png", "c.png"}
    assert upscale("in", "-o", "out", "--skip-existing", "--overwrite").returncode == 2


def test_an_input_that_nobody_foresaw_does_not_end_the_others(tmp_path, texture, monkeypatch):
    from edge_srcnn.batch import work
    from edge_srcnn.batch.jobs import Job
    from edge_srcnn.errors import InternalError
    from edge_srcnn.sinks.images import Encoding
    from edge_srcnn.upscaler import load_model

    jobs = [Job(save(tmp_path / f"{name}.png", texture(8, 9, 3)), tmp_path / f"out/{name}.png") for name in "abc"]
    read = work.read_picture
    monkeypatch.setattr(work, "read_picture", lambda path: {}["x"] if path.stem == "b" else read(path))
    with load_model(scale=2, engine="bicubic") as upscaler:
        outcomes = list(work.run_jobs(jobs, upscaler, Encoding(), overwrite=False))
    assert [type(outcome.error) for outcome in outcomes] == [type(None), InternalError, type(None)]
    assert str(outcomes[1].error).startswith(f"{tmp_path / 'b.png'}: a bug of ours: KeyError: 'x' (")


# --- animations ---

COLOURS = [(250, 20, 30), (20, 40, 240), (30, 200, 90)]
TIMES_MS = [100, 250, 40]


def animation(path: Path, loop: int | None = 0) -> Path:
    frames = []
    for number, colour in enumerate(COLOURS):
        pixels = np.full((24, 32, 3), 255, np.uint8)
        pixels[8:16, 4 + 8 * number : 12 + 8 * number] = colour
        frames.append(Image.fromarray(pixels))
    options = {"lossless": True} if path.suffix == ".webp" else {}
    options |= {} if loop is None else {"loop": loop}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=TIMES_MS, **options)
    return path


@pytest.mark.parametrize("into", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("of", [".gif", ".webp", ".png"])
def test_an_animation_keeps_frames_times_and_loop(upscale, tmp_path, of, into):
    animation(tmp_path / f"a{of}", loop=3)
    done = upscale(f"a{of}", "-o", f"b{into}", "--lossless")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / f"b{into}") as image:
        assert image.n_frames == 3
        assert image.info.get("loop") == 3
        for number, frame in enumerate(ImageSequence.Iterator(image)):
            frame.load()
            assert frame.info["duration"] == TIMES_MS[number]
            pixels = np.asarray(frame.convert("RGB")).astype(int)
            assert pixels.shape == (48, 64, 3)
            assert np.abs(pixels[24, 2 * (8 + 8 * number)] - COLOURS[number]).max() <= 6
            assert np.abs(pixels[2, 2] - 255).max() <= 3


def test_an_animation_with_transparency_leaves_no_trail(upscale, tmp_path):
    frames = []
    for number in range(3):
        pixels = np.zeros((24, 32, 4), np.uint8)
        pixels[8:16, 4 + 8 * number : 12 + 8 * number] = (250, 20, 30, 255)
        frames.append(Image.fromarray(pixels))
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50, disposal=2)
    assert upscale("a.gif", "-o", "b.gif").returncode == 0
    with Image.open(tmp_path / "b.gif") as image:
        image.seek(2)
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    assert alpha[24, 2 * 8] == 0, "where the first frame was"
    assert alpha[24, 2 * 24] == 255


def test_of_an_animation_into_a_still_format_the_first_frame_is_taken_and_told(upscale, tmp_path):
    animation(tmp_path / "a.gif")
    done = upscale("a.gif", "-o", "b.jpg")
    assert done.returncode == 0
    assert done.stderr == "WARNING: a.gif: more than one frame; only the first is read\n"


def test_a_still_gif_stays_one(upscale, tmp_path, texture):
    pixels = np.kron(texture(6, 8) // 64 * 64, np.ones((4, 4), np.uint8)).astype(np.uint8)
    save(tmp_path / "a.gif", pixels)
    assert upscale("a.gif", "-o", "b.gif").returncode == 0
    with Image.open(tmp_path / "b.gif") as image:
        assert getattr(image, "n_frames", 1) == 1
        assert np.abs(np.asarray(image.convert("L")).astype(int) - upscale_bicubic(pixels, 2)).mean() < 4


# --- interruptions ---


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "edge_srcnn", "upscale", *arguments, "--model", "srcnn-955-x2", "--threads", "1"]
    return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for_part(folder: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if folder.is_dir() and any(".part" in name for name in os.listdir(folder)):
            return
        time.sleep(0.01)
    raise AssertionError("it never began to write")


@pytest.fixture
def large(tmp_path, texture):
    return save(tmp_path / "in/large.png", np.tile(texture(100, 100, 3), (18, 18, 1)))


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=["TERM", "HUP", "INT"],
)
def test_an_interrupted_batch_leaves_nothing_half_written(tmp_path, large, number, status):
    process = start(tmp_path, "in", "-o", "out")
    wait_for_part(tmp_path / "out")
    process.send_signal(number)
    assert process.wait(60) == status
    assert written(tmp_path / "out") == set()


def test_what_a_kill_leaves_is_removed_by_the_next_run_and_what_is_being_written_is_not(
    tmp_path, large, texture, upscale
):
    process = start(tmp_path, "in", "-o", "out")
    wait_for_part(tmp_path / "out")
    save(tmp_path / "small.png", texture(8, 9, 3))
    assert upscale("small.png", "-o", "out/").returncode == 0
    assert any(name.endswith(".part") for name in written(tmp_path / "out")), "its writer lives"
    process.kill()
    process.wait(60)
    assert any(name.endswith(".part") for name in written(tmp_path / "out"))
    (tmp_path / "out/.notes.part").write_text("somebody else's")
    assert upscale("small.png", "-o", "out/", "--overwrite").returncode == 0
    assert written(tmp_path / "out") == {"small.png", ".notes.part"}


# --- videos in folders ---


@pytest.mark.parametrize("count", [1, 3])
def test_videos_in_a_folder_are_named_in_one_line_or_worked_through(upscale, tmp_path, texture, count):
    pytest.importorskip("av")
    from tests.edge_srcnn.clips import encode

    save(tmp_path / "in/a.png", texture(8, 9, 3))
    for number in range(count):
        encode(tmp_path / f"in/{number}.mp4", [(texture(16, 16), texture(8, 8), texture(8, 8))] * 3)
    done = upscale("in", "-o", "out")
    others = f" and {count - 1} more" if count > 1 else ""
    assert done.stderr == f"WARNING: in/0.mp4{others}: videos are left out; give --videos to upscale them, too\n"
    assert written(tmp_path / "out") == {"a.png"}
    done = upscale("in", "-o", "out", "--videos", "--skip-existing")
    assert (done.returncode, done.stderr) == (0, "")
    assert written(tmp_path / "out") == {"a.png", *(f"{number}.mp4" for number in range(count))}


@pytest.fixture
def clip(tmp_path, texture):
    pytest.importorskip("av")
    from tests.edge_srcnn.clips import encode

    (tmp_path / "in").mkdir()
    planes = texture(240, 320), texture(120, 160), texture(120, 160)
    return encode(tmp_path / "in/clip.mp4", [planes] * 60, options={"preset": "ultrafast"})


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=["TERM", "HUP", "INT"],
)
def test_an_interrupted_video_leaves_nothing_half_written(tmp_path, clip, number, status):
    process = start(tmp_path, "in/clip.mp4", "-o", "out/")
    wait_for_part(tmp_path / "out")
    process.send_signal(number)
    assert process.wait(60) == status
    assert written(tmp_path / "out") == set()


def test_what_a_kill_leaves_of_a_video_is_removed_by_the_next_run(tmp_path, clip, upscale):
    process = start(tmp_path, "in/clip.mp4", "-o", "out/")
    wait_for_part(tmp_path / "out")
    process.kill()
    process.wait(60)
    assert [name for name in written(tmp_path / "out") if ".part" in name]
    assert upscale("in/clip.mp4", "-o", "out/").returncode == 0
    assert written(tmp_path / "out") == {"clip.mp4"}


# --- names ---


@pytest.mark.parametrize("name", ["\x1b[31mred.png", "a\nb.png", "\x9b2J.png", "a\u202egnp.png", "bell\x07.png"])
def test_names_make_a_terminal_do_nothing(upscale, tmp_path, texture, name):
    save(tmp_path / "in" / name, texture(8, 9, 3))
    (tmp_path / "in" / f"bad-{name}").write_bytes(b"no picture")
    done = upscale("in", "-o", "out")
    assert done.returncode == 65
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
    assert len(done.stdout.splitlines()) == 1
    assert written(tmp_path / "out") == {name}
