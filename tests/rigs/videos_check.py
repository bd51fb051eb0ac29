"""Videos doubled by ``edge-srcnn upscale``, and what ffprobe says of them; run by ``streams.sh``."""

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

from checks import run
from streams_peers import our_cli, probed, tool

FOLDER = Path(tempfile.gettempdir())
SUBTITLES = "1\n00:00:00,100 --> 00:00:00,600\nfirst\n\n2\n00:00:00,900 --> 00:00:01,400\nsecond\n\n"
CLIPS = {
    "hd": ("yuv420p", "bt709", "tv", "1/1"),
    "sd": ("yuv420p", "smpte170m", "tv", "1/1"),
    "full": ("yuvj420p", "bt709", "pc", "1/1"),
    "422": ("yuv422p", "bt709", "tv", "1/1"),
    "444": ("yuv444p", "bt709", "tv", "1/1"),
    "wide": ("yuv420p", "smpte170m", "tv", "16/15"),
}
"""Format, colours, range, and shape of a pixel."""

KEPT = ("pix_fmt", "color_range", "color_space", "color_primaries", "color_transfer", "nb_read_frames")


def make_clip(name: str) -> Path:
    """Two seconds with sound and subtitles."""
    form, colours, levels, shape = CLIPS[name]
    (FOLDER / "lines.srt").write_text(SUBTITLES)
    source, target = f"testsrc2=size=160x120:rate=25:duration=2,setsar={shape}", FOLDER / f"{name}.mp4"
    inputs = ("-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=sample_rate=44100:duration=2")
    tags = ("-color_primaries", colours, "-color_trc", colours, "-colorspace", colours, "-color_range", levels)
    streams = ("-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-c:a", "aac", "-c:s", "mov_text")
    tool("ffmpeg", "-v", "error", "-y", *inputs, "-i", FOLDER / "lines.srt", *streams, "-pix_fmt", form, *tags, target)
    return target


@functools.cache
def clips() -> dict[Path, Path]:
    """Every clip and what became of it."""
    sources = [make_clip(name) for name in CLIPS]
    for name in ("hd", "wide"):  # held sideways
        sources.append(FOLDER / f"{name}-turned.mp4")
        turn = ("-map", "0", "-c", "copy", "-metadata:s:v:0", "rotate=90")
        tool("ffmpeg", "-v", "error", "-y", "-i", FOLDER / f"{name}.mp4", *turn, sources[-1])
    our_cli("upscale", *sources, "-o", FOLDER / "large", "-e", "bicubic")
    return {source: FOLDER / "large" / source.name for source in sources}


@functools.cache
def streams_of(path: Path) -> dict[str, Any]:
    """Its streams by kind; one of each."""
    return {each["codec_type"]: each for each in probed(path, "-show_streams", "-count_frames")["streams"]}


def is_twice(source: Path, target: Path) -> None:
    """Prove that size is doubled and all else about the pictures is as before."""
    old, new = streams_of(source)["video"], streams_of(target)["video"]
    kept = {name: (old.get(name), new.get(name)) for name in KEPT}
    assert new["codec_name"] == "h264" and all(a == b for a, b in kept.values()), (source.name, kept)
    turned = "side_data_list" in old
    size, shape = [old["width"], old["height"]], old["sample_aspect_ratio"].split(":")
    upright = [part[::-1] if turned else part for part in (size, shape)]
    assert [[new["width"] // 2, new["height"] // 2], new["sample_aspect_ratio"].split(":")] == upright, source.name
    assert "side_data_list" not in new
    assert abs(float(new["duration"]) - float(old["duration"])) <= 1 / 25 + 0.001, source.name


def sounds_the_same(source: Path, target: Path) -> None:
    """Prove that the sound's packets were copied."""
    old, new = streams_of(source)["audio"], streams_of(target)["audio"]
    assert [old[name] for name in ("codec_name", "sample_rate", "channels")] == [
        new[name] for name in ("codec_name", "sample_rate", "channels")
    ]
    packets = [tool(*f"ffmpeg -v error -i {path} -map 0:a -c copy -f md5 -".split()) for path in (source, target)]
    assert packets[0] == packets[1] != "", source.name


def check_videos_are_doubled_and_keep_frames_colours_shape_and_length() -> None:
    for source, target in clips().items():
        is_twice(source, target)


def check_the_clips_are_what_they_are_meant_to_be() -> None:
    for name, (form, colours, levels, shape) in CLIPS.items():
        stream = streams_of(FOLDER / f"{name}.mp4")["video"]
        assert (stream["pix_fmt"], stream["color_range"], stream["nb_read_frames"]) == (form, levels, "50")
        assert {stream[tag] for tag in ("color_space", "color_primaries", "color_transfer")} == {colours}
        assert stream["sample_aspect_ratio"] == shape.replace("/", ":")


def check_sound_is_copied() -> None:
    for source, target in clips().items():
        sounds_the_same(source, target)


def check_subtitles_are_kept() -> None:
    for target in clips().values():
        assert streams_of(target)["subtitle"]["codec_name"] == "mov_text"
        assert tool("ffmpeg", "-v", "error", "-i", target, "-map", "0:s", "-f", "srt", "-") == SUBTITLES


def goes_through_the_network(source: Path) -> Path:
    """Upscale it by the real engine, and prove the same."""
    target = FOLDER / f"sharp-{source.name}"
    our_cli("upscale", source, "-o", target)
    is_twice(source, target)
    sounds_the_same(source, target)
    return target


def check_the_network_keeps_all_that_and_changes_the_pictures() -> None:
    source, bicubic = next(iter(clips().items()))
    pictures = [
        tool(*f"ffmpeg -v error -i {path} -map 0:v -f md5 -".split())
        for path in (bicubic, goes_through_the_network(source))
    ]
    assert pictures[0] != pictures[1]


def check_a_second_of_a_real_video() -> None:
    film = Path(os.environ.get("EDGE_SRCNN_DATA", "")) / "video/bigbuckbunny.mp4"
    if "EDGE_SRCNN_DATA" not in os.environ or not film.exists():
        print("       skipped: EDGE_SRCNN_DATA has no video/bigbuckbunny.mp4")  # noqa: T201
        return
    source = FOLDER / "film.mp4"
    tool("ffmpeg", "-v", "error", "-i", film, "-t", "1", "-c", "copy", source)
    goes_through_the_network(source)


run(globals())
