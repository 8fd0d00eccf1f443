"""Reading the submissions that the caller may see."""

from uuid import UUID

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller, of_subject
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, Statement, all_of
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.errors import NotFound
from samplebank.samples.model import Sample
from samplebank.submissions.model import COLUMNS, FROM, Submission

NO_SUBMISSION = "There is no submission with this id of a sample that you may see."


def submissions_of(caller: Caller, sample: Sample) -> Listing[Submission]:
    """List the submissions of the sample, newest first."""
    where = _visible(caller, sample)
    order = "ORDER BY u.submitted_time DESC, u.id DESC"
    return Listing(COLUMNS, FROM, where, order, number=where.count("submission u"))


async def get_visible_submission(
    db: Connection, caller: Caller, sample: Sample, reference: str
) -> Submission:
    where = all_of([_visible(caller, sample), Sql("u.id = {}", find_id(reference))])
    row = await Sql(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE {{}}", where).row(db)
    if row is None:
        raise NotFound(NO_SUBMISSION)
    return COLUMNS.read(row)


async def subjects_met(db: Connection, caller: Caller, subjects: list[int]) -> set[int]:
    """Find the subjects that are named in the ACL of a submission visible to the caller."""
    met = set()
    for subject in subjects:
        where = all_of(
            [
                # implied by the next condition, for the index of readers
                Sql("u.readers @> {}::bigint[]", [of_subject(subject)]),
                Sql("{}::bigint = ANY (u.acl)", subject),
                see_rows(caller, "u", Permission.VIEW_SUBMISSION, Permission.ADD_SUBMISSION),
            ]
        )
        if await Sql("SELECT EXISTS (SELECT FROM submission u WHERE {})", where).value(db):
            met.add(subject)
    return met


def _visible(caller: Caller, sample: Sample) -> Sql:
    return all_of([Sql("u.sample_id = {}", sample.id), see_rows(caller, "u", Permission.VIEW_SUBMISSION)])


GET_SUBMISSION = Statement(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE u.id = :id")


async def get_submission(db: Connection, id_: UUID) -> Submission:
    """Get a submission, no matter who asks. Raises `NotFound`."""
    row = await GET_SUBMISSION.row(db, id=id_)
    if row is None:
        raise NotFound(NO_SUBMISSION)
    return COLUMNS.read(row)
