"""The connections of a web process to the database, as figures for /metrics."""

import asyncio

from prometheus_client import Gauge

from samplebank.database import Database

#: seconds between two looks: more often than Prometheus asks, and seldom enough to cost nothing
PAUSE = 1.0
CONNECTIONS = Gauge(
    "samplebank_database_connections",
    "Connections of the web processes to the database: lent, free, and the most that there may be.",
    ["state"],
    multiprocess_mode="sum",
)
WAITING = Gauge(
    "samplebank_database_waiting",
    "Requests that wait for a connection to the database.",
    multiprocess_mode="sum",
)


async def tell_connections(database: Database) -> None:
    """Keep the figures up to date until cancelled."""
    lent, free, most = (CONNECTIONS.labels(state) for state in ("lent", "free", "most"))
    while True:
        lent.set(database.lent)
        free.set(database.held - database.lent)
        most.set(database.size)
        WAITING.set(database.waiting)
        await asyncio.sleep(PAUSE)
