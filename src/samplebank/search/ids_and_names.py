"""What ids and file names lead to, as far as the caller may see: a statement for all ids, and a statement for all names."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from samplebank.accounts.access import see_customers, see_rows, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql
from samplebank.database.ordering import BEGINNING

#: submissions of a name that are looked at, the newest
MOST_LOOKED_AT: Final = 100
BY_ID: Final = """
    SELECT 'job' AS kind, j.id, j.id AS job_id, s.sha256 FROM job j JOIN sample s ON s.id = j.sample_id
     WHERE j.id = ANY ({ids}::uuid[]) AND {job}
     UNION ALL
    SELECT 'task', t.id, t.job_id, s.sha256 FROM job_task t JOIN sample s ON s.id = t.sample_id
     WHERE t.id = ANY ({ids}::uuid[]) AND {task}
     UNION ALL
    SELECT 'submission', u.id, NULL, s.sha256 FROM submission u JOIN sample s ON s.id = u.sample_id
     WHERE u.id = ANY ({ids}::uuid[]) AND {submission} AND {sample}
     UNION ALL
    SELECT 'analysis', a.id, NULL, s.sha256 FROM analysis a JOIN sample s ON s.id = a.sample_id
     WHERE a.id = ANY ({ids}::uuid[]) AND {analysis} AND {sample}
"""
BY_NAME: Final = f"""
    SELECT wanted.name, found.number, found.is_more, found.newest
      FROM unnest({{names}}::text[]) WITH ORDINALITY wanted(name, place)
     CROSS JOIN LATERAL (
        SELECT count(DISTINCT s.id) AS number, count(*) > {MOST_LOOKED_AT} AS is_more,
               (array_agg(s.sha256 ORDER BY one.id DESC))[1] AS newest
          FROM (SELECT u.id, u.sample_id FROM submission u
                 WHERE left(u.file_name, {BEGINNING}) = left(wanted.name, {BEGINNING}) AND u.file_name = wanted.name
                   AND {{submission}}
                 ORDER BY u.id DESC LIMIT {MOST_LOOKED_AT + 1}) one
          JOIN sample s ON s.id = one.sample_id AND s.deleted_time IS NULL
     ) found
     WHERE found.number > 0 ORDER BY wanted.place
"""


class ById(NamedTuple):
    """What has an id: a job, a task, a submission or an analysis of the sample `sha256`. Jobs and tasks have a job."""

    kind: str
    id: UUID
    job_id: UUID | None
    sha256: bytes


class ByName(NamedTuple):
    """A file name with the number of its samples, and the sample that had the name last. `is_more`: there may be more samples."""

    name: str
    number: int
    is_more: bool
    newest: bytes


async def find_by_id(db: Connection, caller: Caller, ids: Sequence[UUID]) -> list[ById]:
    """Find what has one of the ids. Unknown and invisible ids are left out."""
    query = Sql(
        BY_ID,
        ids=list(ids),
        job=see_customers(caller, "j.customer_id", Permission.VIEW_JOBS),
        task=see_customers(caller, "t.customer_id", Permission.VIEW_JOBS),
        submission=_submission(caller),
        analysis=see_rows(caller, "a", Permission.VIEW_ANALYSIS),
        sample=see_samples(caller, "s", Permission.VIEW_SAMPLES),
    )
    return [ById(**row) for row in await query.rows(db)]


async def find_by_name(db: Connection, caller: Caller, names: Sequence[str]) -> list[ByName]:
    """Count the samples with each of the file names, in the order of the names. Unknown and invisible names are left out."""
    rows = await Sql(BY_NAME, names=list(names), submission=_submission(caller)).rows(db)
    return [ByName(**row) for row in rows]


def _submission(caller: Caller) -> Sql:
    return see_rows(caller, "u", Permission.VIEW_SUBMISSION, Permission.VIEW_SAMPLES)
