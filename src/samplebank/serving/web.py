"""The web processes: Granian serves one application in each."""

import contextlib
import importlib
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from samplebank.logs import Faults
from samplebank.serving.descriptors import most_connections
from samplebank.serving.parent import LAST_CALL
from samplebank.serving.place import address_of
from samplebank.settings import Settings

faults = Faults(logging.getLogger("samplebank.serving"))
APPLICATION = "samplebank.serving.web_process:application"
BACKLOG = 2048
#: seconds that requests under way have when the service stops
GRACE = 10
#: seconds between two starts of processes that end again and again
PAUSE = 2.0


class Server(MPServer):
    """Granian's server, made to never give up.

    When a process dies twice within seconds, Granian expects an endless loop and ends all processes. A file or request
    that costs two processes their lives must not cost everybody the service.
    """

    #: called when the service is told to stop, before the web processes are told
    before_stop: Callable[[], None]
    _respawned = 0.0

    def _respawn_workers(self, *arguments: Any, **more: Any) -> None:
        time.sleep(max(0.0, self._respawned + PAUSE - time.monotonic()))
        self._respawned = time.monotonic()
        super()._respawn_workers(*arguments, **more)
        self.respawned_wrks.clear()

    def shutdown(self, exit_code: int = 0) -> None:
        if self.interrupt_signal:
            self.before_stop()
        for worker in self.wrks:
            with contextlib.suppress(ProcessLookupError, TypeError):  # which has ended already
                os.kill(worker.inner.pid, LAST_CALL)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


def serve_web(own: Settings, before_stop: Callable[[], None]) -> None:
    """Run the web processes until the service is told to stop. `before_stop` is called before the web processes stop."""
    importlib.import_module(APPLICATION.partition(":")[0])  # once, for all web processes
    while True:
        server = _make_server(own)
        server.before_stop = before_stop
        code = 0
        try:
            server.serve()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        if _is_told_to_stop(server):
            return
        faults.warn("web.restarted", exit=code)
        time.sleep(PAUSE)
        if _is_told_to_stop(server):  # told meanwhile: the signal handler still belongs to the old server
            before_stop()
            return


def _is_told_to_stop(server: Server) -> bool:
    return bool(server.interrupt_signal)


def _make_server(own: Settings) -> Server:
    return Server(
        APPLICATION,
        factory=True,
        address=address_of(own.host),
        port=own.port,
        interface=Interfaces.ASGI,
        workers=own.processes,
        # Measured: a tenth more answers than with a pool of threads. Threads hand each answer from one to another.
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
