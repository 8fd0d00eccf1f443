"""What is known of a sample at a glance: digests, times over its visible submissions, classification, verdict."""

from typing import Any

import msgspec

from samplebank.accounts.access import see_rows, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Where
from samplebank.errors import NotFound
from samplebank.samples.model import NO_SAMPLE
from samplebank.timespec import Millis
from samplebank.verdicts.model import Verdict
from samplebank.verdicts.queries import columns as verdict_columns


class Overview(msgspec.Struct, frozen=True):
    """A sample with its latest classification and verdict."""

    sha256: bytes
    md5: bytes | None
    sha1: bytes | None
    sha512: bytes | None
    size: int
    created_time: Millis
    deleted_time: Millis | None
    type: str | None
    super_type: str | None
    arch: str | None
    platform: str | None
    version: str | None
    meta_data: dict[str, Any] | None
    first_observed: Millis | None
    last_observed: Millis | None
    first_submitted: Millis | None
    last_submitted: Millis | None
    verdict: Verdict | None


COLUMNS = """
    s.sha256, s.md5, s.sha1, s.sha512, s.size, s.created_time, s.deleted_time,
    c.type, c.super_type, c.arch, c.platform, c.version, c.meta_data,
    span.first_observed, span.last_observed, span.first_submitted, span.last_submitted
"""
PLAIN_COLUMNS = 17


def columns(where: Where, caller: Caller) -> str:
    """The columns of an overview, as the caller may see it, from `source`."""
    return f"{COLUMNS}, {verdict_columns(where, caller)}"


def source(where: Where, caller: Caller) -> str:
    """What the columns come from: the sample `s`, and beside it what the caller may see."""
    visible = Where()
    visible.parameters = where.parameters
    see_rows(visible, caller, "u", Permission.VIEW_SAMPLES)
    return f"""
        sample s
        LEFT JOIN classification c ON c.id = s.classification_id
        LEFT JOIN verdict v ON v.id = s.verdict_id
        LEFT JOIN job j ON j.id = v.job_id
        CROSS JOIN LATERAL (
            SELECT min(u.observed_time) AS first_observed, max(u.observed_time) AS last_observed,
                   min(u.submitted_time) AS first_submitted, max(u.submitted_time) AS last_submitted
              FROM submission u WHERE u.sample_id = s.id AND {visible.sql}
        ) span
    """


def make(*row: Any) -> Overview:
    verdict = row[PLAIN_COLUMNS:]
    whole: Any = (*row[:PLAIN_COLUMNS], None if verdict[0] is None else Verdict(*verdict))
    return Overview(*whole)


async def get_overview(db: Connection, caller: Caller, sha256: bytes) -> Overview:
    """The sample, if the caller may see it (the record of a deleted one among them); else raises `NotFound`."""
    where = Where()
    where.add("s.sha256 = {}", sha256)
    see_samples(where, caller, "s", Permission.VIEW_SAMPLES)
    query = f"SELECT {columns(where, caller)} FROM {source(where, caller)} WHERE {where.sql}"
    row = await db.fetchrow(query, *where.parameters)
    if row is None:
        raise NotFound(NO_SAMPLE)
    return make(*row)
