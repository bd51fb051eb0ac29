"""Videos as people have them: deep, interlaced, late, trimmed, with chapters, covers and odd names. Told by ffprobe."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.batch import Job, Outcome, run_jobs
from edge_srcnn.errors import BadData
from edge_srcnn.imaging.containers import open_file
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import load_model

FFMPEG, FFPROBE = shutil.which("ffmpeg"), shutil.which("ffprobe")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FFMPEG is None or FFPROBE is None, reason="ffmpeg and ffprobe are not installed"),
]
PICTURES = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=2"]
SOUND = ["-f", "lavfi", "-i", "sine=duration=2"]


def make(path: Path, *options: object) -> Path:
    subprocess.run([str(FFMPEG), "-v", "error", "-y", *map(str, options), str(path)], check=True, cwd=path.parent)
    return path


def probe(path: Path, *entries: str) -> dict[str, Any]:
    command = [str(FFPROBE), "-v", "error", *entries, "-of", "json", f"file:{path}"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def streams(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = probe(path, "-show_streams", "-count_packets")["streams"]
    return found


@pytest.fixture(scope="module")
def bicubic():
    with load_model(scale=2, engine="bicubic") as upscaler:
        yield upscaler


@pytest.fixture
def upscale(bicubic):
    def run(source: Path, target: Path, **options: Any) -> Outcome:
        (outcome,) = run_jobs([Job(source, target)], bicubic, Encoding(), overwrite=True, **options)
        return outcome

    return run


# --- depth ---

HDR = {
    "PQ": ["-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"],
    "HLG": ["-color_trc", "arib-std-b67", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"],
    "SDR": [],
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("tags", HDR.values(), ids=HDR)
def test_10_bits_stay_10_bits_with_their_tags(tmp_path, upscale, suffix, tags):
    light = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
    options = ["-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", f"log-level=error:{light if tags else ''}"]
    source = make(tmp_path / f"a{suffix}", *PICTURES, *options, *tags)
    assert upscale(source, tmp_path / f"b{suffix}").error is None
    before, after = streams(source)[0], streams(tmp_path / f"b{suffix}")[0]
    assert after["pix_fmt"] == "yuv420p10le"
    for name in ("color_transfer", "color_primaries", "color_space", "color_range", "chroma_location"):
        assert after.get(name) == before.get(name), name
    if tags:
        first = ["-show_frames", "-read_intervals", "%+#1", "-select_streams", "v:0"]
        told, kept = (probe(p, *first)["frames"][0]["side_data_list"] for p in (source, tmp_path / f"b{suffix}"))
        for kind in ("Mastering display metadata", "Content light level metadata"):
            assert [d for d in kept if d["side_data_type"] == kind] == [d for d in told if d["side_data_type"] == kind]


def test_a_ramp_of_10_bits_keeps_its_levels(tmp_path, upscale):
    """1,024 levels across, lossless in, and looked at as the file has them."""
    ramp = np.tile(np.arange(64, 940, dtype=np.uint16), (48, 1))
    planes = [ramp, np.full((24, 438), 512, np.uint16), np.full((24, 438), 512, np.uint16)]
    (tmp_path / "a.yuv").write_bytes(b"".join(plane.tobytes() for plane in planes) * 3)
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "876x48", "-r", "10", "-i", tmp_path / "a.yuv"]
    source = make(tmp_path / "a.mkv", *raw, "-c:v", "ffv1")
    assert upscale(source, tmp_path / "b.mkv").error is None
    with open_file(tmp_path / "b.mkv") as container:
        frame = next(container.decode(video=0))
    luma = frame.to_ndarray()[:96].astype(int)
    assert luma.max() > 255
    assert len(np.unique(luma[48])) > 800, "8 bits would have 219"
    expected = np.interp((np.arange(1752) - 0.5) / 2, np.arange(876), ramp[0])
    assert np.abs(luma[48] - expected).mean() < 1.5


def test_into_avi_which_has_no_10_bits_it_goes_with_8(tmp_path, upscale):
    source = make(tmp_path / "a.mkv", *PICTURES, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le")
    assert upscale(source, tmp_path / "b.avi").error is None
    assert streams(tmp_path / "b.avi")[0]["pix_fmt"] == "yuv420p"


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
@pytest.mark.parametrize(("code", "name"), [(0, "left"), (1, "center"), (2, "topleft"), (3, "top"), (5, "bottom")])
def test_chroma_lies_where_it_is_tagged(tmp_path, bicubic, encoder, code, name):
    """A soft spot of colour beside the same spot of light: they stay on top of each other."""
    y, x = np.mgrid[:96, :128]
    spot = np.exp(-((x - 60.3) ** 2 + (y - 45.6) ** 2) / 72)
    across, down = {"left": (-0.5, 0), "center": (0, 0), "topleft": (-0.5, -0.5), "top": (0, -0.5), "bottom": (0, 0.5)}[
        name
    ]
    cy, cx = np.mgrid[:48, :64]
    colour = np.exp(-((2 * cx + 0.5 + across - 60.3) ** 2 + (2 * cy + 0.5 + down - 45.6) ** 2) / 72)
    planes = [np.rint(16 + 200 * spot), np.rint(128 + 100 * colour), np.full((48, 64), 128)]
    (tmp_path / "a.yuv").write_bytes(b"".join(plane.astype(np.uint8).tobytes() for plane in planes) * 2)
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "128x96", "-r", "10", "-i", tmp_path / "a.yuv"]
    params = f"{encoder.removeprefix('lib')}-params"
    quality = f"chromaloc={code}:crf=1" + (":log-level=error" if encoder == "libx265" else "")
    source = make(tmp_path / "a.mkv", *raw, "-c:v", encoder, f"-{params}", quality)
    (outcome,) = run_jobs([Job(source, tmp_path / "b.mkv")], bicubic, Encoding(), overwrite=True)
    assert outcome.error is None
    assert streams(tmp_path / "b.mkv")[0]["chroma_location"] == name
    with open_file(tmp_path / "b.mkv") as container:
        frame = next(container.decode(video=0))
        luma, chroma = (
            np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[: p.height, : p.width] for p in frame.planes[:2]
        )
    for axis, offset in ((0, across), (1, down)):
        places = []
        for plane, ground in ((luma, 16.0), (chroma, 128.0)):
            weights = np.clip(plane - ground, 8, None).sum(axis=axis) - 8.0 * plane.shape[axis]
            places.append(np.average(np.arange(plane.shape[1 - axis]), weights=weights))
        assert 2 * places[1] + 0.5 + offset == pytest.approx(places[0], abs=0.1), "pixels of the larger luma"


# --- fields, transparency ---


@pytest.mark.parametrize("flags", ["tff", "bff"])
def test_fields_become_whole_pictures_and_that_is_told(tmp_path, upscale, caplog, flags):
    woven = ["-vf", f"fps=20,tinterlace=mode={'interleave_top' if flags == 'tff' else 'interleave_bottom'}"]
    x264 = ["-c:v", "libx264", "-x264-params", f"{flags}=1", "-flags", "+ildct+ilme"]
    source = make(tmp_path / "a.mkv", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=20:duration=2", *woven, *x264)
    assert upscale(source, tmp_path / "b.mkv").error is None
    assert "deinterlaced" in caplog.text
    (video,) = streams(tmp_path / "b.mkv")
    assert int(video["nb_read_packets"]) == int(streams(source)[0]["nb_read_packets"])
    assert video.get("field_order", "progressive") in ("progressive", "unknown")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.webm", ["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"]),
        ("a.mov", ["-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"]),
        ("a.mkv", ["-c:v", "ffv1", "-pix_fmt", "yuva420p"]),
    ],
)
def test_transparency_is_told_of(tmp_path, upscale, caplog, name, options):
    source = make(tmp_path / name, *PICTURES, *options)
    assert upscale(source, tmp_path / "b.mkv").error is None
    assert [r.getMessage() for r in caplog.records if "transparency" in r.getMessage()] == [
        f"{source}: its transparency is left out"
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
def test_chapters_titles_and_flags_are_kept(tmp_path, upscale, suffix):
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
def test_a_cover_stays_a_cover(tmp_path, upscale, suffix):
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


def test_a_file_of_sound_and_a_cover_is_named_for_what_it_is(tmp_path, upscale):
    cover = make(
        tmp_path / "cover.png", "-f", "lavfi", "-i", "color=red:size=20x20:duration=0.1:rate=10", "-frames:v", "1"
    )
    maps = ["-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic"]
    source = make(tmp_path / "a.mp4", *SOUND, "-i", cover, *maps)
    error = upscale(source, tmp_path / "b.mp4").error
    assert isinstance(error, BadData)
    assert str(error) == f"{source}: holds no video; it holds sound and a cover picture"


def test_fonts_go_along_where_there_is_a_place_for_them(tmp_path, upscale, caplog):
    (tmp_path / "a.ttf").write_bytes(b"no real font")
    source = make(tmp_path / "a.mkv", *PICTURES, "-attach", tmp_path / "a.ttf", "-metadata:s:t", "mimetype=font/ttf")
    assert upscale(source, tmp_path / "b.mkv").error is None
    (font,) = [s for s in streams(tmp_path / "b.mkv") if s["codec_type"] == "attachment"]
    assert (font["tags"]["filename"], font["tags"]["mimetype"]) == ("a.ttf", "font/ttf")
    assert upscale(source, tmp_path / "b.mp4").error is None
    assert "its attachment a.ttf is left out" in caplog.text


@pytest.mark.parametrize("title", [b"Caf\xe9", b"\xe9t\xe9 \xfc", b"\xff\xfe\x00"])
def test_text_that_is_no_utf_8_ends_nothing(tmp_path, upscale, title):
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
def test_picture_and_sound_stay_in_step(tmp_path, upscale, suffix, offset):
    source = make(tmp_path / f"a{suffix}", *SOUND, *offset, *PICTURES, "-map", "1", "-map", "0")
    target = tmp_path / f"b{suffix if suffix != '.ts' else '.mkv'}"
    assert upscale(source, target).error is None
    apart = [times_of(path, "v")[0] - times_of(path, "a")[0] for path in (source, target)]
    assert apart[1] == pytest.approx(apart[0], abs=0.1), "a frame lasts 0.1 s"
    assert len(times_of(target, "v")) == len(times_of(source, "v"))


def test_a_stream_that_begins_amid_a_group_of_pictures_keeps_its_time(tmp_path, upscale):
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
def test_a_trimmed_file_shows_what_a_player_shows(tmp_path, upscale, seek):
    whole = make(tmp_path / "a.mp4", *PICTURES, "-g", "20", "-bf", "0", "-c:v", "libx264")
    trimmed = make(tmp_path / "trimmed.mp4", "-ss", seek, "-i", whole, "-c", "copy")
    shown = len(times_of(trimmed, "v"))
    assert upscale(trimmed, tmp_path / "b.mp4").error is None
    assert len(times_of(tmp_path / "b.mp4", "v")) == shown


@pytest.mark.parametrize(
    ("suffix", "options"), [(".mp4", ["-movflags", "faststart"]), (".mkv", []), (".avi", ["-c:v", "mjpeg"])]
)
def test_a_file_that_is_cut_off_is_refused_at_once_or_kept_in_part(tmp_path, upscale, caplog, suffix, options):
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
def test_any_name_is_a_name(tmp_path, upscale, name):
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
def test_a_list_that_is_called_a_video_opens_nothing(tmp_path, upscale, text, suffix):
    make(tmp_path / "secret.ts", *PICTURES)
    (tmp_path / f"a{suffix}").write_text(text)
    error = upscale(tmp_path / f"a{suffix}", tmp_path / "b.mp4").error
    assert isinstance(error, BadData)
    assert "\n" not in str(error)
    assert not (tmp_path / "b.mp4").exists()


def test_web_subtitles_are_kept(tmp_path, upscale):
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
def test_old_and_odd_containers_are_read_to_their_end(tmp_path, upscale, name, options):
    still = ["-vf", "tpad=stop_mode=clone:stop_duration=1"]  # pictures that stay, which some codecs say in no bytes
    source = make(tmp_path / name, *PICTURES, *SOUND, *still, *options)
    assert upscale(source, tmp_path / "b.mkv").error is None
    shown = ["-select_streams", "v:0", "-show_entries", "frame=key_frame"]
    counts = [len(probe(path, *shown)["frames"]) for path in (source, tmp_path / "b.mkv")]
    assert counts[1] == counts[0]
    if not name.endswith(".mpg"):  # whose frames mostly have no time of their own
        before, after = times_of(source, "v"), times_of(tmp_path / "b.mkv", "v")
        assert after[-1] - after[0] == pytest.approx(before[-1] - before[0], abs=0.05)
