"""Storing analyses."""

from uuid import UUID

import msgspec

from samplebank.analyses.model import NewAnalysis
from samplebank.database import Connection, new_id
from samplebank.errors import NotFound, Violation
from samplebank.policy.workers import find_schema_of, validator_of
from samplebank.samples.model import NO_SAMPLE
from samplebank.timespec import Millis

#: violations of a worker's schema that are told at most
MOST_TOLD = 20
RECORD = """
    WITH touched AS (
        UPDATE sample SET activity_time = greatest(activity_time, $17) WHERE id = $2 AND deleted_time IS NULL RETURNING id
    )
    INSERT INTO analysis (
        id, sample_id, customer_id, user_id, tlp, acl, readers, score, status_override, tags, detections,
        possible_detections, profile, internet_access, agent_name, agent_version, created_time, result)
    SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18 FROM touched
    RETURNING id
"""


async def record(db: Connection, sample_id: int, new: NewAnalysis, *, user_id: int, now: Millis) -> UUID:
    """Store an analysis; answers its id. Raises `NotFound` when the sample has been deleted meanwhile."""
    id_: UUID | None = await db.fetchval(
        RECORD,
        new_id(),
        sample_id,
        new.customer_id,
        user_id,
        new.tlp,
        new.acl,
        new.readers,
        new.score,
        new.status_override,
        msgspec.json.encode(new.tags),
        msgspec.json.encode(new.detections),
        new.possible_detections,
        new.profile,
        new.internet_access,
        new.agent_name,
        new.agent_version,
        now,
        new.result,
    )
    if id_ is None:
        raise NotFound(NO_SAMPLE)
    return id_


async def violations_of_schema(db: Connection, agent_name: str, result: object) -> list[Violation]:
    """What the result violates of the schema of the worker named like the user agent, if that has one."""
    schema = await find_schema_of(db, agent_name)
    if schema is None:
        return []
    found = []
    for error in validator_of(schema).iter_errors(result):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
        found.append(Violation(f"{error.message}.", f"analysisResult{path}"))
        if len(found) == MOST_TOLD:
            break
    return found
