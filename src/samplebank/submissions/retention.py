"""Submissions end with their retention, unless the sample is malicious. With the last submission the readers go."""

from samplebank.accounts.caller import UPLOADERS
from samplebank.database import Connection, Statement
from samplebank.timespec import Millis

#: submissions deleted in one transaction
BATCH = 500
FIND_EXPIRED = """
    SELECT u.id, u.sample_id, u.expiry_time FROM submission u JOIN sample s ON s.id = u.sample_id
      LEFT JOIN verdict v ON v.id = s.verdict_id
     WHERE u.expiry_time BETWEEN $1 AND $2 AND NOT coalesce(v.malicious, false)
     ORDER BY u.expiry_time LIMIT $3
"""
# Samples are locked in the order of their ids: submissions lock samples, too.
LOCK_SAMPLES = "SELECT FROM sample WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"
DELETE = """
    DELETE FROM submission u USING sample s LEFT JOIN verdict v ON v.id = s.verdict_id
     WHERE u.id = ANY($1::uuid[]) AND s.id = u.sample_id AND NOT coalesce(v.malicious, false)
"""
FORGET_READERS = Statement(f"""
    UPDATE sample s SET readers = uploaders || left_over.readers,
           unread_since = CASE WHEN left_over.readers = '{{}}' THEN coalesce(s.unread_since, :now::bigint) END
      FROM (SELECT x.id, ARRAY(SELECT r FROM unnest(x.readers) r WHERE r < {UPLOADERS}) AS uploaders,
                   ARRAY(SELECT DISTINCT r FROM submission u, unnest(u.readers) r WHERE u.sample_id = x.id
                          ORDER BY r) AS readers
              FROM sample x WHERE x.id = ANY(:sample_ids::bigint[])) left_over
     WHERE s.id = left_over.id
""")
FORGET_CHALLENGES = "DELETE FROM challenge WHERE expiry_time <= $1"
FORGET_RANGES = "DELETE FROM challenge_range WHERE until <= $1"
FORGET_WRONG_ANSWERS = "DELETE FROM wrong_answer WHERE time <= $1"


async def delete_expired(db: Connection, *, since: Millis, now: Millis) -> tuple[int, Millis]:
    """Delete a batch of the submissions that have expired since then: (how many were found, where the next batch begins)."""
    found = await db.fetch(FIND_EXPIRED, since, now, BATCH)
    if not found:
        return 0, now
    submissions, samples = [row[0] for row in found], sorted({row[1] for row in found})
    await db.execute(LOCK_SAMPLES, samples)
    await db.execute(DELETE, submissions)
    await FORGET_READERS.run(db, sample_ids=samples, now=now)
    return len(found), found[-1][2]


async def delete_old_challenges(db: Connection, *, period: Millis, now: Millis) -> None:
    """Delete expired challenges and ranges, and wrong answers older than `period`."""
    await db.execute(FORGET_CHALLENGES, now)
    await db.execute(FORGET_RANGES, now)
    await db.execute(FORGET_WRONG_ANSWERS, now - period)
