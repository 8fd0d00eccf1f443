"""Hosts with a network of their own, which can be cut off as a pulled plug cuts off: nobody says good-bye.

A host is a network namespace with one line to this machine. Needs root, as the tests have on machines for tests.
"""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: the network of a test: from the addresses for benchmarks, which no real network has (RFC 2544)
NETWORK = "198.18.{part}"


class Network:
    """A namespace, and the addresses of both ends of its line."""

    def __init__(self) -> None:
        part = f"{secrets.randbelow(256)}"
        self.here, self.there = (f"{NETWORK.format(part=part)}.{end}" for end in (1, 2))
        self._line = f"sb{secrets.token_hex(4)}"
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])

    @property
    def enter(self) -> list[str]:
        """The words before a command that runs on the host."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "--"]

    def connect(self) -> None:
        ours, theirs = self._line, f"{self._line}t"
        _run(
            "ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", str(self._holder.pid)
        )
        _run("ip", "address", "add", f"{self.here}/30", "dev", ours)
        _run("ip", "link", "set", ours, "up")
        _run(*self.enter, "ip", "address", "add", f"{self.there}/30", "dev", theirs)
        for device in ("lo", theirs):
            _run(*self.enter, "ip", "link", "set", device, "up")

    def cut(self) -> None:
        """Swallow everything that either end sends, from now on."""
        _run(*self.enter, "ip", "link", "set", f"{self._line}t", "down")

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()
        subprocess.run(["ip", "link", "delete", self._line], check=False, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        """Wait until the namespace is there."""
        own = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{self._holder.pid}/ns/net").readlink() == own:
            assert self._holder.poll() is None, "no network namespace could be made, which needs root"


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


@contextmanager
def network() -> Iterator[Network]:
    made = Network()
    try:
        made.wait()
        made.connect()
        yield made
    finally:
        made.close()
