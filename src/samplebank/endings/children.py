"""The end of waiting for children: the parent gets an analysis with the score of the child that decides.

A task of the worker `children` is due when the other tasks of its job and the jobs of all children have ended, or when the
time of the job is nearly up. Many processes may do due tasks at once.
"""

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from samplebank.analyses.model import Detection, NewAnalysis
from samplebank.analyses.recording import record_for
from samplebank.database import Connection, Statement
from samplebank.jobs.model import JobRules, JobState
from samplebank.jobs.progress import lock_job
from samplebank.jobs.waiting import CHILDREN
from samplebank.timespec import Millis
from samplebank.verdicts.model import SUSPICIOUS_SCORE, is_malicious
from samplebank.verdicts.ruling import EndedJob, lock_sample, rule

VERSION = "1.0"
#: the most tasks of one look, children told in a result, and detections
BATCH, MOST_TOLD, MOST_DETECTIONS = 100, 100, 20
WORST, NOTHING = 100, -1
NOT_PLAIN = re.compile(r"[^ -~]")
LONGEST_PATH = 120
#: the children of the job `j`: the rows of its sample as a parent below the root of its submission
OWN = """
    extracted e
     WHERE e.parent_id = j.sample_id
       AND e.root_id = coalesce((SELECT x.root_id FROM extracted x WHERE x.submission_id = j.submission_id LIMIT 1),
                                j.submission_id)
"""


def _depth(sample: str) -> str:
    """The steps from the root of `e` to a sample, on the shortest way. `sample` is an expression for the id of the sample."""
    return f"""
        coalesce((SELECT 0 FROM submission r WHERE r.id = e.root_id AND r.sample_id = {sample}),
                 (SELECT min(m.depth) FROM extracted m WHERE m.root_id = e.root_id AND m.sample_id = {sample}))
    """


#: The children of `OWN` that count in the verdict of the parent. A child that holds the parent in turn counts for the parent
#: only from below: samples that hold each other would hold up each other's scores otherwise.
COUNTED = f"""
    {OWN} AND e.sample_id <> j.sample_id AND NOT ({_depth("e.sample_id")} <= {_depth("j.sample_id")} AND EXISTS (
        WITH RECURSIVE below AS (
            SELECT e.sample_id AS id
             UNION
            SELECT n.sample_id FROM below JOIN extracted n ON n.root_id = e.root_id AND n.parent_id = below.id
        )
        SELECT FROM below WHERE id = j.sample_id))
"""
#: The score that a child gives its parent, by the verdict `v` of the child. An override counts. A good child says nothing
#: about the parent.
WEIGHT = f"""
    CASE WHEN v.status_override = 'malicious' THEN {WORST}
         WHEN v.status_override IS NOT NULL OR coalesce(v.score, 0) <= 0 THEN {NOTHING}
         ELSE v.score END
"""
#: The unfinished jobs that the job `j` waits for. A child that the root has met before has its job elsewhere, at the same depth
#: or deeper. A job of an ancestor does not count: two jobs would wait for each other.
AWAITED = f"""
    SELECT open.id FROM (SELECT e.root_id, e.sample_id, e.depth FROM {OWN}) child
      JOIN extracted met ON met.root_id = child.root_id AND met.sample_id = child.sample_id
                        AND met.depth >= child.depth
      JOIN job open ON open.id = met.job_id AND open.end_time IS NULL AND open.id <> j.id
"""
#: Whether the job `awaited` waits for the job of the task `t` in turn. Samples of several roots that hold each other share their
#: jobs, so their jobs make a ring. Of each ring, a job that is older than the next job goes on, and is judged again later.
IS_RING = f"""
    t.job_id < awaited.id AND EXISTS (
        WITH RECURSIVE following AS (
            SELECT awaited.id
             UNION
            SELECT further.id
              FROM following JOIN job j ON j.id = following.id
              JOIN job_task waiting ON waiting.job_id = j.id AND waiting.worker = '{CHILDREN}' AND waiting.end_time IS NULL
             CROSS JOIN LATERAL ({AWAITED}) further
        )
        SELECT FROM following WHERE id = t.job_id)
"""
DUE = f"""
    SELECT t.id, t.job_id FROM job_task t JOIN job j ON j.id = t.job_id
     WHERE t.worker = '{CHILDREN}' AND t.state = 'enqueued' AND {{}} AND (t.run_after <= {{}} OR (
        NOT EXISTS (SELECT FROM job_task o WHERE o.job_id = t.job_id AND o.id <> t.id AND o.end_time IS NULL)
        AND NOT EXISTS (SELECT FROM ({AWAITED}) awaited WHERE NOT ({IS_RING}))))
"""
ALL_DUE = Statement(DUE.format("TRUE", ":now::bigint") + " ORDER BY t.run_after LIMIT :most")
IS_DUE = Statement(DUE.format("t.id = :task_id", ":now::bigint") + " FOR UPDATE OF t")
FOUND = Statement(f"""
    SELECT s.sha256, child.path, {WEIGHT} AS weight
      FROM job j CROSS JOIN LATERAL (SELECT e.sample_id, e.path FROM {COUNTED}) child
      JOIN sample s ON s.id = child.sample_id AND s.deleted_time IS NULL
      LEFT JOIN verdict v ON v.id = s.verdict_id
     WHERE j.id = :job_id
     ORDER BY child.path, s.sha256
""")
ABOUT = Statement("""
    SELECT t.worker_id, w.created_by AS user_id, j.customer_id, coalesce(u.tlp, 'amber') AS tlp,
           coalesce(u.acl, '{}') AS acl, coalesce(u.readers, ARRAY[2 * j.customer_id]) AS readers
      FROM job_task t JOIN job j ON j.id = t.job_id JOIN worker w ON w.id = t.worker_id
      LEFT JOIN submission u ON u.id = j.submission_id
     WHERE t.id = :task_id
""")
END = Statement("""
    WITH ended AS (
        UPDATE job_task SET state = 'success', start_time = coalesce(start_time, :now), end_time = greatest(:now, start_time)
         WHERE id = :task_id RETURNING id
    ),
    linked AS (INSERT INTO job_task_analysis (task_id, analysis_id) SELECT id, :analysis_id::uuid FROM ended),
    job_noted AS (UPDATE job SET start_time = coalesce(start_time, :now) FROM ended WHERE job.id = :job_id)
    SELECT NOT EXISTS (SELECT FROM job_task WHERE job_id = :job_id AND id <> :task_id AND end_time IS NULL)
""")


class Child(msgspec.Struct, frozen=True):
    """A child with the score that its latest verdict gives the parent."""

    sha256: bytes
    path: str
    weight: int


async def due_tasks(db: Connection, *, now: Millis) -> Sequence[tuple[UUID, UUID]]:
    """Find a batch of tasks that need not wait any more: (task, job)."""
    return [(row[0], row[1]) for row in await ALL_DUE.rows(db, now=now, most=BATCH)]


async def end_waiting(
    db: Connection, task_id: UUID, job_id: UUID, rules: JobRules, *, now: Millis
) -> bool | None:
    """Do a task that is due: whether the job ended, too; None where the task is not due any more.

    Must run in a transaction. Raises `NotFound` where the job was deleted.
    """
    job = await lock_job(db, job_id)
    if not await IS_DUE.rows(db, task_id=task_id, now=now):
        return None
    children = [Child(**row) for row in await FOUND.rows(db, job_id=job_id)]
    about = await ABOUT.row(db, task_id=task_id)
    new = _analysis(children, about, rules)
    await lock_sample(db, job.sample_id)
    analysis_id = await record_for(db, about["user_id"], job_id, job.sample_id, new, now=now)
    is_last: bool = await END.value(db, task_id=task_id, job_id=job_id, analysis_id=analysis_id, now=now)
    if is_last:
        await rule(db, EndedJob(job, JobState.DONE), rules, now=now)
    return is_last


def _analysis(children: list[Child], about: "dict[str, object]", rules: JobRules) -> NewAnalysis:
    ordered = sorted(children, key=lambda child: -child.weight)
    deciding = ordered[0] if ordered and ordered[0].weight > 0 else None
    result = {
        "children": [_told(child) for child in ordered[:MOST_TOLD]],
        "number": len(children),
        "deciding": None if deciding is None else _told(deciding),
    }
    bad = [child for child in ordered if child.weight >= SUSPICIOUS_SCORE]
    return NewAnalysis(
        customer_id=about["customer_id"],  # type: ignore[arg-type]  # a row
        tlp=about["tlp"],  # type: ignore[arg-type]
        acl=about["acl"],  # type: ignore[arg-type]
        readers=about["readers"],  # type: ignore[arg-type]
        score=NOTHING if deciding is None else deciding.weight,
        status_override=None,
        tags=[],
        detections=[_detection(child, rules) for child in bad[:MOST_DETECTIONS]],
        possible_detections=None,
        profile=None,
        internet_access=False,
        agent_name=CHILDREN,
        agent_version=VERSION,
        result=msgspec.json.encode(result),
    )


def _told(child: Child) -> dict[str, object]:
    return {"path": child.path, "sha256": child.sha256.hex(), "score": child.weight}


def _detection(child: Child, rules: JobRules) -> Detection:
    name = f"{NOT_PLAIN.sub('?', child.path)[-LONGEST_PATH:]} {child.sha256.hex()}"
    bad = is_malicious(child.weight, None, rules.malicious_score)
    return Detection(name, "malicious" if bad else "unknown")
