"""How many files and connections a process may have open."""

import resource
from contextlib import suppress

#: connections of one web process at most; each idle connection takes a few kilobytes
CONNECTIONS = 8192
#: descriptors kept for files, the database and the log
RESERVE = 512


def raise_limit() -> None:
    """Allow the process as many descriptors as the operator allows. The usual 1,024 are for interactive programs."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # the kernel's own limit may be lower
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_connections() -> int:
    """The number of clients that a web process may be connected to, idle clients included."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = CONNECTIONS if hard == resource.RLIM_INFINITY else hard - RESERVE
    return max(128, min(CONNECTIONS, allowed))
