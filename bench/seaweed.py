"""A real S3 server with one bucket: SeaweedFS, started with ports of its own and little disk."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store as Store

from bench.networks import Line
from bench.ports import HOST

PROGRAM = str(Path(sys.executable).with_name("weed"))
BUCKET = "bank"
KEY, SECRET = "bench", "bench-secret"
START_SECONDS = 60
#: a server that has just started keeps some of the first calls for 5 s, and answers the next ones at once
GLIMPSE = "1 seconds"
#: every port is set: the usual ports may be taken, and 8080 is the port of the service
PORTS = ("master.port", "volume.port", "filer.port", "s3.port")
#: no servers beside S3, no reports to others, and little disk
OPTIONS = (
    "-s3",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=64",
    "-master.volumePreallocate=false",
    "-volume.max=100",
    "-volume.minFreeSpace=64MiB",
    # the only server of its cluster need not wait for others: a start on used data takes 3 s instead of 19
    "-master.electionTimeout=1s",
    "-master.heartbeatInterval=50ms",
)
IDENTITY = {
    "name": "bench",
    "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


class S3Server:
    """A server that can be killed and started again on the same data.

    With a `line`, the server runs on the host at the other end, and is reached over the line.
    """

    def __init__(self, folder: Path, free_port: Callable[[], int], line: Line | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self._address, self._enter = (HOST, ()) if line is None else (line.there, line.enter)
        self.url = f"http://{self._address}:{self.port}"
        self._ports = {**{name: free_port() for name in PORTS}, "s3.port": self.port}
        self._grpc = {f"{name}.grpc": free_port() for name in PORTS}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None  # noqa: S101 launch() has been called
        return self._process.pid

    def reached_by(self, url: str) -> "S3Server":
        """The same server, for clients that reach the server by another address."""
        other = copy(self)
        other.url = url
        return other

    def environment(self) -> dict[str, str]:
        """The variables with which programs reach the server."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
        }

    def store(self, prefix: str | None = None, bucket: str = BUCKET, patience: str = "5 seconds") -> Store:
        """A client that knows nothing of the product."""
        return Store(
            bucket,
            prefix=prefix,
            access_key_id=KEY,
            secret_access_key=SECRET,
            endpoint=self.url,
            region="us-east-1",
            client_options={"allow_http": True, "timeout": patience},
            retry_config={"max_retries": 0},
        )

    def keys(self, prefix: str | None = None) -> list[str]:
        return [one["path"] for some in obstore.list(self.store(prefix)) for one in some]

    def launch(self) -> "S3Server":
        """Start the server, and do not wait until the server answers."""
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "s3.json"
        config.write_text(json.dumps({"identities": [IDENTITY]}))
        places = [f"-dir={self.folder}", f"-ip={self._address}", f"-ip.bind={self._address}"]
        ports = [f"-{name}={port}" for name, port in {**self._ports, **self._grpc}.items()]
        with (self.folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._enter, PROGRAM, "server", *places, f"-s3.config={config}", *OPTIONS, *ports],
                stdout=log,
                stderr=log,
            )
        return self

    def start(self) -> "S3Server":
        self.launch()
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.pid and self._process and self._process.poll() is None:
            if self._has_bucket():
                return self
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"the S3 server did not start\n{self._log()[-4000:]}")

    def _has_bucket(self) -> bool:
        """Whether objects can be written. The first look makes the bucket."""
        store = self.store(patience=GLIMPSE)
        try:
            make_bucket(store)
            obstore.put(store, "started", b"started")
            obstore.delete(store, "started")
        except (BaseError, OSError, httpx.HTTPError):
            return False
        return True

    def _log(self) -> str:
        return (self.folder / "weed.log").read_text(errors="replace")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(30)


def make_bucket(store: Any) -> None:
    """Make the bucket of a client. The library makes no buckets, so a signed address does."""
    url = obstore.sign(store, "PUT", "", timedelta(minutes=1))
    httpx.put(url, timeout=5)
