"""Where children come from: the parent with its job, the root, and the budget of the root.

The root is the submission at the beginning. All that comes from the root, at any depth, shares one budget: a row that is
changed in the transaction that stores a child. So the bounds are exact, however many workers store at once.
"""

import re
from typing import Literal
from uuid import UUID

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Statement
from samplebank.database.identifiers import find_id
from samplebank.errors import Conflict, NotFound, invalid
from samplebank.jobs.held_tasks import LOST, NO_TASK, find_job_of
from samplebank.timespec import Millis

Reason = Literal["depth", "files", "bytes", "gone"]

SHA256 = re.compile("[0-9a-fA-F]{64}")
FIND = Statement("""
    SELECT t.lease_token, t.job_id, t.worker, j.sample_id, p.sha256, j.customer_id, u.tlp, u.acl, u.readers, u.observed_time,
           u.expiry_time, u.meta_data, coalesce(e.root_id, u.id) AS root_id, coalesce(e.depth, 0) AS depth
      FROM job_task t JOIN job j ON j.id = t.job_id JOIN sample p ON p.id = j.sample_id
      LEFT JOIN submission u ON u.id = j.submission_id
      -- A sample may be met on several ways from the root: the shortest counts.
      LEFT JOIN LATERAL (
        SELECT own.root_id, min(way.depth) AS depth
          FROM extracted own JOIN extracted way ON way.root_id = own.root_id AND way.sample_id = own.sample_id
         WHERE own.submission_id = u.id GROUP BY own.root_id LIMIT 1
      ) e ON TRUE
     WHERE t.id = :task_id
""")
USED = Statement("""
    SELECT coalesce(x.files, 0), coalesce(x.bytes, 0)
      FROM submission u LEFT JOIN extraction x ON x.root_id = u.id WHERE u.id = :root_id
""")
#: takes a share of the budget of the root; no row where the budget is used up, or where the root has gone
TAKE = Statement("""
    INSERT INTO extraction AS x (root_id, sample_id, files, bytes)
    SELECT id, sample_id, :files::int, :bytes::bigint FROM submission WHERE id = :root_id FOR KEY SHARE
        ON CONFLICT (root_id) DO UPDATE SET files = x.files + :files, bytes = x.bytes + :bytes
     WHERE :files = 0 OR (x.files < :most_files::int AND x.bytes + :bytes <= :most_bytes::bigint)
    RETURNING root_id
""")
#: another sample that came out of the root, on the shortest way
FIND_PARENT = Statement("""
    SELECT s.id, min(e.depth) FROM sample s JOIN extracted e ON e.sample_id = s.id
     WHERE s.sha256 = :sha256 AND s.deleted_time IS NULL AND e.root_id = :root_id
     GROUP BY s.id
""")
NO_PARENT = "{!r} is no sample that came out of the submission of this task."
IS_KNOWN = Statement("""
    SELECT EXISTS (SELECT FROM extracted e WHERE e.root_id = :root_id AND e.sample_id = s.id)
        OR EXISTS (SELECT FROM submission u WHERE u.id = :root_id AND u.sample_id = s.id)
      FROM sample s WHERE s.sha256 = :sha256 AND s.deleted_time IS NULL
""")


class Bounds(msgspec.Struct, frozen=True):
    """The most that may come from one root: steps from the root, files, and bytes of all files together."""

    depth: int
    files: int
    bytes: int

    def reached(self, depth: int, files: int, total: int) -> Reason | None:
        """The first bound that a child at `depth`, after `files` others, with `total` bytes of all, would break."""
        if depth > self.depth:
            return "depth"
        if files >= self.files:
            return "files"
        return "bytes" if total > self.bytes else None


class Origin(msgspec.Struct, frozen=True):
    """The parent and the job in which children are found, and what children take from the parent's submission.

    `depth` counts the steps from the root to the parent, on the shortest way.
    """

    job_id: UUID
    worker: str
    sample_id: int
    sha256: bytes
    customer_id: int
    tlp: str
    acl: list[int]
    readers: list[int]
    observed_time: Millis
    expiry_time: Millis | None
    meta_data: dict[str, str]
    root_id: UUID
    depth: int


async def find_origin(
    db: Connection, caller: Caller, job: str, task: str, lease: UUID | None
) -> Origin | None:
    """Find where the holder of the lease finds children; None where the submission of the job has gone.

    Raises `NotFound` for a task that the caller may not see, `Forbidden` where the caller may only look, and `Conflict`
    for a lease that is lost.
    """
    job_id = await find_job_of(db, caller, task)
    row = await FIND.row(db, task_id=find_id(task))
    if row is None or job_id != find_id(job):
        raise NotFound(NO_TASK)
    found = dict(row)
    if lease is None or found.pop("lease_token") != lease:
        raise Conflict(LOST)
    return None if found["root_id"] is None else Origin(**found)


async def at_parent(db: Connection, origin: Origin, sha256: str) -> Origin:
    """The origin of children of another sample that came out of the same root.

    The job of the task goes on waiting for the children. Raises `Invalid` for any other sample.
    """
    if sha256.lower() == origin.sha256.hex():
        return origin
    digest = bytes.fromhex(sha256) if SHA256.fullmatch(sha256) else b""
    row = await FIND_PARENT.row(db, sha256=digest, root_id=origin.root_id)
    if row is None:
        raise invalid("parent", NO_PARENT.format(sha256))
    return msgspec.structs.replace(origin, sample_id=row[0], sha256=digest, depth=row[1])


async def is_known(db: Connection, origin: Origin, sha256: bytes) -> bool:
    """Whether the root has met the bytes before, or is the sample itself."""
    return bool(await IS_KNOWN.value(db, root_id=origin.root_id, sha256=sha256))


async def bound_reached(db: Connection, origin: Origin, size: int, bounds: Bounds) -> Reason | None:
    """Tell which bound a new child of `size` bytes would break now. None promises nothing for later."""
    row = await USED.row(db, root_id=origin.root_id)
    if row is None:
        return "gone"
    return bounds.reached(origin.depth + 1, row[0], row[1] + size)


async def take(db: Connection, origin: Origin, size: int | None, bounds: Bounds) -> bool:
    """Take a file of `size` bytes from the budget, None for a known file; False where the budget is used up.

    Others wait for the row until the transaction ends.
    """
    if size is not None and bounds.reached(origin.depth + 1, 0, size) is not None:
        return False
    taken = await TAKE.value(
        db,
        root_id=origin.root_id,
        files=0 if size is None else 1,
        bytes=size or 0,
        most_files=bounds.files,
        most_bytes=bounds.bytes,
    )
    return taken is not None
