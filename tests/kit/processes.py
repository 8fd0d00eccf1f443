"""The processes below a service."""

import subprocess

from kit.service import Service


def children(service: Service, said: str) -> list[int]:
    """The processes that the service has started with these words in their command."""
    listed = subprocess.run(
        ["ps", "--ppid", str(service.pid), "-o", "pid=,args="], capture_output=True, text=True, check=False
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if said in line]
