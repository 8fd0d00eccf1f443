"""A worker of the drill, in a process of its own that may be killed: `python -m drill.bringer URL`, with the key in SAMPLEBANK_KEY.

The worker opens containers as `samplebank worker run extract` does, under short leases.
"""

import asyncio
import os
import sys

from samplebank.serving.parent import stop_with_parent
from samplebank.worker import loop
from samplebank.worker.analysers import BUILT_IN

#: seconds of a lease, and seconds that a claim waits
LEASE, CLAIM = 3, 5

if __name__ == "__main__":
    stop_with_parent()
    asyncio.run(
        loop.run(
            sys.argv[1],
            os.environ["SAMPLEBANK_KEY"],
            [BUILT_IN["extract"]],
            stop_event=asyncio.Event(),
            parallel=1,
            pace=loop.Pace(lease_seconds=LEASE, claim_seconds=CLAIM),
        )
    )
