"""Real servers of stores, each in a process of its own, and a way to them that can break."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

KEYS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "test-secret", "AWS_DEFAULT_REGION": "us-east-1"}
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(port: int, within_s: float = 60) -> None:
    end_s = monotonic() + within_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            assert monotonic() < end_s, f"nobody listens on {port}"
            sleep(0.05)


@contextmanager
def s3_server(bucket: str = "bucket", **more_environment: str) -> Iterator[int]:
    """Moto's S3 server with an empty bucket; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | more_environment
    )
    try:
        wait_for(port)
        client(port).create_bucket(Bucket=bucket)
        yield port
    finally:
        server.kill()
        server.wait()


def environment(port: int) -> dict[str, str]:
    """What tells the AWS libraries where the server is; nothing of this machine's own configuration counts."""
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**KEYS, **nowhere, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_EC2_METADATA_DISABLED": "true"}


def client(port: int) -> Any:
    """Another tool than the one under test: botocore itself."""
    import botocore.session

    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )


def keys_of(s3: Any, bucket: str, prefix: str = "") -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


class Proxy:
    """A way to a server on this machine; it breaks with all that is on it, and is there again."""

    def __init__(self, server_port: int, delay_s: float = 0.0) -> None:
        self.connections = 0
        self._delay_s = delay_s
        self._server_port = server_port
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._accept(self._listener)

    def cut(self) -> None:
        """Refuse everybody, and break what is open, as a server does whose process is killed."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._accept(self._listener)

    def _accept(self, listener: socket.socket) -> None:
        def serve() -> None:
            while True:
                try:
                    visitor, _ = listener.accept()
                except OSError:
                    return
                self.connections += 1
                try:
                    server = socket.create_connection(("127.0.0.1", self._server_port))
                except OSError:
                    visitor.close()
                    continue
                with self._lock:
                    self._open |= {visitor, server}
                for one, other in ((visitor, server), (server, visitor)):
                    threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 20):
                sleep(self._delay_s)
                other.sendall(data)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(one)
        one.close()


@contextmanager
def proxy(server_port: int) -> Iterator[Proxy]:
    made = Proxy(server_port)
    try:
        yield made
    finally:
        made.cut()


class SshServer:
    """An OpenSSH server for the user of the tests, and a home folder that knows it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.port = folder, folder / "home", free_port()
        ssh = self.home / ".ssh"
        ssh.mkdir(parents=True)
        for path in (folder / "host", ssh / "id_ed25519"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        key = (folder / "host.pub").read_text().split()
        self.known_hosts = ssh / "known_hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {key[0]} {key[1]}\n")
        lines = {
            "Port": self.port,
            "ListenAddress": "127.0.0.1",
            "HostKey": folder / "host",
            "AuthorizedKeysFile": ssh / "id_ed25519.pub",
            "PidFile": folder / "pid",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "yes",
            "UsePAM": "no",
            "Subsystem": "sftp internal-sftp",
        }
        (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"sftp://{getpass.getuser()}@127.0.0.1:{self.port}"

    def start(self) -> None:
        assert SSHD is not None
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        command = [SSHD, "-D", "-f", str(self.folder / "config"), "-E", str(self.folder / "log")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for(self.port)

    def stop(self) -> None:
        """End the server with its connections."""
        if self._process is not None and self._process.poll() is None:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            self._process.kill()
            self._process.wait()
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(int(child), 9)
