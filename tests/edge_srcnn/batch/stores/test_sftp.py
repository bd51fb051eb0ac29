"""SFTP by a real OpenSSH server: known hosts, whole files, odd names, a server that is restarted."""

import logging
import threading

import pytest
from PIL import Image

from edge_srcnn.batch.jobs import plan_jobs
from edge_srcnn.batch.stores import retrying
from edge_srcnn.batch.stores.address import read_location
from edge_srcnn.batch.stores.sending import send
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.errors import CannotWrite, NoInput, OutputExists, Unavailable
from edge_srcnn.sinks.images import Encoding

pytestmark = pytest.mark.slow


@pytest.fixture
def pictures(ssh, tmp_path, texture):
    folder = tmp_path / "in"
    for number, name in enumerate(("a b.png", "c#1.png", "sub/d?x=%20é.png", "sub/deep/e[1].png", ".hidden.png")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(texture(30, 40, 3, seed=number)).save(path)
    return folder


def written(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_folders_of_a_server_give_the_bytes_that_folders_here_give(ssh, pictures, tmp_path, bicubic):
    for inputs, output in (
        (str(pictures), str(tmp_path / "here")),
        (f"{ssh.url}{pictures}/", f"{ssh.url}{tmp_path}/there"),
    ):
        outcomes = list(run_jobs(plan_jobs([inputs], output), bicubic, Encoding(), overwrite=False))
        assert [outcome.error for outcome in outcomes] == [None] * 4
    assert written(tmp_path / "there") == written(tmp_path / "here")
    assert len(written(tmp_path / "there")) == 4


def test_a_file_takes_its_name_at_the_end_and_replaces_none_by_accident(ssh, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"new" * 100_000)
    target = read_location(f"{ssh.url}{tmp_path}/out/deep/a.bin")
    send(tmp_path / "a.bin", target, overwrite=False)
    assert written(tmp_path / "out") == {"deep/a.bin": b"new" * 100_000}
    (tmp_path / "out/deep/a.bin").write_bytes(b"other")
    with pytest.raises(OutputExists):
        send(tmp_path / "a.bin", target, overwrite=False)
    assert written(tmp_path / "out") == {"deep/a.bin": b"other"}
    send(tmp_path / "a.bin", target, overwrite=True)
    assert written(tmp_path / "out") == {"deep/a.bin": b"new" * 100_000}


def test_a_name_that_is_taken_at_the_last_moment_is_not_replaced(ssh, tmp_path):
    from edge_srcnn.batch.stores import filesystems

    url = read_location(f"{ssh.url}{tmp_path}/x")
    server = filesystems.take(url)
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "new").write_bytes(b"new")
    with pytest.raises(FileExistsError):
        server.mv_new(f"{tmp_path}/new", f"{tmp_path}/old")
    assert (tmp_path / "old").read_bytes() == b"old"
    filesystems.give_back(url, server)


def test_a_folder_of_the_home_is_written_with_a_tilde(ssh, tmp_path, bicubic, texture):
    from edge_srcnn.batch.stores.listing import kind_of

    assert kind_of(read_location(f"{ssh.url}/~/")) == "folder"
    assert kind_of(read_location(f"{ssh.url}/~/no such file")) is None


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda ssh: ssh.known_hosts.unlink(), "is not among the known hosts; log in once by hand: ssh -p "),
        (
            lambda ssh: ssh.known_hosts.write_text(
                ssh.known_hosts.read_text().split()[0] + " " + (ssh.home / ".ssh/id_ed25519.pub").read_text()
            ),
            "another than the known one.*ssh-keygen -R",
        ),
        (lambda ssh: (ssh.home / ".ssh/id_ed25519").unlink(), "the login is refused|not allowed"),
    ],
    ids=["unknown", "changed", "no key"],
)
def test_a_server_that_is_not_known_or_lets_nobody_in_is_told(ssh, spoil, told, tmp_path):
    spoil(ssh)
    for read in (True, False):
        with pytest.raises((Unavailable, NoInput, CannotWrite), match=told) as raised:
            if read:
                plan_jobs([f"{ssh.url}{tmp_path}/"], "memory://out/")
            else:
                plan_jobs([str(tmp_path)], f"{ssh.url}{tmp_path}/")
        assert "\n" not in str(raised.value)


def test_what_may_not_be_written_is_told(ssh, pictures, bicubic):
    (outcome,) = run_jobs(
        plan_jobs([str(pictures / "a b.png")], f"{ssh.url}/proc/none/a.png"), bicubic, Encoding(), overwrite=False
    )
    assert isinstance(outcome.error, CannotWrite)
    assert "/proc/none/a.png" in str(outcome.error)


def test_a_server_that_is_restarted_loses_nothing(ssh, pictures, tmp_path, bicubic, caplog, monkeypatch):
    monkeypatch.setattr(retrying, "_stores", {})
    jobs = plan_jobs([f"{ssh.url}{pictures}/"], f"{ssh.url}{tmp_path}/out/")
    done = 0
    with caplog.at_level(logging.WARNING):
        for outcome in run_jobs(jobs, bicubic, Encoding(), overwrite=False):
            assert outcome.error is None
            done += 1
            if done == 1:
                ssh.stop()
                again = threading.Timer(2.0, ssh.start)
                again.start()
    again.join()
    assert done == 4
    assert len(written(tmp_path / "out")) == 4
    assert sum("trying again" in record.getMessage() for record in caplog.records) <= 1
