"""Event generation: when a verdict makes a sample malicious, each submission of the sample gets an event."""

from samplebank.database import Connection, Statement
from samplebank.timespec import Millis

HOUR = 3_600_000
NEXT = """
    SELECT id FROM sample WHERE alerts_wanted ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""
GENERATE = Statement("""
    WITH fresh AS (
        SELECT id, customer_id, trusted_agent,
               row_number() OVER (PARTITION BY customer_id, trusted_agent ORDER BY submitted_time, id) AS position
          FROM submission WHERE sample_id = :sample_id AND event IS NULL
    ), recent AS (
        SELECT customer_id, count(*) AS alerts FROM submission
         WHERE event = 'alerted' AND event_time > :now::bigint - :hour::bigint AND customer_id IN (SELECT customer_id FROM fresh)
         GROUP BY customer_id
    ),
    -- Submissions of trusted agents get normal events. Alerts of a customer beyond `most` within the hour are a flood.
    flagged AS (
        UPDATE submission u SET event_time = :now, event = CASE
                   WHEN fresh.trusted_agent THEN 'normal'
                   WHEN coalesce(recent.alerts, 0) + fresh.position > :most::bigint THEN 'alertedFlood'
                   ELSE 'alerted' END
          FROM fresh LEFT JOIN recent USING (customer_id) WHERE u.id = fresh.id
        RETURNING u.id, u.event
    ), done AS (
        UPDATE sample SET alerts_wanted = false WHERE id = :sample_id
    )
    INSERT INTO outbox (sample_id, kind, payload, created_time)
    SELECT :sample_id, 'alert', jsonb_build_object('submissionID', id, 'event', event), :now FROM flagged
""")


async def generate_next(db: Connection, most_an_hour: int, *, now: Millis) -> bool:
    """Generate the events of a waiting sample; False when no sample waits."""
    sample_id = await db.fetchval(NEXT)
    if sample_id is None:
        return False
    await GENERATE.run(db, sample_id=sample_id, most=most_an_hour, hour=HOUR, now=now)
    return True
