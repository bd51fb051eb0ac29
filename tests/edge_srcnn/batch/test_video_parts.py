"""Videos as people have them: chapters, covers, fonts, late and trimmed and cut files, odd names. Told by ffprobe."""

import subprocess
from pathlib import Path

import pytest

pytest.importorskip("av")

from edge_srcnn.errors import BadData
from tests.edge_srcnn.ffmpeg_videos import FFMPEG, FFPROBE, PICTURES, SOUND, make, probe, streams, upscale

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FFMPEG is None or FFPROBE is None, reason="ffmpeg and ffprobe are not installed"),
]


# --- what belongs to the pictures ---

CHAPTERS = """;FFMETADATA1
title=A hill
[CHAPTER]
TIMEBASE=1/1000
START=0
END=900
title=Öne
[CHAPTER]
TIMEBASE=1/1000
START=900
END=2000
title=Two
"""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_chapters_titles_and_flags_are_kept(tmp_path, suffix):
    (tmp_path / "meta.txt").write_text(CHAPTERS)
    two = [
        *PICTURES,
        *SOUND,
        *SOUND,
        "-i",
        tmp_path / "meta.txt",
        "-map_metadata",
        "3",
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
    ]
    flags = ["-disposition:a:0", "0", "-disposition:a:1", "default"]
    flags += ["-disposition:a:0", "comment"] if suffix == ".mkv" else []
    source = make(tmp_path / f"a{suffix}", *two, *flags)
    target = tmp_path / f"b{suffix}"
    assert upscale(source, target).error is None
    times = [
        [(c["start_time"], c["end_time"], c["tags"]["title"]) for c in probe(path, "-show_chapters")["chapters"]]
        for path in (source, target)
    ]
    assert times[1] == times[0]
    assert [s["disposition"] for s in streams(target)] == [s["disposition"] for s in streams(source)]
    assert probe(target, "-show_format")["format"]["tags"]["title"] == "A hill"


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mkv"])
def test_a_cover_stays_a_cover(tmp_path, suffix):
    cover = make(
        tmp_path / "cover.png", "-f", "lavfi", "-i", "color=red:size=20x20:duration=0.1:rate=10", "-frames:v", "1"
    )
    if suffix == ".mkv":
        attached = ["-attach", cover, "-metadata:s:t", "mimetype=image/png", "-metadata:s:t", "filename=cover.png"]
        source = make(tmp_path / "a.mkv", *PICTURES, *SOUND, *attached)
    else:
        maps = ["-map", "0", "-map", "1", "-map", "2", "-c:v:1", "copy", "-disposition:v:1", "attached_pic"]
        source = make(tmp_path / f"a{suffix}", *PICTURES, *SOUND, "-i", cover, *maps)
    target = tmp_path / f"b{suffix}"
    assert upscale(source, target).error is None
    video, cover_after = (
        next(s for s in streams(target) if bool(s["disposition"]["attached_pic"]) == is_cover)
        for is_cover in (False, True)
    )
    assert (video["width"], video["height"]) == (128, 96)
    assert (cover_after["codec_name"], cover_after["width"], cover_after["height"]) == ("png", 20, 20)


def test_a_file_of_sound_and_a_cover_is_named_for_what_it_is(tmp_path):
    cover = make(
        tmp_path / "cover.png", "-f", "lavfi", "-i", "color=red:size=20x20:duration=0.1:rate=10", "-frames:v", "1"
    )
    maps = ["-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic"]
    source = make(tmp_path / "a.mp4", *SOUND, "-i", cover, *maps)
    error = upscale(source, tmp_path / "b.mp4").error
    assert isinstance(error, BadData)
    assert str(error) == f"{source}: holds no video; it holds sound and a cover picture"


def test_fonts_go_along_where_there_is_a_place_for_them(tmp_path, caplog):
    (tmp_path / "a.ttf").write_bytes(b"no real font")
    source = make(tmp_path / "a.mkv", *PICTURES, "-attach", tmp_path / "a.ttf", "-metadata:s:t", "mimetype=font/ttf")
    assert upscale(source, tmp_path / "b.mkv").error is None
    (font,) = [s for s in streams(tmp_path / "b.mkv") if s["codec_type"] == "attachment"]
    assert (font["tags"]["filename"], font["tags"]["mimetype"]) == ("a.ttf", "font/ttf")
    assert upscale(source, tmp_path / "b.mp4").error is None
    assert "its attachment a.ttf is left out" in caplog.text


@pytest.mark.parametrize("title", [b"Caf\xe9", b"\xe9t\xe9 \xfc", b"\xff\xfe\x00"])
def test_text_that_is_no_utf_8_ends_nothing(tmp_path, title):
    source = make(tmp_path / "a.avi", *PICTURES, "-metadata", "title=" + "X" * len(title))
    data = source.read_bytes()
    assert b"X" * len(title) in data
    source.write_bytes(data.replace(b"X" * len(title), title))
    assert upscale(source, tmp_path / "b.mkv").error is None


# --- time ---


def times_of(path: Path, kind: str) -> list[float]:
    frames = probe(path, "-select_streams", f"{kind}:0", "-show_entries", "frame=pts_time")["frames"]
    return [float(frame["pts_time"]) for frame in frames if "pts_time" in frame]


@pytest.mark.parametrize("offset", [["-itsoffset", "0.7"], []], ids=["pictures late", "together"])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_picture_and_sound_stay_in_step(tmp_path, suffix, offset):
    source = make(tmp_path / f"a{suffix}", *SOUND, *offset, *PICTURES, "-map", "1", "-map", "0")
    target = tmp_path / f"b{suffix if suffix != '.ts' else '.mkv'}"
    assert upscale(source, target).error is None
    apart = [times_of(path, "v")[0] - times_of(path, "a")[0] for path in (source, target)]
    assert apart[1] == pytest.approx(apart[0], abs=0.1), "a frame lasts 0.1 s"
    assert len(times_of(target, "v")) == len(times_of(source, "v"))


def test_a_stream_that_begins_amid_a_group_of_pictures_keeps_its_time(tmp_path):
    whole = make(tmp_path / "a.ts", *PICTURES, *SOUND, "-g", "8", "-bf", "0", "-c:v", "libx264")
    data = whole.read_bytes()
    cut = tmp_path / "cut.ts"
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    head = [p for p in packets[:3]]  # the tables
    cut.write_bytes(b"".join(head + packets[len(packets) // 4 :]))
    assert upscale(cut, tmp_path / "b.mkv").error is None
    apart = [times_of(path, "v")[0] - times_of(path, "a")[0] for path in (cut, tmp_path / "b.mkv")]
    assert apart[1] == pytest.approx(apart[0], abs=0.1)


@pytest.mark.parametrize("seek", ["0.55", "1.05"])
def test_a_trimmed_file_shows_what_a_player_shows(tmp_path, seek):
    whole = make(tmp_path / "a.mp4", *PICTURES, "-g", "20", "-bf", "0", "-c:v", "libx264")
    trimmed = make(tmp_path / "trimmed.mp4", "-ss", seek, "-i", whole, "-c", "copy")
    shown = len(times_of(trimmed, "v"))
    assert upscale(trimmed, tmp_path / "b.mp4").error is None
    assert len(times_of(tmp_path / "b.mp4", "v")) == shown


@pytest.mark.parametrize(
    ("suffix", "options"), [(".mp4", ["-movflags", "faststart"]), (".mkv", []), (".avi", ["-c:v", "mjpeg"])]
)
def test_a_file_that_is_cut_off_is_refused_at_once_or_kept_in_part(tmp_path, caplog, suffix, options):
    noisy = ["-vf", "noise=alls=80:allf=t", "-bf", "0", "-g", "1"]  # frames of one size
    source = make(tmp_path / f"a{suffix}", *PICTURES, *noisy, *options, "-q:v", "2")
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 7 // 10])
    error = upscale(source, tmp_path / f"b{suffix}").error
    assert isinstance(error, BadData)
    assert f"is cut off, {len(data) - len(data) * 7 // 10:,} bytes are missing; --partial" in str(error)
    assert not (tmp_path / f"b{suffix}").exists()
    assert upscale(source, tmp_path / f"b{suffix}", partial_videos=True).error is None
    assert 11 <= int(streams(tmp_path / f"b{suffix}")[0]["nb_read_packets"]) <= 15, "of 20"
    assert "are there" in caplog.text


# --- names ---


@pytest.mark.parametrize(
    "name",
    [
        "Alien:Covenant.mp4",
        "http:a.mp4",
        "-f.mp4",
        "50%d.mp4",
        "a b\u00e9\N{SNOWMAN}.mp4",
        "x" * 250 + ".mp4",
        "\N{SNOWMAN}" * 80 + ".mp4",
        "pipe:0.mkv",
    ],
)
def test_any_name_is_a_name(tmp_path, name):
    plain = make(tmp_path / f"plain{Path(name).suffix}", *PICTURES)
    source = plain.rename(tmp_path / name)
    (tmp_path / "out").mkdir()
    assert upscale(source, tmp_path / "out" / name).error is None
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert len(times_of(tmp_path / "out" / name, "v")) == 20


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.ts\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
    ],
    ids=["HLS, an address", "HLS, a file", "concat", "DASH"],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_list_that_is_called_a_video_opens_nothing(tmp_path, text, suffix):
    make(tmp_path / "secret.ts", *PICTURES)
    (tmp_path / f"a{suffix}").write_text(text)
    error = upscale(tmp_path / f"a{suffix}", tmp_path / "b.mp4").error
    assert isinstance(error, BadData)
    assert "\n" not in str(error)
    assert not (tmp_path / "b.mp4").exists()


def test_web_subtitles_are_kept(tmp_path):
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:00.200 --> 00:01.000\nhill\n")
    source = make(tmp_path / "a.webm", *PICTURES, "-i", tmp_path / "a.vtt", "-c:v", "libvpx", "-c:s", "webvtt")
    assert upscale(source, tmp_path / "b.mkv").error is None
    texts = [
        subprocess.run(
            [str(FFMPEG), "-v", "error", "-i", path, "-f", "srt", "-"], check=True, capture_output=True
        ).stdout
        for path in (source, tmp_path / "b.mkv")
    ]
    assert b"hill" in texts[1]
    assert texts[1] == texts[0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.ogv", ["-c:v", "libtheora", "-c:a", "libvorbis"]),
        ("a.wmv", ["-c:v", "wmv2", "-c:a", "wmav2"]),
        ("a.flv", ["-c:v", "flv1", "-ar", "44100"]),
        ("a.mpg", ["-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"]),
        ("a.mov", ["-c:v", "libx264", "-timecode", "01:00:00:00"]),
        ("a.m2ts", ["-c:v", "libx264", "-c:a", "ac3"]),
    ],
)
def test_old_and_odd_containers_are_read_to_their_end(tmp_path, name, options):
    still = ["-vf", "tpad=stop_mode=clone:stop_duration=1"]  # pictures that stay, which some codecs say in no bytes
    source = make(tmp_path / name, *PICTURES, *SOUND, *still, *options)
    assert upscale(source, tmp_path / "b.mkv").error is None
    shown = ["-select_streams", "v:0", "-show_entries", "frame=key_frame"]
    counts = [len(probe(path, *shown)["frames"]) for path in (source, tmp_path / "b.mkv")]
    assert counts[1] == counts[0]
    if not name.endswith(".mpg"):  # whose frames mostly have no time of their own
        before, after = times_of(source, "v"), times_of(tmp_path / "b.mkv", "v")
        assert after[-1] - after[0] == pytest.approx(before[-1] - before[0], abs=0.05)
