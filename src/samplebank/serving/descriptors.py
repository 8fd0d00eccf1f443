"""Open files and connections of a process."""

import resource
from contextlib import suppress

#: connections of one web process at most; each takes a few kilobytes while it is idle
CONNECTIONS = 8192
#: descriptors that are kept for files, the database and the log
RESERVE = 512


def raise_limit() -> None:
    """Allow this process as many descriptors as the operator allows at all: the usual 1,024 are for interactive programs."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # the kernel's own limit may be lower
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_connections() -> int:
    """How many clients a web process may be connected to, idle ones included."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = CONNECTIONS if hard == resource.RLIM_INFINITY else hard - RESERVE
    return max(128, min(CONNECTIONS, allowed))
