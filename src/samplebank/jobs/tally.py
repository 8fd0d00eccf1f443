"""The number of jobs by customer and state."""

from samplebank.database import Connection, Sql, all_of
from samplebank.database.tally import Tally

JOBS = Tally("job_tally", "customer_id", "state")
#: (customer_id, state, n), where the same customer and state may come more than once
TALLY = "(SELECT * FROM job_tally UNION ALL SELECT * FROM job_tally_change) j"
#: the tally over all customers: (state, n), where the same state may come more than once
TOTAL = "(SELECT state, n FROM job_tally_total UNION ALL SELECT state, n FROM job_tally_change) j"

# A trigger sums the totals up from what is inserted.
RECOUNT = """
    LOCK TABLE job, job_tally_change, job_tally IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM job_tally_change; DELETE FROM job_tally; DELETE FROM job_tally_total;
    INSERT INTO job_tally (customer_id, state, n) SELECT customer_id, state, count(*) FROM job GROUP BY customer_id, state
"""


async def recount(db: Connection) -> None:
    """Count the jobs anew, which takes time by their number. Writers of jobs wait. `db` must be in a transaction."""
    await db.execute(RECOUNT)


def number_in(tally: str, condition: Sql) -> Sql:
    """An expression: the number of jobs in `TALLY` or `TOTAL` for which `condition` on `j` holds."""
    return Sql(f"(SELECT coalesce(sum(j.n), 0)::bigint FROM {tally} WHERE {{}})", condition)


def all_but(condition: Sql, lacked: Sql) -> Sql:
    """An expression: the number of jobs for which `condition` holds, `lacked` does not. `condition` is not on customers."""
    return Sql("({} - {})", number_in(TOTAL, condition), number_in(TALLY, all_of([condition, lacked])))
