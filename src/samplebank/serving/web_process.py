"""The program of each web process.

The parent loads this module before the first web process begins. A web process is a copy of the parent, so loading costs the
time once, and the memory once.
"""

import gc
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from samplebank.serving.figures import keep_figures

gc.disable()  # nothing that is loaded becomes garbage, and the collector would look through all of it again and again
keep_figures()  # before the modules below make figures

# ruff: noqa: E402
from samplebank import logs, settings
from samplebank.assembly import Bank, open_bank
from samplebank.http.log import Observed
from samplebank.serving.connections import tell_connections
from samplebank.serving.descriptors import most_connections, raise_limit
from samplebank.serving.lines import Lines
from samplebank.serving.parent import LAST_CALL, stop_with_parent
from samplebank.serving.site import make_site
from samplebank.vital import vital

#: objects made before the collector looks through young objects, and how often it looks through older objects
GARBAGE = (20_000, 20, 50)


@asynccontextmanager
async def _opened() -> AsyncIterator[Bank]:
    own = settings.load(os.environ)
    lines = Lines(own.port, own.connections_per_address or sys.maxsize, most_connections())
    async with (
        open_bank(own, own.database_url or "", keep_plans=True) as bank,
        vital(lines.keep(SITE.clients), "lines"),
        vital(tell_connections(bank.database), "figures"),
    ):
        yield bank


#: made once, in the parent: a web process begins as a copy of the parent, and so starts at once
SITE = make_site(_opened())
# Everything loaded by now stays: the collector need not look through loaded objects again and again.
gc.collect()
gc.freeze()
gc.enable()


def application() -> Observed:
    # Not SIGTERM: Granian's handler hangs for ever while Granian's server starts. An orphan would keep the port.
    stop_with_parent(signal.SIGKILL)
    os.setpgid(
        0, 0
    )  # Ctrl-C in a terminal is for the service, which stops the workers before the web processes
    signal.signal(LAST_CALL, signal.SIG_IGN)  # until there are streams to end
    raise_limit()
    logs.set_up(settings.load(os.environ).log_format)
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    return SITE
