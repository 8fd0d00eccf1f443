"""A HAProxy before two services, with the configuration of docs/deployment.md for operators."""

import csv
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.ports import HOST, free_port
from bench.service import Unusable

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "deployment.md"
#: seconds within which HAProxy listens, and requests under way have ended
PATIENCE = 60.0
POLL = 0.05
#: the names of the backend and of the first and second service in the document
BACKEND, NAMES = "bank", ("one", "two")


def documented(language: str) -> str:
    """The configuration in the given language from docs/deployment.md."""
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    if found is None:
        raise Unusable(f"{DOCUMENT} has no configuration in {language}.")
    return found.group(1)


def program(name: str) -> str:
    """The path of a balancer, which `scripts/program` finds or fetches."""
    done = subprocess.run([ROOT / "scripts" / "program", name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unusable(done.stderr.strip())
    return done.stdout.strip()


class Balancer:
    """A running HAProxy. Its admin socket takes services out of the rotation."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._socket = folder / "admin.sock"
        self._file = folder / "haproxy.cfg"
        self._file.write_text(self._configured(ports))

    def _configured(self, ports: Sequence[int]) -> str:
        text = documented("haproxy").replace("/run/haproxy/admin.sock", str(self._socket))
        text = re.sub(r"bind .*", f"bind {HOST}:{self.port}", text)
        for name, port in zip(NAMES, ports, strict=True):
            text = re.sub(rf"server {name} \S+", f"server {name} {HOST}:{port}", text)
        return text

    @contextmanager
    def running(self) -> Iterator["Balancer"]:
        """Keep HAProxy running for as long as the block lasts."""
        with (self._file.with_suffix(".log")).open("wb") as log:
            process = subprocess.Popen([program("haproxy"), "-db", "-f", self._file], stdout=log, stderr=log)
        try:
            self._await_both(process)
            yield self
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def drain(self, name: str) -> None:
        """Send a service no further requests, and wait until its requests under way have ended."""
        self._order(f"set server {BACKEND}/{name} state drain")
        self._await(lambda: int(self._figures(name)["scur"]) == 0)

    def admit(self, name: str) -> None:
        """Send a service requests again, and wait until HAProxy has found the service ready."""
        self._order(f"set server {BACKEND}/{name} state ready")
        self._await(lambda: self._figures(name)["status"] == "UP")

    def _await_both(self, process: "subprocess.Popen[bytes]") -> None:
        def is_whole() -> bool:
            if process.poll() is not None:
                raise Unusable(f"HAProxy has ended: {self._file.with_suffix('.log').read_text()[-500:]}")
            return self._socket.exists() and all(self._figures(name)["status"] == "UP" for name in NAMES)

        self._await(is_whole)

    def _await(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > end:
                raise Unusable("HAProxy did not do what it was told.")
            time.sleep(POLL)

    def _figures(self, name: str) -> dict[str, str]:
        """HAProxy's figures of a service: status, requests under way and more."""
        lines = self._order("show stat").removeprefix("# ").splitlines()
        rows = (row for row in csv.DictReader(lines) if (row["pxname"], row["svname"]) == (BACKEND, name))
        return next(rows)

    def _order(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self._socket))
            line.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: line.recv(65536), b"")).decode()
