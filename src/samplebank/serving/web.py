"""The web processes: Granian serves one application in each."""

import ctypes
import os
import signal
import socket
from contextlib import AbstractAsyncContextManager

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from samplebank import logs, settings
from samplebank.api.app import make_app
from samplebank.api.log import Observed
from samplebank.assembly import Bank, open_bank
from samplebank.errors import Invalid
from samplebank.settings import Settings

#: how the web processes and the housekeeper are told what the parent has found out
DATABASE = "SAMPLEBANK_DATABASE_URL"
PR_SET_PDEATHSIG = 1
BACKLOG = 2048
#: seconds that requests under way have when the service stops
GRACE = 10


def application() -> Observed:
    """What each web process runs."""
    stop_with_parent()
    own = settings.load(os.environ)
    logs.set_up(own.log_format)
    return make_app(_bank(own))


def _bank(own: Settings) -> AbstractAsyncContextManager[Bank]:
    return open_bank(own, own.database_url or "")


def stop_with_parent() -> None:
    """Let the kernel end this process when the one that started it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


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
        f"{__name__}:application",
        factory=True,
        address=own.host,
        port=own.port,
        interface=Interfaces.ASGI,
        workers=own.processes,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=30_000),
        websockets=False,
        backlog=BACKLOG,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE,
        log_level=LogLevels.warning,
    )
