"""A real S3-compatible server (SeaweedFS), which tests can kill, suspend and resume."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import obstore
import psutil
from obstore.store import S3Store

from tests.support.photos import free_port

BUCKET, KEY, SECRET = "photos", "access", "secret-of-this-test"
READY_WITHIN_S = 60
# Each part of the server listens on a port and a second one for gRPC.
PORTS = ("master.port", "volume.port", "filer.port", "s3.port")
# Disables its other services and telemetry.
OFF = ("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
       "-s3.iam=false", "-master.telemetry=false")  # fmt: skip


class BucketServer:
    """A server with one bucket; its only user may read, write and list, but not create buckets.

    Args:
        folder: An existing folder for data and log.
        host: The address that it listens on.
        netns: The network namespace that it runs in; None is the namespace of this process.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1", netns: str | None = None) -> None:
        self._folder = folder
        self._host = host
        self._enter = ["ip", "netns", "exec", netns] if netns else []
        self._ports = {name: free_port() for port in PORTS for name in (port, f"{port}.grpc")}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"s3://{BUCKET}/uploads"
        self.env = {
            "AWS_ENDPOINT_URL": f"http://{host}:{self._ports['s3.port']}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def start(self) -> None:
        """Start the server, and wait until it stores and deletes an object."""
        may = ["Read", f"Write:{BUCKET}", f"List:{BUCKET}"]
        user = {"name": "service", "actions": may,
                "credentials": [{"accessKey": KEY, "secretKey": SECRET}]}  # fmt: skip
        rights = self._folder / "rights.json"
        rights.write_text(json.dumps({"identities": [user]}))
        where = [f"-ip={self._host}", f"-ip.bind={self._host}", f"-dir={self._folder}"]
        ports = [f"-{name}={port}" for name, port in self._ports.items()]
        weed = [str(Path(sys.executable).with_name("weed")), "mini"]
        what = [f"-s3.config={rights}", f"-bucket={BUCKET}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._enter, *weed, *where, *ports, *what, *OFF], stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._takes():
            assert time.monotonic() < deadline, f"no object store; its log is in {self._folder}"
            time.sleep(0.1)

    def _takes(self) -> bool:
        try:
            obstore.put(self._root(), "started", b"x")
            obstore.delete(self._root(), "started")
        except Exception:  # noqa: BLE001 - whatever it says while it starts
            return False
        return True

    def _root(self) -> S3Store:
        keys = {name.removeprefix("AWS_"): value for name, value in self.env.items()}
        return S3Store(
            BUCKET,
            config={name.lower().replace("_url", ""): value for name, value in keys.items()},
            client_options={"allow_http": True, "timeout": "10s"},
            retry_config={"max_retries": 0},
        )

    def stored(self) -> list[str]:
        """The keys of all objects except the upload store's marker."""
        return [key for key in self._keys() if not key.rpartition("/")[2].startswith(".")]

    def _keys(self) -> list[str]:
        return sorted(found["path"] for page in obstore.list(self._root()) for found in page)

    def clear(self) -> None:
        """Delete all objects."""
        if keys := self._keys():
            obstore.delete(self._root(), keys)

    def put_foreign(self, key: str) -> None:
        """Store an object in the bucket, as another program would."""
        obstore.put(self._root(), key, b"foreign")

    def kill(self) -> None:
        """Send SIGKILL; the data stay."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)

    def pause(self) -> None:
        """Pause the server with SIGSTOP: it accepts connections but sends no response."""
        self._signal(signal.SIGSTOP)
        assert self._process is not None
        while psutil.Process(self._process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)

    def resume(self) -> None:
        """Resume the server with SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
