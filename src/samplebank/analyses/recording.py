"""Storing analyses."""

from collections.abc import Sequence
from itertools import islice
from uuid import UUID

import jsonschema_rs
import msgspec

from samplebank.accounts.access import claimed
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.analyses.model import NewAnalysis
from samplebank.database import TRUE, Connection, Sql, Statement, new_id
from samplebank.errors import Forbidden, NotFound, Violation, path_of, shortened
from samplebank.nesting import values_in
from samplebank.policy.schema_cost import TooDear
from samplebank.policy.workers import find_schema_of, judge_of
from samplebank.samples import derived_facts
from samplebank.samples.fact_kinds import Fact
from samplebank.samples.model import NO_SAMPLE
from samplebank.timespec import Millis

#: the most violations of a worker's schema that are told
MOST_TOLD = 20
#: the most looks at values of a result to learn whether the result fits: about half a second
MOST_LOOKS = 5_000_000
#: the most looks at values of a result to learn all violations; each violation takes a kilobyte
MOST_LOOKS_TO_TELL = 50_000
RESULT = "analysisResult"
NO_CLAIM = (
    "You may add analyses only for tasks that you have claimed and whose lease you hold: under the name of the task's worker "
    "(userAgent.name), for the customer of its job."
)
#: the columns of an analysis as it is stored
COLUMNS = ("id", "sample_id", "user_id", "created_time", *NewAnalysis.__struct_fields__)
RECORD = f"""
    WITH touched AS (
        UPDATE sample SET activity_time = greatest(activity_time, {{created_time}})
         WHERE id = {{sample_id}} AND deleted_time IS NULL
        RETURNING id
    )
    INSERT INTO analysis ({", ".join(COLUMNS)})
    SELECT {", ".join(f"{{{name}}}" for name in COLUMNS)} FROM touched WHERE {{allowed}}
    RETURNING id
"""


RECORD_FOR = Statement(f"""
    INSERT INTO analysis (job_id, {", ".join(COLUMNS)}) VALUES (:job_id, {", ".join(f":new_{name}" for name in COLUMNS)})
""")


def recorded_with(held: str) -> str:
    """Part of a statement: stores an analysis of a task of a job, if `held` has a row. Takes the parameters of `values`."""
    given = ", ".join(f":new_{name}" for name in COLUMNS)
    return f"""
        recorded AS (
            INSERT INTO analysis (job_id, {", ".join(COLUMNS)}) SELECT :job_id, {given} FROM {held}
        )
    """


def values(id_: UUID, sample_id: int, caller: Caller, new: NewAnalysis, *, now: Millis) -> dict[str, object]:
    """The parameters of `recorded_with`, without the job."""
    return {
        f"new_{name}": value for name, value in _columns(id_, sample_id, caller.user.id, new, now=now).items()
    }


def _columns(id_: UUID, sample_id: int, user_id: int, new: NewAnalysis, *, now: Millis) -> dict[str, object]:
    """The values of `COLUMNS`, by name."""
    encoded = {"tags": msgspec.json.encode(new.tags), "detections": msgspec.json.encode(new.detections)}
    own = {"id": id_, "sample_id": sample_id, "user_id": user_id, "created_time": now}
    return own | msgspec.structs.asdict(new) | encoded


async def record_for(
    db: Connection, user_id: int, job_id: UUID, sample_id: int, new: NewAnalysis, *, now: Millis
) -> UUID:
    """Store an analysis that the service itself makes for a job; answers the id of the analysis."""
    id_ = new_id()
    given = _columns(id_, sample_id, user_id, new, now=now)
    await RECORD_FOR.run(db, job_id=job_id, **{f"new_{name}": value for name, value in given.items()})
    return id_


async def record(
    db: Connection,
    caller: Caller,
    sample_id: int,
    new: NewAnalysis,
    facts: Sequence[Fact] = (),
    *,
    now: Millis,
) -> UUID:
    """Store an analysis with the facts that the worker derived, in a transaction; answers the id of the analysis.

    A caller without addSampleAnalysis for the customer needs a claim of the same worker and customer: raises `Forbidden`.
    Facts are seen by all who see the sample, so facts take a claim, or addStaticFact.
    Raises `NotFound` when the sample has been deleted meanwhile.
    """
    may_always = caller.may(Permission.ADD_ANALYSIS, new.customer_id) and (
        not facts or caller.holds(Permission.ADD_FACT)
    )
    columns = _columns(new_id(), sample_id, caller.user.id, new, now=now)
    query = Sql(
        RECORD,
        **(columns | {"created_time": Sql("{}::bigint", now)}),
        allowed=TRUE if may_always else _by_claim(caller, sample_id, new),
    )
    id_: UUID | None = await query.value(db)
    if id_ is None:
        raise NotFound(NO_SAMPLE) if may_always else Forbidden(NO_CLAIM)
    if facts:
        agent = {"agent_name": new.agent_name, "agent_version": new.agent_version}
        await derived_facts.add(db, sample_id, facts, **agent, now=now)
    return id_


def _by_claim(caller: Caller, sample_id: int, new: NewAnalysis) -> Sql:
    """That the caller works on a task of the worker in whose name the analysis is, for the customer of the analysis."""
    claim = claimed(caller, Sql("{}::bigint", sample_id))
    return Sql(
        "EXISTS (SELECT {} AND t.worker = {} AND t.customer_id = {})", claim, new.agent_name, new.customer_id
    )


async def violations_of_schema(
    db: Connection, agent_name: str, result: object, encoded: bytes
) -> list[Violation]:
    """Find the violations of a result against the schema of the worker named `agent_name`; none without a schema.

    `encoded` is the result as JSON. The JSON tells how much there is to check.
    """
    schema = await find_schema_of(db, agent_name)
    if schema is None:
        return []
    of_worker = f"the schema of the worker {agent_name}"
    try:
        judge = judge_of(msgspec.json.encode(schema))
    except TooDear as error:
        return [Violation(f"The result cannot be checked: {of_worker} takes too much. {error}.", RESULT)]
    looks = judge.price * values_in(encoded)
    if looks > MOST_LOOKS:
        return [Violation(f"The result holds too many values to be checked by {of_worker}.", RESULT)]
    if judge.validator.is_valid(result):
        return []
    if looks > MOST_LOOKS_TO_TELL:
        return [Violation(f"The result does not fit {of_worker}, and is too large to be told where.", RESULT)]
    return [_told(error) for error in islice(judge.validator.iter_errors(result), MOST_TOLD)]


def _told(error: jsonschema_rs.ValidationError) -> Violation:
    return Violation(f"{shortened(error.message)}.", path_of([RESULT, *error.instance_path]))
