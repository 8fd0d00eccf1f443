"""The columns that decide who finds a sample: whether the readers of samples are those of the submissions."""

import secrets

from samplebank.accounts.caller import UPLOADERS
from samplebank.assembly import Bank
from samplebank.checkup.model import Finding, fault, good
from samplebank.database import Statement

#: samples that are looked at in one step, and steps where not all samples are looked at
BATCH, STEPS = 500, 4
#: samples that a finding tells
TOLD = 5
SUBJECT = "search columns"
REMEDY = "Have the columns made anew: POST /sampledb/v2/servicetask/reindex. The sample is found by others than it should be."
NEWEST = "SELECT coalesce(max(id), 0) FROM sample"
# Both lists are sets: a reader twice is the same reader.
LOOK = Statement(f"""
    WITH looked AS (
        SELECT id, sha256, created_time, unread_since, readers FROM sample
         WHERE id > :after AND deleted_time IS NULL ORDER BY id LIMIT {BATCH}
    ),
    compared AS (
        SELECT l.*,
               ARRAY(SELECT r FROM unnest(l.readers) r WHERE r >= {UPLOADERS}) AS held,
               ARRAY(SELECT DISTINCT r FROM submission u, unnest(u.readers) r WHERE u.sample_id = l.id) AS right_ones
          FROM looked l
    )
    SELECT max(id) AS last, count(*) AS number,
           array_agg(encode(sha256, 'hex')) FILTER (
               WHERE (NOT (held @> right_ones AND right_ones @> held)
                      OR unread_since IS NULL AND EXISTS (
                          SELECT FROM listed_readers(readers) r (r)
                           WHERE NOT EXISTS (SELECT FROM sample_reader sr
                                              WHERE sr.reader = r.r AND sr.created_time = compared.created_time
                                                AND sr.sample_id = compared.id)))
                 -- a deletion under way takes the submissions first
                 AND NOT EXISTS (SELECT FROM service_task t
                                  WHERE t.finished_time IS NULL AND t.operation = 'deleteSample'
                                    AND t.arguments @> jsonb_build_object('sample', compared.id))) AS wrong
      FROM compared
""")


async def examine_readers(bank: Bank, *, is_full: bool) -> list[Finding]:
    """Compare the readers of some samples with those of their submissions, and with the lists of samples by reader."""
    looked, wrong = 0, list[str]()
    async with bank.database.transaction(read_only=True) as db:
        newest: int = await db.fetchval(NEWEST)
        after = 0 if is_full else secrets.randbelow(max(newest - STEPS * BATCH, 1))
        steps = 0
        while is_full or steps < STEPS:
            row = await LOOK.row(db, after=after)
            if row is None or not row["number"]:
                break
            looked, after, steps = looked + row["number"], row["last"], steps + 1
            wrong += row["wrong"] or ()
    if wrong:
        said = f"{len(wrong)} of {looked} samples have other readers than their submissions: {', '.join(wrong[:TOLD])}."
        return [fault(SUBJECT, said, REMEDY)]
    some = "" if is_full else " `--full` looks at all samples."
    return [good(SUBJECT, f"{looked} samples are found by those who may see a submission.{some}")]
