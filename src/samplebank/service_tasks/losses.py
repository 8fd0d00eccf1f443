"""What goes with a sample that is deleted, as far as a caller sees what there is."""

import msgspec

from samplebank.accounts.access import see_customers, see_rows, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql
from samplebank.samples.model import Sample

#: the most rows of a kind that are counted
MOST = 10_000


class Losses(msgspec.Struct, frozen=True, rename="camel"):
    """The numbers of rows that the caller sees, up to `MOST` of each kind, and the bytes of evidence and children.

    Children are all files that came out of the sample. A child goes with the sample, unless somebody submitted the child,
    or the child came out of another file as well. Who did so is not told here.
    """

    submissions: int
    jobs: int
    analyses: int
    evidence: int
    evidence_bytes: int
    links: int
    notes: int
    facts: int
    children: int
    children_bytes: int


def _some(table: str) -> str:
    return f"(SELECT count(*) FROM (SELECT FROM {table} t WHERE t.sample_id = s.id AND {{}} LIMIT {MOST}) counted)"


COUNTED = f"""
    SELECT {{}} FROM sample s
     CROSS JOIN LATERAL (
         SELECT count(*) AS number, coalesce(sum(size), 0)::bigint AS bytes FROM (
             SELECT e.size FROM analysis t JOIN evidence e ON e.analysis_id = t.id
              WHERE t.sample_id = s.id AND {{}} LIMIT {MOST}) counted
     ) evidence
     CROSS JOIN LATERAL (
         WITH RECURSIVE below (root_id, sample_id) AS (
             SELECT e.root_id, e.sample_id FROM extracted e JOIN submission t ON t.id = e.root_id
              WHERE e.parent_id = s.id AND {{}}
             UNION
             SELECT e.root_id, e.sample_id FROM below JOIN extracted e
                 ON e.root_id = below.root_id AND e.parent_id = below.sample_id
         )
         SELECT count(*) AS number, coalesce(sum(size), 0)::bigint AS bytes FROM (
             SELECT c.size FROM sample c
              WHERE c.id IN (SELECT sample_id FROM below LIMIT {MOST}) AND c.deleted_time IS NULL AND {{}}) counted
     ) children
     WHERE s.id = {{}}
"""


async def losses(db: Connection, caller: Caller, sample: Sample) -> Losses:
    """Count what the caller sees of everything that goes with the sample."""
    analyses = see_rows(caller, "t", Permission.VIEW_ANALYSIS)
    submissions = see_rows(caller, "t", Permission.VIEW_SUBMISSION)
    numbers = Columns(
        Losses,
        submissions=Sql(_some("submission"), submissions),
        jobs=Sql(_some("job"), see_customers(caller, "t.customer_id", Permission.VIEW_JOBS)),
        analyses=Sql(_some("analysis"), analyses),
        evidence="evidence.number",
        evidence_bytes="evidence.bytes",
        links=Sql(_some("link"), analyses),
        notes=Sql(_some("sample_note"), Sql("t.withdrawn_time IS NULL AND {}", analyses)),
        facts=Sql(_some("static_fact"), Sql("true")),
        children="children.number",
        children_bytes="children.bytes",
    )
    seen = see_samples(caller, "c", Permission.VIEW_SAMPLES)
    row = await Sql(COUNTED, numbers.selected, analyses, submissions, seen, sample.id).row(db)
    assert row is not None  # noqa: S101 for the type checker: the row of a sample stays for ever
    return numbers.read(row)
