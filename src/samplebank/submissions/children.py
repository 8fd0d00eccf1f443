"""Children: samples that a worker found inside of another sample, stored with submission, job and links at once.

A child belongs to the customer of the job in which the child was found. The readers of the parent's submission read the
child, for as long.
"""

from typing import Literal
from uuid import UUID

import msgspec

from samplebank.blobs import Digests
from samplebank.database import Connection, Outrun, Statement, new_id
from samplebank.jobs import opening
from samplebank.jobs.lanes import shift_of_job
from samplebank.jobs.waiting import wait_for_children
from samplebank.policy.model import Case
from samplebank.policy.plan import plan_for
from samplebank.policy.rules import PolicyBook, lock_version
from samplebank.samples import links
from samplebank.samples.links import NewLink
from samplebank.submissions import origins
from samplebank.submissions.intake import marked, stored
from samplebank.submissions.model import NewSubmission
from samplebank.submissions.origins import Bounds, Origin, Reason
from samplebank.timespec import Millis

Relation = Literal["child", "downloads", "loads", "executes"]
Outcome = Literal["stored", "known", "refused"]
#: the metadata of a submission that may hold words to open the file with, one on a line
PASSWORD = "password"  # noqa: S105 the name, not the word

# Samples are locked in the order of their ids, as everywhere.
LOCK = Statement("""
    SELECT count(*) FROM (
        SELECT FROM sample WHERE id = ANY (:samples::bigint[]) AND deleted_time IS NULL ORDER BY id FOR NO KEY UPDATE
    ) locked
""")
FIND_PLACE = Statement("""
    SELECT depth, submission_id, job_id FROM extracted
     WHERE root_id = :root_id AND parent_id = :parent_id AND sample_id = :sample_id
""")
PLACE = Statement("""
    INSERT INTO extracted (root_id, parent_id, sample_id, path, depth, submission_id, job_id)
    VALUES (:root_id, :parent_id, :sample_id, :path, :depth, :submission_id, :job_id)
""")
#: the type of a child, and the place in the line: who waits for the parent waits for the child, too
LOOK = Statement(f"""
    SELECT c.type, c.super_type, {shift_of_job(":parent_job_id::uuid")}
      FROM sample s LEFT JOIN classification c ON c.id = s.classification_id
     WHERE s.id = :sample_id
""")
STORING = f"""
    WITH good AS (SELECT 1), {stored()},
    noted AS (
        UPDATE sample SET
            activity_time = greatest(activity_time, :now), unread_since = NULL,
            readers = ARRAY(SELECT DISTINCT r FROM unnest(readers || :readers) r ORDER BY r)
          FROM stored WHERE sample.id = :sample_id
    ),
    -- A file that had no children when the same workers looked at the file for the customer is not analysed again. A worker
    -- whose task did not succeed has not looked.
    cause AS (
        SELECT id AS submission_id FROM stored
         WHERE EXISTS (SELECT FROM extracted WHERE parent_id = :sample_id)
            OR NOT EXISTS (SELECT FROM job j
                            WHERE sample_id = :sample_id AND customer_id + 0 = :customer_id AND state = 'done'
                              AND workers @> :workers::uuid[]
                              AND NOT EXISTS (SELECT FROM job_task t WHERE t.job_id = j.id AND t.state <> 'success'
                                                                       AND t.worker_id = ANY(:workers::uuid[])))
    ),
    {opening.opened(told=opening.SUBMITTED)}
"""
STORED = "SELECT stored.id, job_of_cause.id, job_of_cause.is_new FROM stored LEFT JOIN job_of_cause ON TRUE"
STORE = Statement(f"{STORING} {STORED}")
STORE_UNTYPED = Statement(f"{STORING}, {marked()} {STORED}")


class NewChild(msgspec.Struct, frozen=True, kw_only=True):
    """A child as a worker tells of the child. `password` has the words, one on a line, that may open the child."""

    path: str
    file_name: str
    relation: Relation
    how: str
    worker_version: str
    password: str | None = None


class Find(msgspec.Struct, frozen=True):
    """A child of a parent, whose bytes are kept and catalogued as `sample_id`, and who found the child when."""

    origin: Origin
    sample_id: int
    digests: Digests
    new: NewChild
    user_id: int
    now: Millis


class Receipt(msgspec.Struct, frozen=True):
    """The outcome for a child. `reason` tells the bound that was reached. A known child was linked, and nothing else."""

    outcome: Outcome
    depth: int
    reason: Reason | None = None
    submission_id: UUID | None = None
    job_id: UUID | None = None
    opens_job: bool = False


class ChildNeedsType(Exception):
    """The policy looks at file types, and the child has no type yet. Nothing has been changed."""


async def store_child(
    db: Connection, find: Find, policies: PolicyBook, *, bounds: Bounds, longest_run: Millis, needs_type: bool
) -> Receipt:
    """Store a child with its submission, its job, its links and its share of the budget. Must run in a transaction.

    The parent waits for the child, for most of `longest_run` milliseconds of its job. The same child again changes
    nothing, and gets the same answer. Raises `Outrun` where a sample is deleted meanwhile,
    and with `needs_type` `ChildNeedsType`.
    """
    origin = find.origin
    await wait_for_children(db, origin.job_id, longest_run=longest_run, now=find.now)
    samples = {origin.sample_id, find.sample_id}
    if await LOCK.value(db, samples=sorted(samples)) != len(samples):
        raise Outrun
    if (earlier := await _earlier(db, find)) is not None:
        return earlier
    depth, size = origin.depth + 1, find.digests.size
    is_known = await origins.is_known(db, origin, find.digests.sha256)
    if not await origins.take(db, origin, None if is_known else size, bounds):
        reason = await origins.bound_reached(db, origin, size, bounds)
        return Receipt("refused", depth, reason or "files")
    receipt = Receipt("known", depth)
    if not is_known:
        receipt = await _submit(db, find, policies, needs_type=needs_type)
    await PLACE.run(
        db,
        **_place(find),
        path=find.new.path,
        depth=depth,
        submission_id=receipt.submission_id,
        job_id=receipt.job_id,
    )
    for link in _links(find):
        await links.add_once(db, link[0], link[1], user_id=find.user_id, now=find.now)
    return receipt


async def _earlier(db: Connection, find: Find) -> Receipt | None:
    """The answer to the same child before."""
    row = await FIND_PLACE.row(db, **_place(find))
    if row is None:
        return None
    return Receipt("known" if row[1] is None else "stored", row[0], submission_id=row[1], job_id=row[2])


def _place(find: Find) -> dict[str, object]:
    origin = find.origin
    return {"root_id": origin.root_id, "parent_id": origin.sample_id, "sample_id": find.sample_id}


async def _submit(db: Connection, find: Find, policies: PolicyBook, *, needs_type: bool) -> Receipt:
    """Store the submission of a child, and open the job of the child."""
    book = await policies.current(db, await lock_version(db))
    type_, super_type, shift = await LOOK.row(db, sample_id=find.sample_id, parent_job_id=find.origin.job_id)
    new = _submission(find, shift)
    is_early = type_ is None and book.looks_at_classification
    if needs_type and is_early:
        raise ChildNeedsType
    plan = plan_for(Case(new.customer_id, type_, super_type, new.meta_data), book)
    id_, job_id, is_new = await (STORE_UNTYPED if is_early else STORE).row(
        db,
        **msgspec.structs.asdict(new),
        **opening.values(plan, book),
        id=new_id(),
        sample_id=find.sample_id,
        user_id=find.user_id,
        similar_since=None,
        now=find.now,
    )
    return Receipt("stored", find.origin.depth + 1, None, id_, job_id, bool(is_new))


def _submission(find: Find, shift: Millis) -> NewSubmission:
    origin, new = find.origin, find.new
    about = {
        "extractionRoot": str(origin.root_id),
        "extractionParent": origin.sha256.hex(),
        "extractionPath": new.path,
        "extractionDepth": str(origin.depth + 1),
        "extractionHow": new.how,
    }
    words = [word for word in (new.password, origin.meta_data.get(PASSWORD)) if word]
    return NewSubmission(
        customer_id=origin.customer_id,
        readers=origin.readers,
        tlp=origin.tlp,
        acl=origin.acl,
        file_name=new.file_name,
        mime_type="application/octet-stream",
        agent_name=origin.worker,
        agent_version=new.worker_version,
        meta_data=about | ({PASSWORD: "\n".join(dict.fromkeys(words))} if words else {}),
        observed_time=origin.observed_time,
        expiry_time=origin.expiry_time,
        trusted_agent=False,
        shift=shift,
    )


def _links(find: Find) -> list[tuple[int, NewLink]]:
    """The links of the parent to the child, and back, each with the id of the sample that has the link."""
    origin, child = find.origin, find.digests.sha256
    return [
        (origin.sample_id, _link(find, child, find.new.relation)),
        (find.sample_id, _link(find, origin.sha256, "parent")),
    ]


def _link(find: Find, reference: bytes, type_: str) -> NewLink:
    origin = find.origin
    return NewLink(
        reference=reference,
        type=type_,
        customer_id=origin.customer_id,
        tlp=origin.tlp,
        acl=origin.acl,
        readers=origin.readers,
        agent_name=origin.worker,
        agent_version=find.new.worker_version,
    )
