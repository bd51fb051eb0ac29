"""Recordings that are switched off and on, and snapshots: whole files, and no frame of a recording is lost."""

import io
import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")

import av

from edge_srcnn.errors import Conflict
from edge_srcnn.imaging.colour import rgb_picture
from edge_srcnn.service.settings import Service
from tests.edge_srcnn.service.controlled import SIZE, controlled
from tests.edge_srcnn.service.parts import wait_until

pytestmark = pytest.mark.slow


def recorded(path):
    """Times and sizes of the pictures of a video, by a decoder."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [frame.time for frame in frames], {(frame.width, frame.height) for frame in frames}, container.metadata


@pytest.mark.parametrize("name", ["out.mp4", "out-%Y%m%d-%H%M%S.mkv?segment=600", "out.mkv?segment=600"])
def test_off_finishes_the_file_whole_on_begins_another_and_no_frame_is_lost(tmp_path, name):
    with controlled("test:size=64x48,fps=25", str(tmp_path / name), steady="segment" in name) as service:
        written = service.pipeline._workers[0].state
        for turn in (0, 90, 0):  # the size changes while nothing is recorded, too
            wait_until(lambda: written().written > 0)
            before = len(list(tmp_path.glob("out*")))
            service.control.change({"recording": False})
            wait_until(lambda before=before: len(list(tmp_path.glob("out*"))) > before)
            stands = written().written
            service.result(), service.result()
            assert written().written == stands
            assert service.control.values()["recording"] is False
            service.control.change({"recording": True, "rotate": turn, "name": f"Turned {turn}"})
            wait_until(lambda stands=stands: written().written > stands)
        service.result(), service.result()
    state = service.supervisor.state().sinks[0]
    found = sorted(tmp_path.glob("out*"))
    assert len(found) == 4
    assert not list(tmp_path.glob(".*"))
    frames, titles = 0, set()
    for path in found:
        times, sizes, metadata = recorded(path)
        assert len(sizes) == 1 and sizes < {(128, 96), (96, 128)}
        assert times == sorted(times)
        titles.add(metadata.get("title"))
        frames += len(times)
    assert (frames, state.dropped, state.error) == (state.written, 0, None)
    assert {"Turned 0", "Turned 90"} <= titles


def test_a_change_of_size_while_it_records_goes_on_in_another_file(tmp_path):
    with controlled("test:size=64x48,fps=25", str(tmp_path / "out.mkv?segment=600")) as service:
        for model, rotate in (("fast-s-x2", 90), ("fast-s-x3", 90), ("fast-s-x2", 0)):
            service.control.change({"model": model, "rotate": rotate})
            service.result_that(lambda result, model=model: service._upscaler.model == model)
            service.result(), service.result(), service.result()
    found = [recorded(path) for path in sorted(tmp_path.glob("out*"))]
    assert {size for _, sizes, _ in found for size in sizes} >= {(128, 96), (96, 128), (144, 192)}
    state = service.supervisor.state()
    assert sum(len(times) for times, _, _ in found) == state.sinks[0].written == state.frames_out
    assert state.failed == 0


def test_recording_is_off_from_the_start_where_the_configuration_says_so(tmp_path):
    with controlled("test:size=64x48,fps=25", f"{tmp_path}/shots/?format=png") as service:
        service.control.change({"recording": False})
        wait_until(lambda: not service.pipeline._workers[0].wants_frames())
        count = len(list((tmp_path / "shots").iterdir()))
        service.result(), service.result()
        assert len(list((tmp_path / "shots").iterdir())) <= count + 1


def test_sinks_that_take_one_size_refuse_what_would_change_it(tmp_path):
    with controlled("test:size=64x48,fps=25", f"y4m:{tmp_path}/out.y4m", steady=False) as service:
        for changes in ({"rotate": 90}, {"crop": "0,0,8,8"}, {"model": "fast-s-x3"}):
            with pytest.raises(Conflict, match=r"pictures would get another size, and y4m:.*out\.y4m takes one only"):
                service.control.change(changes)
        assert service.control.change({"rotate": 180, "model": "fast-m-x2"})["rotate"] == 180
    assert service.supervisor.state().sinks[0].error is None


def test_a_snapshot_is_a_whole_picture_and_replaces_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with controlled() as service:
        seen = service.result()
        paths = {service.control.snapshot() for _ in range(3)}
        assert len(paths) == 3 and {path.parent for path in paths} == {tmp_path / "snapshots"}
        for path in paths:
            with Image.open(io.BytesIO(path.read_bytes())) as picture:
                assert picture.size == (2 * SIZE[0], 2 * SIZE[1])
                near = np.asarray(picture.convert("RGB")).astype(int) - rgb_picture(seen.frame)
                assert np.abs(near).mean() < 40
        assert sorted((tmp_path / "snapshots").iterdir()) == sorted(paths)


def test_the_oldest_snapshots_make_room_and_what_is_no_snapshot_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "snapshots"
    folder.mkdir()
    for name in ("20200101-000000-000000.jpg", "holiday.jpg"):
        (folder / name).write_bytes(b"a picture")
    with controlled(table=Service(keep_snapshots=2)) as service:
        paths = [service.control.snapshot() for _ in range(4)]
    assert {path for path in folder.iterdir() if path.suffix == ".jpg"} == {folder / "holiday.jpg", *paths[-2:]}


def test_what_a_file_cannot_change_is_told(tmp_path):
    with controlled("test:size=64x48,fps=max", str(tmp_path / "out.mkv?segment=600")) as service:
        blocked = {each.name: each.blocked for each in service.control.settings() if each.blocked}
        assert list(blocked) == ["model", "rotate", "hflip", "vflip", "crop", "fps", "keep_fps", "recording"]
        with pytest.raises(Conflict, match="rotate: cannot be changed here: the source is a file"):
            service.control.change({"rotate": 90})
        assert service.control.change({"strength": 0.5, "rotate": 0})["strength"] == 0.5
        assert json.dumps(service.control.values())
