"""Batches: submissions that were sent together, and so have the same value under `batch` in their metadata."""

from typing import Any, Final
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_customers, see_samples, sees_row
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql, all_of
from samplebank.database.listing import OrderedListing
from samplebank.database.ordering import Key, Order
from samplebank.timespec import Millis

#: the key of the metadata of a submission that names the batch
BATCH: Final = "batch"
#: the most jobs of a batch that are watched
MOST_WATCHED: Final = 1000
# `+ 0` hides the index of times: a batch is found by its metadata, and is small enough to be sorted.
SORTS: Final = {"submittedTimestamp": Key("u.submitted_time + 0", field="submitted_time")}


class Sent(msgspec.Struct, frozen=True):
    """A file of a batch.

    `sample` is digest, size, and score and override of the verdict, which are None where there is none or the caller may not
    see the sample. `job` is id, state and the tasks as pairs of worker and state, None where there is none or the caller may not
    see jobs. `known_time` is the time of the newest submission of the same bytes before this one.
    """

    id: UUID
    sample: tuple[bytes, int, int | None, str | None]
    file_name: str
    customer_id: int
    submitted_time: Millis
    known_time: Millis | None
    job: tuple[UUID, str, list[Any] | None] | None


def sent_in(caller: Caller, batch: UUID) -> OrderedListing[Sent]:
    """The submissions of the batch that the caller made or may see, newest first."""
    order = Order(Sql("submission u"), ("-submittedTimestamp",), SORTS, Key("u.id", "uuid", field="id"))
    return OrderedListing(_columns(caller), "submission u", _of_batch(caller, batch), order)


async def jobs_under_way(db: Connection, caller: Caller, batch: UUID, *, since: Millis) -> list[UUID]:
    """The jobs of the batch that the caller may see and that have not ended by `since`, at most `MOST_WATCHED`."""
    query = Sql(
        f"""
        SELECT DISTINCT j.id FROM submission u JOIN job j ON j.sample_id = u.sample_id AND j.customer_id = u.customer_id
         WHERE {{}} AND (j.end_time IS NULL OR j.end_time > {{}}) AND {{}} LIMIT {MOST_WATCHED}
        """,
        _of_batch(caller, batch),
        since,
        see_customers(caller, "j.customer_id", Permission.VIEW_JOBS),
    )
    return [row[0] for row in await query.rows(db)]


def _of_batch(caller: Caller, batch: UUID) -> Sql:
    return all_of(
        [
            Sql("u.meta_data @> {}::jsonb", msgspec.json.encode({BATCH: str(batch)})),
            sees_row(caller, "u", Permission.VIEW_SUBMISSION),
        ]
    )


def _columns(caller: Caller) -> Columns[Sent]:
    known = Sql(
        """
        (SELECT max(b.submitted_time) FROM submission b
          WHERE b.sample_id = u.sample_id AND b.submitted_time < u.submitted_time AND {})
        """,
        sees_row(caller, "b", Permission.VIEW_SUBMISSION, Permission.VIEW_SAMPLES),
    )
    # One row of the sample for all values: a look for each value would be a look at the sample for each.
    visible = see_samples(caller, "s", Permission.VIEW_SAMPLES)
    sample = Sql(
        """
        (SELECT ROW(s.sha256, s.size, v.score, v.status_override)
           FROM sample s LEFT JOIN verdict v ON v.id = s.verdict_id AND {} WHERE s.id = u.sample_id)
        """,
        visible,
    )
    # The job that the submission opened or joined, or a later job of the same customer. `+ 0` leaves the index of the sample.
    job = Sql(
        """
        (SELECT ROW(j.id, j.state, (SELECT jsonb_agg(jsonb_build_array(t.worker, t.state) ORDER BY t.worker)
                                      FROM job_task t WHERE t.job_id = j.id))
           FROM job j
          WHERE j.sample_id = u.sample_id AND j.customer_id + 0 = u.customer_id
            AND (j.end_time IS NULL OR j.end_time >= u.submitted_time) AND {}
          ORDER BY j.enqueued_time DESC LIMIT 1)
        """,
        see_customers(caller, "j.customer_id", Permission.VIEW_JOBS),
    )
    return Columns.of(Sent, "u", sample=sample, known_time=known, job=job)
