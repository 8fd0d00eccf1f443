"""Ports for servers that the benchmark, the drill and the tests start."""

import secrets
import socket

HOST = "127.0.0.1"
#: the system gives clients ports from 32768 on, so no client takes a port of a server that stops and starts again
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Get a port on which nobody listens."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def is_served(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
