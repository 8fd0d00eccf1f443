"""The processes below a service."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from kit.bank import eventually
from kit.service import Service


def children(service: Service, said: str) -> list[int]:
    """The processes that the service has started with these words in their command."""
    listed = subprocess.run(
        ["ps", "-ww", "--ppid", str(service.pid), "-o", "pid=,args="],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if said in line]


@contextmanager
def housekeeper_at_rest(service: Service) -> Iterator[None]:
    """The housekeeper of the service does nothing until the end of the block, so only requests begin statements."""
    (housekeeper,) = eventually(lambda: children(service, "housekeeper_process"))
    os.kill(housekeeper, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(housekeeper, signal.SIGCONT)


def interrupted(follower: "subprocess.Popen[str]") -> str:
    """Press Ctrl-C until the follower ends: Python drops an interrupt that comes during cleanup. Returns the complaints."""
    for _ in range(10):
        follower.send_signal(signal.SIGINT)
        try:
            return follower.communicate(timeout=3)[1]
        except subprocess.TimeoutExpired:
            continue
    follower.kill()
    return follower.communicate()[1]
