"""Hosts with a network of their own, whose lines can be cut as by a broken switch: bytes are swallowed, and nobody says good-bye.

A host is a network namespace with lines to this machine. Needs root, as tests and drills have on machines for tests.
"""

import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

#: the network of a host: from the addresses for benchmarks, which no real network has (RFC 2544)
NETWORK = "198.18.{part}.{end}"
#: addresses that a line takes
SIZE = 4
#: the address of a network card that is nowhere
NOWHERE = "02:00:00:00:00:01"


class NoNetwork(Exception):
    """This machine allows no network of one's own. The text says why."""


class Line:
    """A line between this machine and a host: the addresses of both ends, and the words before a command that runs on the host."""

    def __init__(self, enter: Sequence[str], pid: int, here: str, there: str) -> None:
        self.enter, self.here, self.there = enter, here, there
        self._name = f"sb{secrets.token_hex(4)}"
        far = f"{self._name}t"
        _run("ip", "link", "add", self._name, "type", "veth", "peer", "name", far, "netns", str(pid))
        #: for each end: the words before commands, the device, the address, and the address of the other end
        self._ends = (((), self._name, here, there), (tuple(enter), far, there, here))
        for words, device, address, _ in self._ends:
            _run(*words, "ip", "address", "add", f"{address}/30", "dev", device)
            _run(*words, "ip", "link", "set", device, "up")

    def cut(self) -> None:
        """Swallow everything that either end sends, from now on: each end sends to a card that is nowhere."""
        for words, device, _, other in self._ends:
            _run(
                *words, "ip", "neigh", "replace", other, "lladdr", NOWHERE, "nud", "permanent", "dev", device
            )

    def mend(self) -> None:
        """Let bytes pass again."""
        for words, device, _, other in self._ends:
            _run(*words, "ip", "neigh", "delete", other, "dev", device)

    def close(self) -> None:
        subprocess.run(["ip", "link", "delete", self._name], check=False, stderr=subprocess.DEVNULL)


class Network:
    """The network of a host, which has no lines at first."""

    def __init__(self) -> None:
        self._part = secrets.randbelow(256)
        self._lines = list[Line]()
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stderr=subprocess.PIPE)

    @property
    def enter(self) -> list[str]:
        """The words before a command that runs on the host."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "--"]

    def line(self) -> Line:
        """A further line between this machine and the host."""
        first = SIZE * len(self._lines)
        here, there = (NETWORK.format(part=self._part, end=first + end) for end in (1, 2))
        line = Line(self.enter, self._holder.pid, here, there)
        self._lines.append(line)
        return line

    def wait(self) -> None:
        """Wait until the namespace is there. Raises `NoNetwork`."""
        own = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{self._holder.pid}/ns/net").readlink() == own:
            if self._holder.poll() is not None:
                assert self._holder.stderr is not None  # noqa: S101 it has a pipe
                said = self._holder.stderr.read().decode().strip()
                raise NoNetwork(f"no network namespace could be made, which needs root: {said}")
        _run(*self.enter, "ip", "link", "set", "lo", "up")

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()
        for line in self._lines:
            line.close()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


@contextmanager
def network() -> Iterator[Network]:
    """The network of a new host. Raises `NoNetwork`."""
    made = Network()
    try:
        made.wait()
        yield made
    finally:
        made.close()
