"""The customer of a reanalysis: the caller's own, else the customer of the latest submission visible to the caller."""

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, all_of
from samplebank.errors import NotFound
from samplebank.jobs.opening import Cause
from samplebank.policy.model import Case
from samplebank.samples.model import NO_SAMPLE, Sample

# An update, because submissions look without a lock. The new version of the row tells submissions that there may be a new
# job.
LOCK = "UPDATE sample SET size = size WHERE id = $1"
LATEST = """
    SELECT u.id, u.customer_id, u.meta_data, c.type, c.super_type
      FROM submission u JOIN sample s ON s.id = u.sample_id LEFT JOIN classification c ON c.id = s.classification_id
     WHERE {} ORDER BY u.customer_id = {} DESC, u.submitted_time DESC, u.id DESC LIMIT 1
"""


async def cause_of(db: Connection, caller: Caller, sample: Sample) -> tuple[Cause, Case]:
    """Find the cause of a reanalysis, and the case for the rules. Locks the sample against other new jobs."""
    await db.execute(LOCK, sample.id)
    where = all_of([Sql("u.sample_id = {}", sample.id), see_rows(caller, "u", Permission.REANALYSE)])
    row = await Sql(LATEST, where, caller.user.customer.id).row(db)
    if row is None:
        raise NotFound(NO_SAMPLE)
    submission, customer, meta_data, type_, super_type = row
    return Cause(sample.id, customer, submission), Case(customer, type_, super_type, meta_data)
