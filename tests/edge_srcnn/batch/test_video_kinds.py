"""Videos as people have them: of 10 bits, of fields, with transparency, chroma anywhere. Told by ffprobe."""

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.imaging.containers import open_file
from tests.edge_srcnn.ffmpeg_videos import FFMPEG, FFPROBE, PICTURES, make, probe, streams, upscale

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FFMPEG is None or FFPROBE is None, reason="ffmpeg and ffprobe are not installed"),
]


# --- depth ---

HDR = {
    "PQ": ["-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"],
    "HLG": ["-color_trc", "arib-std-b67", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"],
    "SDR": [],
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("tags", HDR.values(), ids=HDR)
def test_10_bits_stay_10_bits_with_their_tags(tmp_path, suffix, tags):
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


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_few_frames_of_10_bits_have_their_times(tmp_path, frames):
    """x265 gives no time of decoding then, but what lies in memory: other bytes each time."""
    cut = ["-frames:v", str(frames), "-pix_fmt", "yuv420p10le", "-c:v", "ffv1"]
    source = make(tmp_path / "a.mkv", *PICTURES, *cut)
    for number in range(4):
        assert upscale(source, tmp_path / f"{number}.mp4").error is None
        with open_file(tmp_path / f"{number}.mp4") as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            times = [float(packet.pts * packet.time_base) for packet in packets]
            assert all(0 <= packet.pts - packet.dts <= 4 * packet.duration for packet in packets)
        assert sorted(times) == pytest.approx([n / 10 for n in range(frames)], abs=1e-3)


def test_a_ramp_of_10_bits_keeps_its_levels(tmp_path):
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


def test_into_avi_which_has_no_10_bits_it_goes_with_8(tmp_path):
    source = make(tmp_path / "a.mkv", *PICTURES, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le")
    assert upscale(source, tmp_path / "b.avi").error is None
    assert streams(tmp_path / "b.avi")[0]["pix_fmt"] == "yuv420p"


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
@pytest.mark.parametrize(("code", "name"), [(0, "left"), (1, "center"), (2, "topleft"), (3, "top"), (5, "bottom")])
def test_chroma_lies_where_it_is_tagged(tmp_path, encoder, code, name):
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
    assert upscale(source, tmp_path / "b.mkv").error is None
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
        assert 2 * places[1] + 0.5 + offset == pytest.approx(places[0], abs=0.15), "pixels of the larger luma"


# --- fields, transparency ---


@pytest.mark.parametrize("flags", ["tff", "bff"])
def test_fields_become_whole_pictures_and_that_is_told(tmp_path, caplog, flags):
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
def test_transparency_is_told_of(tmp_path, caplog, name, options):
    source = make(tmp_path / name, *PICTURES, *options)
    assert upscale(source, tmp_path / "b.mkv").error is None
    assert [r.getMessage() for r in caplog.records if "transparency" in r.getMessage()] == [
        f"{source}: its transparency is left out"
    ]
