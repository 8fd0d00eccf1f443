"""The program of the housekeeper process: `python -m samplebank.serving.housekeeper_process`."""

import asyncio
import gc
import logging
import os
import signal

import uvloop

from samplebank import logs, settings
from samplebank.serving.figures import keep_figures

if __name__ == "__main__":
    logs.set_up(settings.load(os.environ).log_format)  # before anything below may be told in the log
gc.disable()  # as in a web process: what is loaded stays
keep_figures()  # before the modules below make figures

# ruff: noqa: E402
from samplebank.assembly import open_bank
from samplebank.maintenance.election import Deposed
from samplebank.maintenance.housekeeper import keep_house
from samplebank.serving.parent import stop_with_parent
from samplebank.vital import FAILED

log = logging.getLogger("samplebank.maintenance")


async def _keep_house() -> None:
    own = settings.load(os.environ)
    loop = asyncio.get_running_loop()
    async with open_bank(own, own.database_url or "") as bank:
        work = asyncio.create_task(keep_house(bank))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            return
        except Deposed:
            # Work that did not stop must not go on beside the next housekeeper. A new process stands for election.
            log.warning("housekeeper.deposed")
            os._exit(FAILED)


gc.freeze()
gc.enable()

if __name__ == "__main__":
    stop_with_parent()
    uvloop.run(_keep_house())
