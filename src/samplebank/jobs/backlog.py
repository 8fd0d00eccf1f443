"""How much waits in the installation. Long queues are counted up to `MOST` only: the exact length does not matter."""

from samplebank.database import Connection, Statement
from samplebank.jobs.clock import LAST_DONE
from samplebank.jobs.tally import TOTAL
from samplebank.timespec import Millis

MOST = 10_000
UNFINISHED = (
    f"SELECT state, sum(n)::bigint FROM {TOTAL} WHERE state IN ('enqueued', 'executing') GROUP BY state"
)
# A sink that is no longer set keeps its place in the feed. Nobody waits for what it has to deliver.
WAITING = Statement(f"""
    WITH sink AS (SELECT * FROM sink WHERE name = ANY (:sinks::text[])),
         delivery AS NOT MATERIALIZED (SELECT * FROM delivery WHERE sink = ANY (:sinks::text[]))
    SELECT (SELECT count(*) FROM (SELECT FROM sample WHERE classification_wanted LIMIT {MOST}) waiting),
           (SELECT count(*) FROM (
               SELECT FROM delivery WHERE dead_time IS NULL UNION ALL
               SELECT FROM sink CROSS JOIN LATERAL (
                   SELECT FROM outbox WHERE xid >= sink.until ORDER BY xid LIMIT {MOST}) beyond UNION ALL
               SELECT FROM sink CROSS JOIN LATERAL (
                   SELECT FROM outbox
                    WHERE outbox.id > sink.id AND outbox.id <= sink.last AND xid >= sink.since AND xid < sink.until
                    ORDER BY outbox.id LIMIT {MOST}) in_window
                LIMIT {MOST}) waiting),
           (SELECT count(*) FROM (SELECT FROM delivery WHERE dead_time IS NOT NULL LIMIT {MOST}) dead),
           ({LAST_DONE})
""")
# The oldest undelivered event of a sink: among the deliveries, else at the sink's place in the feed. A sink that
# was away since its first start stands at the beginning.
LAGS = Statement(f"""
    SELECT sink.name,
           (SELECT count(*) FROM (
               SELECT FROM delivery WHERE delivery.sink = sink.name AND dead_time IS NULL LIMIT {MOST}) waiting),
           (SELECT count(*) FROM (
               SELECT FROM delivery WHERE delivery.sink = sink.name AND dead_time IS NOT NULL LIMIT {MOST}) dead),
           least(
               (SELECT min(o.created_time) FROM (
                   SELECT event_id FROM delivery WHERE delivery.sink = sink.name AND dead_time IS NULL LIMIT {MOST}) waiting
                  JOIN outbox o ON o.id = waiting.event_id),
               (SELECT created_time FROM outbox
                 WHERE id > sink.id AND id <= sink.last AND xid >= sink.since AND xid < sink.until
                 ORDER BY id LIMIT 1),
               (SELECT created_time FROM outbox WHERE xid >= sink.until ORDER BY xid LIMIT 1))
      FROM (SELECT wanted.name, coalesce(known.since, '0') AS since, coalesce(known.until, '0') AS until,
                   coalesce(known.id, 0) AS id, coalesce(known.last, 0) AS last
              FROM unnest(:sinks::text[]) wanted (name) LEFT JOIN sink known ON known.name = wanted.name) sink
""")


async def lags(db: Connection, sinks: list[str], *, now: Millis) -> dict[str, float]:
    """How far each of the sinks is behind the feed: figures by name, for Prometheus."""
    figures: dict[str, dict[str, float]] = {"waiting": {}, "dead": {}, "lag_seconds": {}}
    for name, waiting, dead, oldest in await LAGS.rows(db, sinks=sinks):
        figures["waiting"][name], figures["dead"][name] = waiting, dead
        figures["lag_seconds"][name] = 0 if oldest is None else max(0, now - oldest) / 1000
    return {
        f'samplebank_sink_{figure}{{sink="{name}"}}': value
        for figure, of_sinks in figures.items()
        for name, value in of_sinks.items()
    }


async def backlog(db: Connection, sinks: list[str], *, now: Millis) -> dict[str, float]:
    """Count the waiting work, and the events for these sinks: figures by name, for Prometheus."""
    unfinished = dict(await db.fetch(UNFINISHED))
    unclassified, waiting, dead, done = await WAITING.row(db, sinks=sinks)
    figures: dict[str, float] = {
        f'samplebank_jobs_unfinished{{state="{state}"}}': unfinished.get(state, 0)
        for state in ("enqueued", "executing")
    }
    figures |= {
        "samplebank_unclassified": unclassified,
        "samplebank_events_waiting": waiting,
        "samplebank_events_dead": dead,
    }
    return (
        figures if done is None else figures | {"samplebank_housework_age_seconds": max(0, now - done) / 1000}
    )
