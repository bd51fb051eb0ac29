"""Videos in, larger videos out: every frame, in its time and its colours, with the sound as it was; or nothing."""

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

import av

from edge_srcnn.batch import VIDEO_SUFFIXES, Job, plan_jobs, run_jobs
from edge_srcnn.errors import BadData, EdgeSrcnnError, NoInput, OutputExists, UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.loading import load_model
from edge_srcnn.sinks.images import Encoding
from tests.edge_srcnn.clips import decode, encode, excerpt, flat, packets, planes, set_tags, tags_of

DATA = os.environ.get("EDGE_SRCNN_DATA")


@pytest.fixture(scope="module")
def bicubic():
    with load_model(engine="bicubic") as upscaler:
        yield upscaler


@pytest.fixture
def upscale(bicubic):
    """Up-scale one video into a file; gives its outcome."""

    def run(source: Path, target: Path, *, overwrite: bool = False, progress=lambda job, done, total: None):
        jobs = plan_jobs([str(source)], target)
        (outcome,) = run_jobs(jobs, bicubic, Encoding(), overwrite=overwrite, progress=progress)
        return outcome

    return run


def soft(count, height=48, width=64, down=2, across=2):
    """Frames that bicubic scaling and H.264 barely change: slow waves, which move."""
    rows, columns = np.mgrid[0:height, 0:width]
    coarse = (-(-height // down), -(-width // across))
    for number in range(count):
        luma = 128 + 80 * np.sin((rows + 2 * columns + 3 * number) / 30)
        chroma = tuple(np.full(coarse, 100 + 2 * number % 60, np.uint8) for _ in range(2))
        yield (luma.astype(np.uint8), *chroma)


def duration(path):
    """Of the video stream: from its first frame until the last one ends."""
    frames = decode(path)
    times = [frame.time for frame in frames]
    return times[-1] - times[0] + min((b - a for a, b in pairwise(times)), default=0)


def check_same(source: Path, target: Path, *, scale: int = 2) -> None:
    """What every video must keep."""
    before, after = decode(source), decode(target)
    assert len(after) == len(before)
    frame_s = duration(source) / len(before)
    assert duration(target) == pytest.approx(duration(source), abs=frame_s)
    for old, new in zip(before, after, strict=True):
        assert (new.width, new.height) == (old.width * scale, old.height * scale)
        assert new.time - after[0].time == pytest.approx(old.time - before[0].time, abs=frame_s / 2)
    assert after[0].format.name.replace("yuvj", "yuv") == before[0].format.name.replace("yuvj", "yuv")
    # what was not said may be said now, as players take it: limited
    full = "yuvj" in before[0].format.name or tags_of(before[0])[0] == 2
    assert (tags_of(after[0])[0] == 2 or "yuvj" in after[0].format.name) == full
    if tags_of(before[0])[0] == 1:
        assert tags_of(after[0])[0] == 1
    assert tags_of(after[0])[1:] == tags_of(before[0])[1:]
    sound = packets(source, "audio")
    copied = packets(target, "audio")
    assert [data for data, _ in copied] == [data for data, _ in sound]
    if sound:  # in step with the pictures as before
        lag = before[0].time - sound[0][1]
        assert after[0].time - copied[0][1] == pytest.approx(lag, abs=frame_s)


def check_pictures(source: Path, target: Path, tolerance: float) -> None:
    """The new frames are the bicubic ones, but for what H.264 loses."""
    for old, new in zip(decode(source), decode(target), strict=True):
        expected = upscale_bicubic(planes(old)[0], 2)
        assert np.abs(planes(new)[0].astype(float) - expected).mean() <= tolerance


# ---- real videos


CLIPS = {
    "bigbuckbunny.mp4": (0.24, ".mp4"),
    "imageio_cockatoo.mp4": (0.25, ".mp4"),
    "intel_car-detection.mp4": (1.0, ".mp4"),
    "bird.mkv": (0.5, ".mkv"),
    "night.mkv": (0.5, ".mkv"),
}


@pytest.mark.skipif(DATA is None, reason="EDGE_SRCNN_DATA is not set")
@pytest.mark.parametrize("name", CLIPS)
def test_a_real_video_keeps_frames_times_colours_and_sound(tmp_path, upscale, name):
    path = Path(DATA or "") / "video" / name
    if not path.exists():
        pytest.skip(f"{path} is missing")
    seconds, suffix = CLIPS[name]
    source = excerpt(path, tmp_path / f"in{suffix}", seconds)
    assert len(decode(source)) >= 5
    assert bool(packets(source, "audio")) == (suffix == ".mp4")
    outcome = upscale(source, tmp_path / f"out{suffix}")
    assert outcome.error is None
    with av.open(str(source)) as container:
        size = container.streams.video[0].width, container.streams.video[0].height
    assert (outcome.size, outcome.new_size) == (size, (size[0] * 2, size[1] * 2))
    check_same(source, tmp_path / f"out{suffix}")
    check_pictures(source, tmp_path / f"out{suffix}", 3.0)


@pytest.mark.skipif(DATA is None, reason="EDGE_SRCNN_DATA is not set")
def test_a_real_video_of_mpeg4_in_avi(tmp_path, upscale):
    path = Path(DATA or "") / "video" / "bgslibrary_video.avi"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    source = excerpt(path, tmp_path / "in.avi", 1)
    assert upscale(source, tmp_path / "out.mp4").error is None
    assert upscale(source, tmp_path / "out.avi").error is None
    for name in ("out.mp4", "out.avi"):
        check_same(source, tmp_path / name)
        with av.open(str(tmp_path / name)) as container:
            assert float(container.streams.video[0].average_rate) == pytest.approx(30, rel=0.02)


# ---- videos of our own


@pytest.mark.parametrize(
    ("format", "down", "across"), [("yuv420p", 2, 2), ("yuv422p", 1, 2), ("yuv444p", 1, 1), ("yuvj420p", 2, 2)]
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_video_with_sound(tmp_path, upscale, format, down, across, suffix):
    tags = (2 if "j" in format else 1, 6, 6, 6)
    source = encode(
        tmp_path / f"in{suffix}",
        soft(20, down=down, across=across),
        format=format,
        tags=tags,
        rate=Fraction(30000, 1001),
        audio_s=20 * 1001 / 30000,
    )
    assert len(packets(source, "audio")) > 20
    outcome = upscale(source, tmp_path / f"out{suffix}")
    assert outcome.error is None
    check_same(source, tmp_path / f"out{suffix}")
    check_pictures(source, tmp_path / f"out{suffix}", 1.0)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_titles_and_languages_are_kept_and_pictures_come_first(tmp_path, upscale, suffix):
    plain = encode(tmp_path / "plain.mkv", soft(10), audio_s=0.4)
    source = tmp_path / f"in{suffix}"
    with av.open(str(plain)) as whole, av.open(str(source), "w") as named:
        named.metadata.update(title="A walk", comment="in the rain")
        copies = {stream.index: named.add_stream_from_template(stream) for stream in whole.streams}
        for stream in copies.values():
            stream.metadata["language"] = "deu" if stream.type == "audio" else "fra"
        for packet in whole.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                named.mux(packet)
    assert upscale(source, tmp_path / f"out{suffix}").error is None
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        assert [(stream.type, stream.language) for stream in out.streams] == [("video", "fra"), ("audio", "deu")]
        told = {name.lower(): text for name, text in out.metadata.items()}
        assert (told["title"], told["comment"]) == ("A walk", "in the rain")
    assert packets(tmp_path / f"out{suffix}", "audio") != []


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (2, 1, 1, 13), (1, 5, 5, 5), (1, 9, 9, 16), (0, 2, 2, 2), (1, 6, 1, 2)])
def test_the_four_colour_tags_are_kept(tmp_path, upscale, tags):
    source = encode(tmp_path / "in.mp4", soft(3), tags=tags)
    assert tags_of(decode(source)[0]) == tags
    assert upscale(source, tmp_path / "out.mp4").error is None
    found = tags_of(decode(tmp_path / "out.mp4")[0])
    assert found[1:] == tags[1:]
    assert found[0] in ({0, 1} if tags[0] == 0 else {tags[0]})


@pytest.mark.parametrize(
    ("format", "down", "across", "codec"),
    [
        ("yuv420p", 2, 2, "libx264"),
        ("yuvj420p", 2, 2, "libx264"),
        ("yuv422p", 1, 2, "libx264"),
        ("yuv444p", 1, 1, "libx264"),
        ("yuvj422p", 1, 2, "mjpeg"),
    ],
)
@pytest.mark.parametrize("colour", [(81, 90, 240), (145, 54, 34), (235, 128, 128), (16, 128, 128), (60, 200, 100)])
def test_a_flat_colour_stays_within_a_level(tmp_path, upscale, format, down, across, codec, colour):
    full = "j" in format
    options = {"preset": "ultrafast", "qp": "0"} if codec == "libx264" else {"qmin": "1", "qmax": "1"}
    source = encode(
        tmp_path / "in.mkv",
        [flat(colour, 48, 64, down, across)] * 3,
        format=format,
        codec=codec,
        tags=(2 if full else 1, 6, 6, 6),
        options=options,
    )
    assert upscale(source, tmp_path / "out.mp4").error is None
    for old, new in zip(decode(source), decode(tmp_path / "out.mp4"), strict=True):
        for before, after in zip(planes(old), planes(new), strict=True):
            assert after.shape == (before.shape[0] * 2, before.shape[1] * 2)
            assert np.abs(after.astype(int) - int(before[0, 0])).max() <= 1


@pytest.mark.parametrize(
    ("name", "codec", "suffix"), [("bgr0", "ffv1", "mkv"), ("bgr24", "libx264rgb", "mkv"), ("rgb24", "qtrle", "mov")]
)
def test_a_video_of_rgb_keeps_its_colours(tmp_path, upscale, name, codec, suffix):
    rgb = (200, 60, 30)
    with av.open(str(tmp_path / f"in.{suffix}"), "w") as output:
        stream = output.add_stream(codec, rate=25, options={"qp": "0"} if "264" in codec else {})
        stream.width, stream.height, stream.pix_fmt = 64, 48, name
        for pts in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), rgb, np.uint8), "rgb24").reformat(format=name)
            frame.pts = pts
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert upscale(tmp_path / f"in.{suffix}", tmp_path / "out.mp4").error is None
    for frame in decode(tmp_path / "out.mp4"):
        # by its tags; by itself a player takes BT.601 for small pictures
        shown = frame.to_ndarray(format="rgb24")
        assert np.abs(shown.astype(int) - rgb).max() <= 4


@pytest.mark.parametrize("size", [(47, 63), (33, 64), (48, 33)])
def test_odd_sizes_are_doubled_without_a_pixel_less(tmp_path, upscale, size):
    source = encode(tmp_path / "in.mkv", soft(3, *size), codec="ffv1", options={})
    outcome = upscale(source, tmp_path / "out.mp4")
    assert (outcome.error, outcome.new_size) == (None, (size[1] * 2, size[0] * 2))
    check_same(source, tmp_path / "out.mp4")
    check_pictures(source, tmp_path / "out.mp4", 1.0)


def test_grey_stays_grey(tmp_path, upscale):
    source = encode(tmp_path / "in.mkv", (p[:1] for p in soft(3)), format="gray", codec="ffv1", options={})
    assert upscale(source, tmp_path / "out.mp4").error is None
    for old, new in zip(decode(source), decode(tmp_path / "out.mp4"), strict=True):
        luma, *chroma = planes(new)
        assert np.abs(luma.astype(float) - upscale_bicubic(planes(old)[0], 2)).mean() <= 1
        assert all(np.abs(plane.astype(int) - 128).max() <= 1 for plane in chroma)


def rotated(path: Path) -> Path:
    """Shown turned by 90 degrees clockwise (ISO/IEC 14496-12, 8.3.2: x' = a x + c y, y' = b x + d y)."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") - 4
    end = start + int.from_bytes(data[start : start + 4], "big")
    matrix = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    data[end - 44 : end - 8] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("format", ["yuv420p", "yuv422p", "yuv444p"])
def test_a_video_of_a_phone_held_upright_is_upright_without_a_flag(tmp_path, upscale, format):
    down, across = {"yuv420p": (2, 2), "yuv422p": (1, 2), "yuv444p": (1, 1)}[format]
    source = rotated(encode(tmp_path / "in.mp4", soft(4, down=down, across=across), format=format, audio_s=0.16))
    assert decode(source)[0].rotation == -90
    outcome = upscale(source, tmp_path / "out.mp4")
    assert (outcome.error, outcome.size, outcome.new_size) == (None, (48, 64), (96, 128))
    for old, new in zip(decode(source), decode(tmp_path / "out.mp4"), strict=True):
        assert new.rotation == 0
        assert (new.width, new.height) == (96, 128)
        expected = upscale_bicubic(np.ascontiguousarray(np.rot90(planes(old)[0], -1)), 2)
        assert np.abs(planes(new)[0].astype(float) - expected).mean() <= 1


def test_the_shape_of_pixels_is_kept(tmp_path, upscale):
    source = encode(tmp_path / "in.mp4", soft(3), aspect=Fraction(16, 15))
    assert upscale(source, tmp_path / "out.mp4").error is None
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)


def test_the_shape_of_pixels_is_turned_with_the_picture(tmp_path, upscale):
    source = rotated(encode(tmp_path / "in.mp4", soft(3), aspect=Fraction(16, 15)))
    assert upscale(source, tmp_path / "out.mp4").error is None
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(15, 16)


def test_frames_of_different_lengths_keep_their_times(tmp_path, upscale):
    times = [0, 1, 2, 10, 11, 30]
    source = encode(tmp_path / "in.mkv", soft(6), times=times)
    assert upscale(source, tmp_path / "out.mkv").error is None
    found = [frame.time for frame in decode(tmp_path / "out.mkv")]
    assert np.subtract(found, found[0]) == pytest.approx(np.array(times) / 25, abs=2e-3)


def test_frames_stored_out_of_order_come_in_order(tmp_path, upscale):
    source = encode(tmp_path / "in.mp4", soft(30), options={"preset": "fast", "bf": "3", "crf": "10"}, audio_s=1.2)
    assert upscale(source, tmp_path / "out.mp4").error is None
    check_same(source, tmp_path / "out.mp4")
    check_pictures(source, tmp_path / "out.mp4", 1.0)


def test_sound_that_is_longer_than_the_pictures_is_kept_whole(tmp_path, upscale):
    source = encode(tmp_path / "in.mp4", soft(5), audio_s=2)
    assert upscale(source, tmp_path / "out.mp4").error is None
    check_same(source, tmp_path / "out.mp4")


@pytest.mark.parametrize(("codec", "suffix"), [("libmp3lame", ".mp4"), ("libopus", ".mkv"), ("pcm_s16le", ".mov")])
def test_every_kind_of_sound_is_copied(tmp_path, upscale, codec, suffix):
    if codec not in av.codecs_available:
        pytest.skip(f"{codec} is not in this PyAV")
    source = encode(tmp_path / f"in{suffix}", soft(10), audio_s=0.4, audio_codec=codec)
    assert upscale(source, tmp_path / f"out{suffix}").error is None
    check_same(source, tmp_path / f"out{suffix}")


def subtitled(source: Path, target: Path) -> Path:
    """The same with a stream of three subtitles."""
    lines = target.with_suffix(".srt")
    lines.write_text("".join(f"{n + 1}\n00:00:00,{n}00 --> 00:00:00,{n}90\nline {n}\n\n" for n in range(3)))
    with av.open(str(source)) as video, av.open(str(lines)) as text, av.open(str(target), "w") as output:
        found = []
        for container in (video, text):
            copies = {stream.index: output.add_stream_from_template(stream) for stream in container.streams}
            for packet in container.demux():
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    found.append(packet)
        for packet in sorted(found, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    lines.unlink()
    return target


def test_subtitles_are_copied(tmp_path, upscale):
    source = subtitled(encode(tmp_path / "plain.mkv", soft(20)), tmp_path / "in.mkv")
    assert len(packets(source, "subtitle")) == 3
    assert upscale(source, tmp_path / "out.mkv").error is None
    assert [data for data, _ in packets(tmp_path / "out.mkv", "subtitle")] == [
        data for data, _ in packets(source, "subtitle")
    ]
    assert len(decode(tmp_path / "out.mkv")) == 20


def test_what_the_new_container_cannot_hold_is_left_out_with_a_warning(tmp_path, upscale, caplog):
    source = subtitled(encode(tmp_path / "plain.mkv", soft(20), audio_s=0.8), tmp_path / "in.mkv")
    outcome = upscale(source, tmp_path / "out.mp4")  # MP4 has no SubRip
    assert outcome.error is None
    assert len(decode(tmp_path / "out.mp4")) == 20
    assert [data for data, _ in packets(tmp_path / "out.mp4", "audio")] == [
        data for data, _ in packets(source, "audio")
    ]
    assert "subtitle" in caplog.text


def test_progress_is_told_of_every_frame(tmp_path, upscale):
    source, told = encode(tmp_path / "in.mp4", soft(7)), []
    upscale(source, tmp_path / "out.mp4", progress=lambda job, done, total: told.append((job.source, done, total)))
    assert told == [(source, done, 7) for done in range(1, 8)]


def test_with_a_network_luma_is_sharpened(tmp_path, upscalers):
    source = encode(tmp_path / "in.mp4", soft(2, 32, 48), tags=(1, 1, 1, 1))
    upscaler = upscalers(2)
    (outcome,) = run_jobs([Job(source, tmp_path / "out.mp4")], upscaler, Encoding(), overwrite=False)
    assert outcome.error is None
    for old, new in zip(decode(source), decode(tmp_path / "out.mp4"), strict=True):
        expected = upscaler.upscale(planes(old)[0])
        assert np.abs(planes(new)[0].astype(float) - expected).mean() <= 1


@pytest.mark.parametrize("scale", [3, 4])
def test_other_factors(tmp_path, scale):
    source = encode(tmp_path / "in.mkv", soft(3, 31, 45), codec="ffv1", options={})
    with load_model(engine="bicubic", scale=scale) as upscaler:
        (outcome,) = run_jobs([Job(source, tmp_path / "out.mp4")], upscaler, Encoding(), overwrite=False)
    assert outcome.error is None
    frame = decode(tmp_path / "out.mp4")[0]
    # 4:2:0 has even sizes: 45 * 3 and 31 * 3 are odd
    assert (frame.width, frame.height) == (45 * scale // 2 * 2, 31 * scale // 2 * 2)


# ---- names


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("a.mp4", "a.mp4"),
        ("a.MKV", "a.MKV"),
        ("a.webm", "a.mkv"),
        ("a.ts", "a.mkv"),
        ("a.avi", "a.avi"),
        ("a.3gp", "a.mkv"),
    ],
)
def test_a_video_into_a_folder_keeps_its_name(tmp_path, name, target):
    (tmp_path / name).touch()
    (job,) = plan_jobs([str(tmp_path / name)], tmp_path / "large")
    assert job.is_video
    assert job.target == tmp_path / "large" / target


def test_a_picture_format_is_for_pictures(tmp_path):
    (tmp_path / "a.mp4").touch()
    (job,) = plan_jobs([str(tmp_path / "a.mp4")], tmp_path / "large", ".png")
    assert job.target == tmp_path / "large/a.mp4"


@pytest.mark.parametrize(("source", "target"), [("a.mp4", "out.png"), ("a.mp4", "out.webm"), ("a.png", "out.mp4")])
def test_a_picture_is_no_video_and_the_reverse(tmp_path, source, target):
    (tmp_path / source).touch()
    with pytest.raises(UsageError) as raised:
        plan_jobs([str(tmp_path / source)], tmp_path / target)
    assert "\n" not in str(raised.value)


def test_globs_find_videos(tmp_path):
    for name in ("a.mp4", "b.mkv", "c.txt", "d.png"):
        (tmp_path / name).touch()
    jobs = plan_jobs([str(tmp_path / "*")], tmp_path / "large")
    assert [job.target.name for job in jobs] == ["a.mp4", "b.mkv", "d.png"]
    assert all(suffix == suffix.lower() for suffix in VIDEO_SUFFIXES)


def test_a_video_never_replaces_itself(tmp_path):
    source = encode(tmp_path / "a.mp4", soft(2))
    with pytest.raises(UsageError, match="replace its source"):
        plan_jobs([str(source)], tmp_path)


# ---- what goes wrong


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_an_output_that_is_there_is_kept_unless_asked_for(tmp_path, upscale):
    source = encode(tmp_path / "in.mp4", soft(3))
    (tmp_path / "out.mp4").write_text("mine")
    assert isinstance(upscale(source, tmp_path / "out.mp4").error, OutputExists)
    assert (tmp_path / "out.mp4").read_text() == "mine"
    assert upscale(source, tmp_path / "out.mp4", overwrite=True).error is None
    assert len(decode(tmp_path / "out.mp4")) == 3
    assert left(tmp_path) == {"in.mp4", "out.mp4"}
    assert isinstance(upscale(tmp_path / "missing.mp4", tmp_path / "out.mp4").error, NoInput)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(None, NoInput), (b"", BadData), (b"This is no video.\n" * 100, BadData)],
    ids=["missing", "empty", "text"],
)
def test_what_is_no_video_leaves_nothing_behind(tmp_path, upscale, content, kind):
    if content is not None:
        (tmp_path / "in.mp4").write_bytes(content)
    error = upscale(tmp_path / "in.mp4", tmp_path / "out.mp4").error
    assert isinstance(error, kind)
    assert "\n" not in str(error)
    assert left(tmp_path) <= {"in.mp4"}


def test_a_video_without_a_frame_leaves_nothing_behind(tmp_path, upscale):
    source = encode(tmp_path / "in.mkv", soft(1))
    data = source.read_bytes()
    cluster = data.index(bytes.fromhex("1f43b675"))  # Matroska: Cluster
    source.write_bytes(data[:cluster])
    assert isinstance(upscale(source, tmp_path / "out.mp4").error, EdgeSrcnnError)
    assert left(tmp_path) == {"in.mkv"}


def damaged(path: Path, how: str) -> Path:
    data = bytearray(path.read_bytes())
    if how == "cut":
        del data[int(len(data) * 0.6) :]
    else:
        middle = len(data) // 2
        data[middle : middle + 60_000] = np.random.default_rng(1).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    return path


def noisy(count, height=48, width=64):
    rng = np.random.default_rng(0)
    shapes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    return [tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes) for _ in range(count)]


@pytest.mark.parametrize(
    ("name", "container"),
    [("in.mp4", {"movflags": "faststart"}), ("in.mkv", {}), ("in.avi", {})],
    ids=["mp4", "mkv", "avi"],
)
@pytest.mark.parametrize("how", ["cut", "scrambled"])
def test_a_video_that_breaks_off_is_an_error_and_leaves_nothing_behind(tmp_path, upscale, name, container, how):
    options = {"preset": "ultrafast", "qp": "0", "bf": "0"}
    sound = {} if name.endswith("avi") else {"audio_s": 4}
    source = damaged(encode(tmp_path / name, noisy(100), container=container, options=options, **sound), how)
    outcome = upscale(source, tmp_path / "out.mp4")
    assert isinstance(outcome.error, EdgeSrcnnError), f"{len(decode(tmp_path / 'out.mp4'))} of 100 frames, and no error"
    assert outcome.error.exit_code in (65, 69)
    assert "\n" not in str(outcome.error)
    assert left(tmp_path) == {name}


def test_a_damaged_video_does_not_stop_the_others(tmp_path, bicubic):
    (tmp_path / "in").mkdir()
    encode(tmp_path / "in/a.mp4", soft(5))
    (tmp_path / "in/b.mp4").write_text("no video")
    encode(tmp_path / "in/c.mp4", soft(5))
    jobs = plan_jobs([str(tmp_path / "in/*.mp4")], tmp_path / "out")
    outcomes = list(run_jobs(jobs, bicubic, Encoding(), overwrite=False))
    assert [type(outcome.error) for outcome in outcomes] == [type(None), BadData, type(None)]
    assert left(tmp_path / "out") == {"a.mp4", "c.mp4"}


def test_a_full_disk_leaves_nothing_behind(tmp_path, small_disk, upscale):
    source = encode(tmp_path / "in.mp4", noisy(60))
    error = upscale(source, small_disk / "out.mp4").error
    assert isinstance(error, EdgeSrcnnError)
    assert error.exit_code == 73
    assert "No space left" in str(error)
    assert "\n" not in str(error)
    assert left(small_disk) == set()


def test_a_change_of_size_within_a_video_is_an_error_and_leaves_nothing_behind(tmp_path, upscale):
    # two streams of MPEG-2 one after the other are one whose size changes
    parts = [
        encode(tmp_path / f"{n}.mpg", soft(10, *size), codec="mpeg2video", options={})
        for n, size in enumerate([(48, 64), (96, 128)])
    ]
    (tmp_path / "in.mpg").write_bytes(b"".join(part.read_bytes() for part in parts))
    sizes = {(frame.width, frame.height) for frame in decode(tmp_path / "in.mpg")}
    if sizes != {(64, 48), (128, 96)}:
        pytest.skip("this FFmpeg does not read such a file to its end")
    outcome = upscale(tmp_path / "in.mpg", tmp_path / "out.mp4")
    assert isinstance(outcome.error, EdgeSrcnnError)
    assert "out.mp4" not in left(tmp_path)
    assert not [name for name in left(tmp_path) if ".part" in name]


def test_no_file_stays_open(tmp_path, upscale):
    source = encode(tmp_path / "in.mp4", soft(3), audio_s=0.12)
    assert upscale(source, tmp_path / "out.mp4").error is None
    assert upscale(tmp_path / "none.mp4", tmp_path / "other.mp4").error is not None
    assert upscale(source, tmp_path / "out.mp4").error is not None  # is there
    names = [
        os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")
    ]
    assert not [name for name in names if name.startswith(str(tmp_path))]


def test_the_helper_encodes_what_it_is_given(tmp_path):
    # the tests above stand on it
    pictures = noisy(3)
    frames = decode(encode(tmp_path / "in.mkv", pictures, tags=(1, 1, 1, 1)))
    assert all(
        (a == b).all() for frame, p in zip(frames, pictures, strict=True) for a, b in zip(planes(frame), p, strict=True)
    )
    assert {tags_of(frame) for frame in frames} == {(1, 1, 1, 1)}
    set_tags(frames[0], (2, 6, 6, 6))
    assert tags_of(frames[0]) == (2, 6, 6, 6)
