"""The web processes: Granian serves one application in each."""

import socket

from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from samplebank.errors import Invalid
from samplebank.serving.descriptors import most_connections
from samplebank.settings import Settings

APPLICATION = "samplebank.serving.web_process:application"
BACKLOG = 2048
#: seconds that requests under way have when the service stops
GRACE = 10


def check_port(own: Settings) -> None:
    """Raise `Invalid` with one line when the address cannot be had."""
    family = socket.AF_INET6 if ":" in own.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((own.host, own.port))
        except OSError as error:
            raise Invalid(
                f"{own.host}:{own.port} cannot be listened on: {error.strerror}. "
                "Give another one with --port or SAMPLEBANK_PORT.",
            ) from error


def make_server(own: Settings) -> MPServer:
    """The server of the web processes; its `serve` returns when the service is told to stop."""
    return MPServer(
        APPLICATION,
        factory=True,
        address=own.host,
        port=own.port,
        interface=Interfaces.ASGI,
        workers=own.processes,
        # measured: a tenth more answers than with a pool of threads, which hand each answer to each other
        runtime_mode=RuntimeModes.st,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=30_000),
        websockets=False,
        backlog=BACKLOG,
        backpressure=most_connections(),
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE,
        log_level=LogLevels.warning,
    )
