"""Video files are averaged over time where that is asked for: every frame, in order, with the same bytes each time."""

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.batch.jobs import plan_jobs
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.imaging.temporal import TemporalMean, TemporalStrength
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.sources.video import Video
from tests.edge_srcnn.cli.recordings import FAST, USAGE, files
from tests.edge_srcnn.clips import decode, encode, flat, planes
from tests.edge_srcnn.live.pipeline_parts import Recorder
from tests.edge_srcnn.noise import SIGMA, NoisyScene

FRAMES = 40


@pytest.fixture
def clip(tmp_path):
    scene, grey = NoisyScene(), np.full((48, 64), 128, np.uint8)
    return encode(tmp_path / "noisy.mkv", ((scene.luma(), grey, grey) for _ in range(FRAMES)), tags=(2, 2, 2, 2))


def upscaled(clip, target, bicubic, strength):
    (outcome,) = run_jobs(plan_jobs([str(clip)], target), bicubic, Encoding(), overwrite=True, temporal=strength)
    assert outcome.error is None
    return [planes(frame)[0] for frame in decode(target)]


@pytest.mark.slow
def test_noise_falls_in_every_frame_after_the_first_ones(tmp_path, clip, bicubic):
    plain, less = (
        upscaled(clip, tmp_path / f"{strength}.mkv", bicubic, strength) for strength in (None, TemporalStrength.NORMAL)
    )
    assert len(plain) == len(less) == FRAMES
    flicker, calm = (np.std(np.diff(frames[20:], axis=0).astype(np.int8)) for frames in (plain, less))
    assert flicker > SIGMA / 2
    assert calm < 0.3 * flicker


def test_the_bytes_are_the_same_each_time(tmp_path, clip, bicubic):
    one, other = tmp_path / "one.mp4", tmp_path / "other.mp4"
    for target in (one, other):
        upscaled(clip, target, bicubic, TemporalStrength.STRONG)
    assert one.read_bytes() == other.read_bytes()


class Keeper(Recorder):
    """A sink that keeps the luma of all results."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def write(self, result):
        self.kept.append(result.frame.luma)


def test_each_frame_is_what_the_mean_makes_of_all_frames_before_it(clip, bicubic):
    mean, keeper = TemporalMean(TemporalStrength.WEAK), Keeper()
    expected = [bicubic.upscale_frame(mean.filter(frame)).luma for frame in Video(str(clip))]
    Pipeline(Capture.of(Video(str(clip)), TemporalStrength.WEAK), bicubic, [keeper]).run()
    assert len(keeper.kept) == FRAMES
    for ours, theirs in zip(keeper.kept, expected, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "options", "said"),
    [
        (("noisy.mkv",), ("--temporal", "yes"), "--temporal yes: give one of auto, off, weak, strong"),
        (("picture.png",), ("--temporal", "strong"), "--temporal strong: is for videos, and there is none"),
    ],
)
def test_what_makes_no_sense_is_one_line(run_cli, tmp_path, inputs, options, said):
    encode(tmp_path / "noisy.mkv", [flat((90, 100, 110), 48, 64)])
    from PIL import Image

    Image.new("L", (8, 8)).save(tmp_path / "picture.png")
    before = files(tmp_path)
    done = run_cli("upscale", *inputs, "-o", "out/", *options, *FAST)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (USAGE, "", 1)
    assert said in done.stderr
    assert files(tmp_path) == before


@pytest.mark.slow
def test_the_command_takes_it(run_cli, tmp_path, clip):
    sizes = {}
    for word in ("off", "auto"):
        done = run_cli("upscale", clip, "-o", f"{word}.mkv", "--temporal", word, *FAST)
        assert (done.returncode, done.stderr) == (0, "")
        sizes[word] = (tmp_path / f"{word}.mkv").stat().st_size
    assert sizes["auto"] < sizes["off"] / 2  # noise is most of what there is to code
