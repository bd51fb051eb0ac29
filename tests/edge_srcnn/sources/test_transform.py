"""Options of every source: crop, hflip, vflip, rotate and fps, for each kind; and what they cannot do."""

import json
import os
import threading
from fractions import Fraction
from itertools import islice
from random import Random

import cv2
import numpy as np
import pytest

from edge_srcnn.errors import SourceLost, UsageError
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.reader import Opener
from edge_srcnn.sources import KINDS, Source, kind_of, open_source
from edge_srcnn.sources.rate_limit import RateLimit
from edge_srcnn.sources.transform import Transform
from edge_srcnn.uri import parse_uri
from tests.edge_srcnn.sources.fake_picamera2 import install
from tests.edge_srcnn.sources.frames import collect, moving

OPTIONS = "crop=8,4,40,20&hflip=yes&rotate=90"


def by_numpy(plane):
    """What ``OPTIONS`` make of a plane."""
    return np.rot90(plane[4:24, 8:48][:, ::-1], -1)


class Frames(Source):
    """Frames with these times, and of these sizes."""

    def __init__(
        self, times, *, rate=None, live=True, sizes=None, timeout_s=None, indices=None, stream_copy="clip.mp4"
    ):
        self.live, self.rate, self.timeout_s = live, rate, timeout_s
        self.frames, self.stream_copy = len(times), stream_copy
        self.woken = self.closed = 0
        self._indices = indices or list(range(len(times)))
        self._left = list(zip(self._indices, times, sizes or [(8, 6)] * len(times), strict=True))

    def read(self):
        if not self._left:
            return None
        index, time_s, (width, height) = self._left.pop(0)
        return Frame(np.zeros((height, width), np.uint8), None, Colour(), index, time_s, 100 + time_s)

    def wake(self):
        self.woken += 1

    def close(self):
        self.closed += 1


def taken(times, fps, rate=None):
    limit = RateLimit(Fraction(fps), rate)
    return [number for number, time_s in enumerate(times) if limit.takes(time_s)]


# each kind


@pytest.fixture
def clip(tmp_path):
    pytest.importorskip("av")
    from tests.edge_srcnn.clips import encode

    return encode(tmp_path / "clip.mkv", moving(50, down=1, across=1), format="yuv444p", rate=25)


def test_a_video_is_cropped_then_mirrored_then_rotated(clip):
    before, after = list(open_source(str(clip))), list(open_source(f"{clip}?{OPTIONS}"))
    assert len(before) == len(after) == 50
    for one, other in zip(before, after, strict=True):
        for ours, plane in zip((other.luma, *other.chroma), (one.luma, *one.chroma), strict=True):
            assert np.array_equal(ours, by_numpy(plane))
        assert (other.index, other.time_s) == (one.index, one.time_s)


def test_pictures_are_turned_and_those_of_a_folder_keep_their_rate(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.random.default_rng(number).integers(0, 255, (32, 64), np.uint8))
    for name in (f"{tmp_path}/", f"{tmp_path}/*.png", f"folder:{tmp_path}"):
        source = open_source(f"{name}?{OPTIONS}&fps=5")
        assert (source.rate, source.frames) == (5, 3)
        frames = list(source)
        assert [frame.time_s for frame in frames] == pytest.approx([0, 0.2, 0.4])
        for frame, before in zip(frames, open_source(name), strict=True):
            assert np.array_equal(frame.luma, by_numpy(before.luma))


def test_the_test_card_is_turned_and_max_stays_its_own_word():
    for names in (("test:?size=64x48&", "&"), ("test:size=64x48,", ",")):
        options = OPTIONS.replace("&", names[1])
        before = next(iter(open_source(f"{names[0]}fps=max")))
        source = open_source(f"{names[0]}fps=max{names[1]}frames=30{names[1]}{options}")
        assert (source.live, source.frames) == (False, 30)
        frames = list(source)
        assert len(frames) == 30
        assert np.array_equal(frames[0].luma, by_numpy(before.luma))


def test_raw_frames_are_turned(tmp_path):
    pytest.importorskip("av")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    luma = np.random.default_rng(0).integers(0, 255, (32, 64), np.uint8)

    def write():
        with fifo.open("wb") as pipe:
            pipe.write(b"YUV4MPEG2 W64 H32 F20:1 Cmono\n")
            for _ in range(40):
                pipe.write(b"FRAME\n" + luma.tobytes())

    writer = threading.Thread(target=write)
    writer.start()
    frames = list(open_source(f"y4m:{fifo}?{OPTIONS}&fps=10"))
    writer.join()
    assert len(frames) == 20
    assert all(np.array_equal(frame.luma, by_numpy(luma)) for frame in frames)


@pytest.mark.slow
def test_a_network_camera_is_turned_and_some_of_its_frames_are_left_out(camera):
    pytest.importorskip("av")
    source = open_source(f"{camera}/works#{OPTIONS}&fps=10&timeout=10")
    assert (source.live, source.rate) == (True, 10)
    frames = list(islice(source, 12))
    source.close()
    assert {frame.size for frame in frames} == {(20, 40)}
    assert [frame.index for frame in frames] == list(range(12))
    span_s = frames[-1].time_s - frames[0].time_s
    assert span_s >= 0.95 * 11 / 10  # the camera gives up to 100 a second


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_knows_them_and_opens_nothing_for_that(kind):
    example = kind.example.split(",")[0].split(" (")[0].split("?")[0]
    joint = "#" if "://" in example else "?"
    uri = parse_uri(f"{example}{joint}rotate=270&hflip=no&vflip=1&crop=0,0,8,8&fps=12.5")
    assert kind_of(uri) is kind
    kind.options(uri)
    Opener.of(uri.text)


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ("rotate=45", "rotate=45: give one of 0, 90, 180, 270"),
        ("rotate=-90", "give one of 0, 90, 180, 270"),
        ("hflip=perhaps", "hflip=perhaps: give yes or no"),
        ("vflip=2", "give yes or no"),
        ("crop=1,2,3", "give left,top,width,height"),
        ("crop=-1,0,5,5", "give left,top,width,height"),
        ("crop=0,0,0,5", "must be 1 or more"),
        ("fps=0", "give frames a second"),
        ("fps=-5", "give frames a second"),
        ("fps=max", "give frames a second"),
        ("rotat=90", "no option is called 'rotat'; there are: (?=.*hflip)(?=.*vflip)(?=.*fps).*rotate,.*crop"),
    ],
)
@pytest.mark.parametrize("name", ["rtsp://camera/s#", "clip.mp4?", "/dev/video0?", "picamera2:0?", "photos/?"])
def test_what_makes_no_sense_is_refused_before_anything_is_opened(name, options, cure):
    uri = parse_uri(name + options)
    with pytest.raises(UsageError, match=cure):
        kind_of(uri).options(uri)


# picamera2, whose sensor mirrors for nothing


@pytest.mark.parametrize(
    ("options", "by_sensor"),
    [
        ("rotate=180", (1, 1)),
        ("rotate=180&hflip=yes", (0, 1)),
        ("rotate=180&hflip=yes&vflip=yes", (0, 0)),
        ("hflip=yes", (1, 0)),
        ("rotate=90&hflip=yes", (0, 0)),
        ("crop=0,0,50,40&vflip=yes", (0, 0)),
    ],
)
@pytest.mark.parametrize("able", [True, False])
def test_the_sensor_mirrors_what_it_can_and_the_rest_is_done_here(monkeypatch, options, by_sensor, able):
    library = install(monkeypatch)
    configure = library.configure

    def unable(self, asked):
        configure(self, asked if able else asked | {"transform": type(asked["transform"])(hflip=0, vflip=0)})

    monkeypatch.setattr(library, "configure", unable)
    pixels = np.arange(96, dtype=np.uint8)[None] + np.arange(64, dtype=np.uint8)[:, None]

    def planes(layout, buffer, size, stride):
        flips = library.opened[0].camera_configuration()["transform"]
        return pixels[:: -1 if flips.vflip else 1, :: -1 if flips.hflip else 1], None

    monkeypatch.setattr("edge_srcnn.sources.picamera2.take_apart", planes)
    source = open_source(f"picamera2:0?size=96x64&{options}")
    frame = source.read()
    source.close()
    flips = library.opened[0].camera_configuration()["transform"]
    assert (flips.hflip, flips.vflip) == (by_sensor if able else (0, 0))
    given = dict(option.split("=") for option in options.split("&"))
    expected = pixels[:40, :50] if "crop" in given else pixels
    expected = expected[:: -1 if "vflip" in given else 1, :: -1 if "hflip" in given else 1]
    assert np.array_equal(frame.luma, np.rot90(expected, -int(given.get("rotate", 0)) // 90))


# frames a second


@pytest.mark.parametrize(
    ("rate", "fps", "expected"),
    [
        (30, 15, [0, 2, 4, 6, 8, 10]),
        (25, 10, [0, 2, 5, 7, 10, 12]),
        (30, 10, [0, 3, 6, 9, 12, 15]),
        (30, 20, [0, 1, 3, 4, 6, 7]),
        (60, 15, [0, 4, 8, 12, 16, 20]),
        (30, 30, [0, 1, 2, 3, 4, 5]),
        (10, 25, [0, 1, 2, 3, 4, 5]),
        (4, "0.5", [0, 8, 16, 24, 32, 40]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_frames_are_taken_evenly_by_their_times(rate, fps, expected, known):
    times = [number / rate for number in range(60)]
    assert taken(times, fps, Fraction(rate) if known else None)[:6] == expected


@pytest.mark.parametrize(
    ("rate", "fps"), [(30, 29), (30, 25), (25, 24), (50, 30), (Fraction(30000, 1001), 10), (60, 7)]
)
def test_the_rate_is_kept_in_the_long_run_and_nothing_is_made_up(rate, fps):
    times = [float(number / Fraction(rate)) for number in range(3000)]
    numbers = taken(times, fps, Fraction(rate))
    assert numbers == sorted(set(numbers))
    assert len(numbers) == pytest.approx(times[-1] * fps, abs=2)
    gaps = np.diff(numbers)
    assert gaps.max() - gaps.min() <= 1


def test_a_camera_that_keeps_the_rate_loses_nothing_by_its_clock():
    """A thousandth fast, as quartz may be, or NTSC's 29.97 where 30 was asked for; and its times tremble."""
    random = Random(0)
    for real, nominal, fps in ((30.03, 30, 30), (29.97, 30, 30), (30, 30, "29.97"), (15.01, 15, 15), (7.5, 15, 15)):
        times = [number / real + random.uniform(-0.008, 0.008) for number in range(20_000)]
        assert len(taken(times, fps, Fraction(nominal))) == 20_000


def test_a_camera_that_gives_twice_what_it_says_is_held_to_it():
    assert len(taken([number / 60 for number in range(6000)], 30, Fraction(30))) == pytest.approx(3000, rel=0.015)


def test_trembling_times_do_not_change_the_number():
    random = Random(1)
    times = [number / 30 + random.uniform(-0.005, 0.005) for number in range(3000)]
    numbers = taken(times, 15)
    assert len(numbers) == pytest.approx(1500, abs=2)
    assert set(np.diff(numbers)) <= {1, 2, 3}


@pytest.mark.parametrize("jump_s", [-3600, -5, -0.5, 0.5, 5, 3600])
def test_times_that_jump_stop_nothing_and_bring_no_burst(jump_s):
    times = [number / 30 for number in range(90)]
    times += [times[-1] + jump_s + number / 30 for number in range(1, 91)]
    numbers = taken(times, 10)
    assert len(numbers) == pytest.approx(60, abs=2)
    assert max(np.diff(numbers)) <= 6


def test_a_source_tells_what_stays_true_of_it():
    source = Transform(fps=Fraction(10)).of(Frames([0, 1], rate=Fraction(25), timeout_s=5.0), "a")
    assert (source.live, source.rate, source.frames, source.stream_copy) == (True, 10, None, "clip.mp4")
    assert source.timeout_s == pytest.approx(5.1)
    source = Transform(fps=Fraction(30)).of(Frames([0, 1], rate=Fraction(25), live=False), "a")
    assert (source.live, source.rate, source.frames, source.timeout_s) == (False, 25, 2, None)
    within = Frames([0])
    source = Transform(crop=(0, 0, 2, 2)).of(within, "a")
    source.wake()
    assert (within.woken, within.closed) == (1, 0)
    source.close()
    assert (within.woken, within.closed) == (1, 1)
    assert Transform().of(within, "a") is within


def test_frames_that_are_left_out_are_not_counted_and_those_that_were_lost_are():
    lost = [0, 1, 2, 3, 8, 9, 10, 11]  # the camera lost 4 to 7
    source = Transform(fps=Fraction(10)).of(Frames([index / 20 for index in lost], indices=lost), "a")
    frames, _ = collect(source)
    assert [frame.time_s for frame in frames] == [0, 0.1, 0.4, 0.5]
    assert [frame.index for frame in frames] == [0, 1, 6, 7]  # 2, 4 on the way, and no more


def test_a_video_with_fewer_frames_keeps_its_times(clip):
    source = open_source(f"{clip}?fps=10")
    assert (source.rate, source.frames, source.stream_copy) == (10, None, str(clip))
    frames, error = collect(source)
    assert error is None
    assert [frame.index for frame in frames] == list(range(20))
    before = {frame.time_s: frame for frame in open_source(str(clip))}
    assert [round(frame.time_s * 25) for frame in frames[:6]] == [0, 2, 5, 7, 10, 12]
    assert all(np.array_equal(frame.luma, before[frame.time_s].luma) for frame in frames)


# crops that do not fit


@pytest.mark.parametrize("crop", ["60,0,8,8", "0,44,8,8", "64,48,1,1", "0,0,65,48", "0,0,64,49", "100,100,5,5"])
def test_a_crop_outside_of_the_picture_is_told_with_its_size(crop):
    with pytest.raises(UsageError, match=f"crop={crop}: does not lie within the picture, which is 64x48"):
        open_source(f"test:size=64x48?crop={crop}").read()


def test_a_crop_of_the_whole_picture_fits():
    frame = open_source("test:size=64x48?crop=0,0,64,48").read()
    assert frame.size == (64, 48)


def test_a_picture_that_gets_too_small_loses_a_camera_and_ends_a_file():
    for live, stream_copy, error in ((True, None, SourceLost), (False, "clip.mp4", UsageError)):
        within = Frames([0, 1, 2], live=live, sizes=[(8, 6), (8, 6), (4, 4)], stream_copy=stream_copy)
        frames, raised = collect(Transform(crop=(0, 0, 8, 6)).of(within, "cam"))
        assert (len(frames), type(raised)) == (2, error)
        assert str(raised) == "cam: crop=0,0,8,6: does not lie within the picture, which is 4x4"


def test_of_a_folder_a_picture_that_is_too_small_is_left_out_with_a_warning(tmp_path, caplog):
    for number, side in enumerate((32, 8, 32)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((side, side), number, np.uint8))
    frames, error = collect(open_source(f"{tmp_path}/?crop=0,0,16,16"))
    assert error is None
    assert [(frame.index, int(frame.luma[0, 0])) for frame in frames] == [(0, 0), (1, 2)]
    (record,) = caplog.records
    assert "crop=0,0,16,16: does not lie within the picture, which is 8x8; it is left out" in record.getMessage()


@pytest.mark.slow
@pytest.mark.parametrize(("steady", "status"), [((), 2), (("--steady",), 78)])
def test_a_run_ends_at_once_with_one_line_where_the_crop_does_not_fit(run_cli, steady, status):
    done = run_cli("run", *steady, "-i", "test:size=64x48?crop=60,0,32,32", "-o", "null:", "--engine", "bicubic")
    assert done.returncode == status
    assert "crop=60,0,32,32: does not lie within the picture, which is 64x48" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_region_to_be_enhanced_is_one_of_the_turned_picture(run_cli):
    source = "test:?size=96x64&fps=max&frames=3&rotate=90&crop=0,0,80,64"
    done = run_cli("run", "-i", source, "-o", "null:", "--json", "--engine", "bicubic")
    assert json.loads(done.stdout)["size_in"] == [64, 80]
    wide = run_cli("run", "-i", source, "-o", "null:", "--json", "--roi", "0,70,8,8", "--threads", "1")
    assert wide.returncode == 0, wide.stderr
    outside = run_cli("run", "-i", source, "-o", "null:", "--roi", "70,0,8,8", "--threads", "1")
    assert outside.returncode == 2
    assert "64x80" in outside.stderr


@pytest.mark.slow
def test_the_sound_of_a_recording_stays_in_step_at_another_rate(run_cli, tmp_path):
    pytest.importorskip("av")
    from tests.edge_srcnn.clips import decode, encode, packets

    clip = encode(tmp_path / "clip.mp4", moving(75), rate=25, audio_s=3)
    done = run_cli("run", "-i", f"{clip}?fps=10&rotate=90", "-o", "out.mp4", "--engine", "bicubic", "--json")
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    assert (state["frames_in"], state["frames_out"], state["dropped"]) == (30, 30, 0)  # what is left out counts nowhere
    times = [float(frame.time) for frame in decode(tmp_path / "out.mp4")]
    assert times == pytest.approx([number / 25 for number in range(75) if number % 5 in (0, 2)], abs=0.001)
    heard = packets(tmp_path / "out.mp4", "audio")
    assert [data for data, _ in heard] == [data for data, _ in packets(clip, "audio")]
    assert heard[-1][1] == pytest.approx(3, abs=0.05)
