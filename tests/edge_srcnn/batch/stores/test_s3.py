"""S3 by a real server in a process of its own: whole objects, odd names, faults, and a way that breaks."""

import hashlib
import logging
import threading
import time

import pytest
from PIL import Image

from edge_srcnn.batch.jobs import plan_jobs
from edge_srcnn.batch.stores import listing, retrying, sending
from edge_srcnn.batch.stores.address import read_location
from edge_srcnn.batch.stores.listing import files_below, kind_of
from edge_srcnn.batch.stores.sending import send
from edge_srcnn.batch.stores.staging import fetched, sent
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.errors import CannotWrite, NoInput, OutputExists, Unavailable, UsageError
from edge_srcnn.sinks.images import Encoding
from tests.edge_srcnn.batch.stores import servers

pytestmark = pytest.mark.slow

ODD = ("a b.png", "c#1.png", "d?x=1.png", "e%20.png", "f+é.png", "g[1].png", "h*.png", "i&j.png", "k'l\".png")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(sending, "PART_BYTES", 5 * 2**20)  # the least that S3 takes


def put(s3, key, data=b"x"):
    s3.put_object(Bucket="bucket", Key=key, Body=data)


def get(s3, key):
    return s3.get_object(Bucket="bucket", Key=key)["Body"].read()


def uploads(s3):
    return [each["Key"] for each in s3.list_multipart_uploads(Bucket="bucket").get("Uploads", ())]


def test_odd_names_go_from_bucket_to_bucket(s3, tmp_path, texture, bicubic):
    Image.fromarray(texture(8, 9, 3)).save(tmp_path / "a.png")
    for name in ODD:
        put(s3, f"in/{name}", (tmp_path / "a.png").read_bytes())
    put(s3, "in/", b"")  # the mark of a folder, as consoles make it
    put(s3, "in//etc/out.png", (tmp_path / "a.png").read_bytes())
    outcomes = run_jobs(plan_jobs(["s3://bucket/in/"], "s3://bucket/out/"), bicubic, Encoding(), overwrite=False)
    assert [outcome.error for outcome in outcomes] == [None] * len(ODD)
    assert set(servers.keys_of(s3, "bucket", "out/")) == {f"out/{name}" for name in ODD}
    for job in plan_jobs(["s3://bucket/in/c#1.png"], "s3://bucket/out/"):
        assert job.source.text == "s3://bucket/in/c#1.png"


def test_a_listing_goes_page_by_page_while_it_is_asked_for(s3, monkeypatch):
    import s3fs

    calls = []
    call_s3 = s3fs.S3FileSystem.call_s3
    monkeypatch.setattr(s3fs.S3FileSystem, "call_s3", lambda *a, **k: calls.append(k) or call_s3(*a, **k))
    monkeypatch.setattr(listing, "PAGE", 3)
    for number in range(7):
        put(s3, f"many/{number}.png")
    found = files_below(read_location("s3://bucket/many/"))
    assert next(found).text == "s3://bucket/many/0.png"
    assert len(calls) == 1
    assert [url.name for url in found] == [f"{number}.png" for number in range(1, 7)]
    assert len(calls) == 3


def test_what_stands_under_a_name(s3):
    put(s3, "in/a.png")
    for text, expected in (
        ("s3://bucket", "folder"),
        ("s3://bucket/in", "folder"),
        ("s3://bucket/in/", "folder"),
        ("s3://bucket/in/a.png", "file"),
        ("s3://bucket/in/a", None),
        ("s3://bucket/none/", None),
    ):
        assert kind_of(read_location(text)) == expected, text


@pytest.mark.parametrize("size", [1000, 11 * 2**20], ids=["one request", "in parts"])
def test_an_object_appears_whole_and_replaces_none_by_accident(s3, tmp_path, size):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * (size // 256))
    target = read_location("s3://bucket/out/a.bin")
    send(path, target, overwrite=False)
    assert hashlib.md5(get(s3, "out/a.bin")).digest() == hashlib.md5(path.read_bytes()).digest()
    send(path, target, overwrite=False)  # the same bytes: an answer that got lost, and no other's object
    put(s3, "out/a.bin", b"other")
    with pytest.raises(OutputExists):
        send(path, target, overwrite=False)
    assert get(s3, "out/a.bin") == b"other"
    send(path, target, overwrite=True)
    assert len(get(s3, "out/a.bin")) == path.stat().st_size
    assert uploads(s3) == []


def test_nothing_is_sent_of_a_block_that_fails(s3):
    with pytest.raises(ZeroDivisionError), sent(read_location("s3://bucket/out/a.txt"), overwrite=False) as path:
        path.write_bytes(b"half")
        _ = 1 / 0
    assert servers.keys_of(s3, "bucket") == []
    with sent(read_location("s3://bucket/out/a.txt"), overwrite=False) as path:
        path.write_bytes(b"whole")
    with fetched(read_location("s3://bucket/out/a.txt")) as path:
        assert path.read_bytes() == b"whole"
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "environment", "reading", "told"),
    [
        ("s3://nowhere/in/", {}, NoInput, "there is no bucket 'nowhere'"),
        ("s3://BAD_Bucket!/in/", {}, UsageError, "name"),
        ("s3://bucket/in/", {"AWS_PROFILE": "nobodys"}, Exception, "nobodys"),
        (
            "s3://bucket/in/",
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            NoInput,
            "there are no credentials",
        ),
        ("s3://bucket/in/", {"AWS_ENDPOINT_URL": "http://no.such.host.invalid"}, Unavailable, "nobody knows this host"),
        ("s3://bucket/in/", {"AWS_ENDPOINT_URL": "no address"}, Exception, "AWS_"),
    ],
)
def test_what_a_store_refuses_is_told_in_one_line(s3, monkeypatch, text, environment, reading, told):
    import s3fs

    from edge_srcnn.batch.stores import filesystems

    monkeypatch.setattr(retrying, "FIRST_PATIENCE_S", 0.0)
    monkeypatch.setattr(retrying, "_stores", {})
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    filesystems.close_idle()
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(reading, match=told) as raised:
        plan_jobs([text], "memory://out/")
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("s3://")
    assert raised.value.exit_code in (2, 66, 69, 78)
    s3fs.S3FileSystem.clear_instance_cache()


def test_credentials_that_are_refused_are_told(tmp_path, monkeypatch):
    pytest.importorskip("moto.server")
    import s3fs

    from edge_srcnn.batch.stores import filesystems

    with servers.s3_server(INITIAL_NO_AUTH_ACTION_COUNT="1") as port:  # moto checks keys once the bucket is made
        for name, value in servers.environment(port).items():
            monkeypatch.setenv(name, value)
        filesystems.close_idle()
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(NoInput, match=r"credentials are refused \(InvalidAccessKeyId"):
            plan_jobs(["s3://bucket/in/"], tmp_path / "out")
        with pytest.raises(CannotWrite, match=r"credentials are refused \(InvalidAccessKeyId"):
            plan_jobs([str(tmp_path)], "s3://bucket/out/")
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def way(s3, s3_port, monkeypatch):
    """A way to the server that can break."""
    import s3fs

    from edge_srcnn.batch.stores import filesystems

    monkeypatch.setattr(retrying, "_stores", {})
    with servers.proxy(s3_port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        filesystems.close_idle()
        s3fs.S3FileSystem.clear_instance_cache()
        yield proxy
        filesystems.close_idle()
        s3fs.S3FileSystem.clear_instance_cache()


def test_a_server_that_is_away_for_a_while_loses_nothing(s3, way, tmp_path, texture, bicubic, caplog):
    for number in range(12):
        Image.fromarray(texture(40, 60, 3, seed=number)).save(tmp_path / "a.png")
        put(s3, f"in/{number:02}.png", (tmp_path / "a.png").read_bytes())
    here = {}
    with caplog.at_level(logging.WARNING):
        for outcome in run_jobs(
            plan_jobs(["s3://bucket/in/"], "s3://bucket/out/"), bicubic, Encoding(), overwrite=False
        ):
            assert outcome.error is None
            here[outcome.job.target.path] = outcome
            if len(here) == 3:
                way.cut()
                threading.Timer(3.0, way.mend).start()
    assert len(here) == 12
    for key in here:
        with sent(tmp_path / "b.png", overwrite=True) as path:
            (local,) = run_jobs(
                plan_jobs([f"s3://bucket/{key.replace('out/', 'in/')}"], str(path)), bicubic, Encoding(), overwrite=True
            )
        assert local.error is None
        assert get(s3, key) == (tmp_path / "b.png").read_bytes()
    warnings = [record.getMessage() for record in caplog.records if "trying again" in record.getMessage()]
    assert len(warnings) == 1, warnings


def test_an_upload_in_parts_that_is_cut_off_leaves_no_parts(s3, way, tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"abcdefgh" * (16 * 2**17))  # 16 MiB: four parts
    seen = []
    relative_update = sending.Progress.relative_update

    def cut_once(self, more=1):
        seen.append(more)
        if len(seen) == 2:
            way.cut()
            threading.Timer(1.0, way.mend).start()
        relative_update(self, more)

    monkeypatch.setattr(sending.Progress, "relative_update", cut_once)
    send(path, read_location("s3://bucket/out/a.bin"), overwrite=False)
    assert len(seen) > 4
    assert get(s3, "out/a.bin") == path.read_bytes()
    assert uploads(s3) == []


def test_an_upload_that_is_cancelled_leaves_no_parts(s3, tmp_path, monkeypatch):
    from edge_srcnn.batch.stores.failures import Cancelled

    path = tmp_path / "a.bin"
    path.write_bytes(b"abcdefgh" * (16 * 2**17))
    stop = threading.Event()
    monkeypatch.setattr(sending.Progress, "set_size", lambda self, size: stop.set())
    with pytest.raises(Cancelled):
        send(path, read_location("s3://bucket/out/a.bin"), overwrite=False, stop=stop)
    assert uploads(s3) == []
    assert servers.keys_of(s3, "bucket") == []


def test_a_store_that_stays_away_fails_a_job_and_then_holds_up_nobody(s3, way, tmp_path, monkeypatch):
    put(s3, "in/a.png")
    assert kind_of(read_location("s3://bucket/in/a.png")) == "file"
    monkeypatch.setattr(retrying, "PATIENCE_S", 2.0)
    way.cut()
    began = time.monotonic()
    with pytest.raises(Unavailable, match="cannot be reached"):
        kind_of(read_location("s3://bucket/in/a.png"))
    waited_s = time.monotonic() - began
    assert waited_s >= 2
    way.mend()
    assert kind_of(read_location("s3://bucket/in/a.png")) == "file"
