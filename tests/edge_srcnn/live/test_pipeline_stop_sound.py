"""A video that is stopped early: its sound ends with its pictures; one that is not keeps all of its sound."""

import pytest

pytest.importorskip("av")

from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import open_sink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.clips import decode, encode, flat, packets

pytestmark = pytest.mark.usefixtures("no_thread_stays")

RATE, SOUND_S = 25, 8
PACKET_S = 1024 / 48000  # of AAC


@pytest.fixture
def clip(tmp_path):
    pictures = (flat((20 + number, 128, 128), 48, 64) for number in range(6 * RATE))
    return encode(tmp_path / "clip.mp4", pictures, rate=RATE, audio_s=SOUND_S)


def run(clip, sink, stop_at):
    with load_model(engine="bicubic") as upscaler:
        pipeline = Pipeline(open_source(str(clip)), upscaler, [sink])
        pipeline.run(lambda done: pipeline.stop() if done == stop_at else None)
    return pipeline.state()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_stopped_early_it_has_as_much_sound_as_pictures(clip, tmp_path, suffix):
    target = tmp_path / f"out.{suffix}"
    assert run(clip, open_sink(str(target)), stop_at=50).stopped
    frames, sound, before = decode(target), packets(target, "audio"), packets(clip, "audio")
    assert len(frames) == 50
    assert sound[-1][1] == pytest.approx(50 / RATE, abs=2 * PACKET_S)
    assert [data for data, _ in sound] == [data for data, _ in before][: len(sound)]


def test_to_the_end_it_keeps_all_of_its_sound(clip, tmp_path):
    target = tmp_path / "out.mp4"
    assert not run(clip, open_sink(str(target)), stop_at=None).stopped
    assert len(decode(target)) == 6 * RATE
    sound = packets(target, "audio")
    assert [data for data, _ in sound] == [data for data, _ in packets(clip, "audio")]
    assert sound[-1][1] == pytest.approx(SOUND_S, abs=2 * PACKET_S)
