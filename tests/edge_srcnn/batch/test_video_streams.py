"""What goes along with the pictures of a video: sound, subtitles, titles and languages, as they were."""

from pathlib import Path

import pytest

pytest.importorskip("av")

import av

from tests.edge_srcnn.clips import decode, encode, packets
from tests.edge_srcnn.videos import check_same, soft


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
