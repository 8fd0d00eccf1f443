"""The number of jobs by customer and state: kept by triggers, exact at any moment, and never counted."""

from samplebank.database import Connection, Sql, all_of

#: (customer_id, state, n), where the same customer and state may come more than once
TALLY = "(SELECT * FROM job_tally UNION ALL SELECT * FROM job_tally_change) j"
#: the tally over all customers: (state, n), where the same state may come more than once
TOTAL = "(SELECT state, n FROM job_tally_total UNION ALL SELECT state, n FROM job_tally_change) j"
#: bytes of the table of changes from which on shrinking pays: each page of a list reads the table, mostly empty space
LARGE = 128 * 1024
FOLD = """
    WITH changes AS (DELETE FROM job_tally_change RETURNING customer_id, state, n)
    INSERT INTO job_tally
    SELECT customer_id, state, sum(n) FROM changes GROUP BY customer_id, state ORDER BY customer_id, state
    ON CONFLICT (customer_id, state) DO UPDATE SET n = job_tally.n + excluded.n
"""


def number_in(tally: str, condition: Sql) -> Sql:
    """An expression: the number of jobs in `TALLY` or `TOTAL` for which `condition` on `j` holds."""
    return Sql(f"(SELECT coalesce(sum(j.n), 0)::bigint FROM {tally} WHERE {{}})", condition)


def all_but(condition: Sql, lacked: Sql) -> Sql:
    """An expression: the number of jobs for which `condition` holds, `lacked` does not. `condition` is not on customers."""
    return Sql("({} - {})", number_in(TOTAL, condition), number_in(TALLY, all_of([condition, lacked])))


async def fold_changes(db: Connection) -> None:
    """Fold the changes into the tally, and give back the space of the changes. `db` must not be in a transaction."""
    if await db.execute(FOLD) != "INSERT 0 0":
        # Shrinking the table locks the table. The lock pays only where each page of a list would read much empty space.
        is_large = await db.fetchval("SELECT pg_relation_size('job_tally_change')") > LARGE
        await db.execute(f"VACUUM (TRUNCATE {is_large}) job_tally_change")
