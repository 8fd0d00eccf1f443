"""The kinds of events: the row of each event, and who may see the event. A reader who may see the row sees the event.

The event of a row that is gone is seen by nobody. Within an event, a reader is told of the rows that the reader may see.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from samplebank.accounts.access import see_customers, see_rows, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.audit.queries import see_actor, see_entries
from samplebank.database import FALSE, Sql, all_of, any_of

SUBMISSION: Final = """
    jsonb_build_object(
        'id', u.id, 'sampleSha256', encode(s.sha256, 'hex'), 'fileName', u.file_name, 'mimeType', u.mime_type,
        'tlp', u.tlp, 'metaData', u.meta_data, 'observedTimestamp', u.observed_time,
        'submittedTimestamp', u.submitted_time,
        'userAgent', jsonb_build_object('name', u.agent_name, 'version', u.agent_version),
        'customer', jsonb_build_object('id', k.id, 'shortName', k.short_name, 'name', k.name))
"""
FROM_SUBMISSION: Final = """
    JOIN submission u ON u.id = (o.payload ->> 'submissionID')::uuid
    JOIN sample s ON s.id = u.sample_id JOIN customer k ON k.id = u.customer_id
"""
FROM_JOB: Final = """
    JOIN job j ON j.id = (o.payload ->> 'jobID')::uuid JOIN sample s ON s.id = j.sample_id
    LEFT JOIN submission u ON u.id = j.submission_id LEFT JOIN customer k ON k.id = u.customer_id
    LEFT JOIN classification c ON c.id = s.classification_id
"""
FROM_VERDICT: Final = """
    JOIN verdict v ON v.id = (o.payload ->> 'verdictID')::uuid JOIN sample s ON s.id = v.sample_id
"""
VERDICT: Final = """
    jsonb_build_object('verdictID', v.id, 'jobID', v.job_id, 'score', v.score, 'malicious', v.malicious,
                       'statusOverride', v.status_override, 'tags', v.tags)
"""
FROM_LINK: Final = """
    JOIN link l ON l.id = (o.payload ->> 'linkID')::uuid JOIN sample s ON s.id = l.sample_id
"""
FROM_EVIDENCE: Final = """
    JOIN evidence e ON e.id = (o.payload ->> 'evidenceID')::uuid
    JOIN analysis a ON a.id = e.analysis_id JOIN sample s ON s.id = a.sample_id
"""
EVIDENCE: Final = """
    jsonb_build_object('evidenceID', e.id, 'analysisID', a.id, 'fileName', e.file_name, 'mimeType', e.mime_type,
                       'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'internal', e.internal,
                       'potentiallyMalicious', e.potentially_malicious)
"""
FROM_AUDIT: Final = """
    JOIN audit a ON a.time = (o.payload ->> 'time')::bigint AND a.id = (o.payload ->> 'auditID')::uuid
    JOIN sample s ON s.id = o.sample_id
"""
AUDIT: Final = """jsonb_strip_nulls(jsonb_build_object(
    'auditID', a.id, 'kind', a.kind, 'action', a.action, 'actor', CASE WHEN {sees} THEN jsonb_build_object(
        'type', a.actor, 'user', (SELECT p.short_name FROM subject p WHERE p.id = a.user_id), 'keyID', a.key_id,
        'sessionID', a.session_id, 'address', a.address, 'requestID', a.request_id)
    ELSE jsonb_build_object('type', 'other') END,
    'details', CASE WHEN {sees} THEN a.details END))
"""
FROM_SAMPLE: Final = "JOIN sample s ON s.id = o.sample_id"


class Shown(NamedTuple):
    """The data of an event, and the condition that the caller may see the event."""

    data: Sql
    seen: Sql


def _of_submission(caller: Caller) -> Shown:
    return Shown(Sql(SUBMISSION), see_rows(caller, "u", Permission.VIEW_SUBMISSION))


def _of_alert(caller: Caller) -> Shown:
    data = Sql("jsonb_build_object('event', o.payload ->> 'event', 'submission', {})", Sql(SUBMISSION))
    return Shown(data, see_rows(caller, "u", Permission.VIEW_SUBMISSION))


def _of_job(caller: Caller) -> Shown:
    submission = _held(caller, Permission.VIEW_SUBMISSION, lambda held: see_rows(caller, "u", held))
    sample = _held(caller, Permission.VIEW_SAMPLES, lambda held: see_samples(caller, "s", held))
    data = Sql(
        """jsonb_build_object(
            'jobID', j.id, 'state', j.state,
            'submission', CASE WHEN u.id IS NOT NULL AND {sees} THEN {submission} END,
            'classification', CASE WHEN c.id IS NOT NULL AND {sees_sample} THEN jsonb_build_object(
                'type', c.type, 'superType', c.super_type, 'arch', c.arch, 'platform', c.platform,
                'version', c.version, 'metaData', c.meta_data) END,
            'workers', (SELECT jsonb_agg(t.worker ORDER BY t.worker) FROM job_task t WHERE t.job_id = j.id))""",
        sees=any_of([submission]),
        sees_sample=any_of([sample]),
        submission=Sql(SUBMISSION),
    )
    return Shown(data, see_customers(caller, "j.customer_id", Permission.VIEW_JOBS))


def _of_verdict(caller: Caller) -> Shown:
    return Shown(Sql(VERDICT), see_samples(caller, "s", Permission.VIEW_VERDICTS))


def _of_link(caller: Caller) -> Shown:
    # A sample that is missing, deleted or invisible looks like none.
    other = _held(caller, Permission.VIEW_SAMPLES, lambda held: see_samples(caller, "r", held))
    data = Sql(
        """jsonb_build_object(
            'linkID', l.id, 'type', l.type, 'tlp', l.tlp,
            'userAgent', jsonb_build_object('name', l.agent_name, 'version', l.agent_version),
            'referencedSha256', (SELECT encode(r.sha256, 'hex') FROM sample r
                                  WHERE r.sha256 = l.reference AND r.deleted_time IS NULL AND {}))""",
        any_of([other]),
    )
    seen = [
        see_rows(caller, "l", Permission.VIEW_ANALYSIS),
        see_samples(caller, "s", Permission.VIEW_ANALYSIS),
    ]
    return Shown(data, all_of(seen))


def _of_evidence(caller: Caller) -> Shown:
    working = (Permission.UPDATE_JOB, Permission.ADD_EVIDENCE)
    is_internal = see_customers(caller, "a.customer_id", *working)
    seen = [
        see_rows(caller, "a", Permission.VIEW_ANALYSIS),
        see_samples(caller, "s", Permission.VIEW_ANALYSIS),
        any_of([Sql("NOT e.internal"), is_internal]),
    ]
    return Shown(Sql(EVIDENCE), all_of(seen))


def _of_deletion(caller: Caller) -> Shown:
    return Shown(Sql("o.payload"), see_samples(caller, "s", Permission.DELETE_SAMPLE))


def _of_audit(caller: Caller) -> Shown:
    return Shown(Sql(AUDIT, sees=see_actor(caller)), see_entries(caller))


def _held(caller: Caller, permission: Permission, see: Callable[[Permission], Sql]) -> Sql:
    """The condition `see` by a permission; nothing where the permission is held nowhere."""
    return see(permission) if caller.holds(permission) else FALSE


class Kind(NamedTuple):
    """The type of the events, the permission without which no event is seen, the rows, and what is shown of the rows."""

    type: str
    needs: Permission
    source: str
    shown: Callable[[Caller], Shown]


#: by the kind in the outbox
KINDS: Final = {
    "submission": Kind(
        "samplebank.submission.stored", Permission.VIEW_SUBMISSION, FROM_SUBMISSION, _of_submission
    ),
    "job": Kind("samplebank.job.opened", Permission.VIEW_JOBS, FROM_JOB, _of_job),
    "jobEnded": Kind("samplebank.job.ended", Permission.VIEW_JOBS, FROM_JOB, _of_job),
    "verdict": Kind("samplebank.verdict.settled", Permission.VIEW_VERDICTS, FROM_VERDICT, _of_verdict),
    "alert": Kind("samplebank.alert.raised", Permission.VIEW_SUBMISSION, FROM_SUBMISSION, _of_alert),
    "link": Kind("samplebank.link.added", Permission.VIEW_ANALYSIS, FROM_LINK, _of_link),
    "evidence": Kind("samplebank.evidence.added", Permission.VIEW_ANALYSIS, FROM_EVIDENCE, _of_evidence),
    "deletion": Kind("samplebank.sample.deleted", Permission.DELETE_SAMPLE, FROM_SAMPLE, _of_deletion),
    "audit": Kind("samplebank.audit.recorded", Permission.VIEW_AUDIT, FROM_AUDIT, _of_audit),
}
#: the permissions of which a reader needs any
NEEDS: Final = tuple(dict.fromkeys(kind.needs for kind in KINDS.values()))


def query_of(kind: Kind, caller: Caller, ids: list[int], most: int) -> Sql | None:
    """A query (id, sha256, data as text) of the first `most` events among `ids` that the caller may see. None where there can be none.

    Only these events have their data written, as data may be large.
    """
    if not caller.holds(kind.needs):
        return None
    shown = kind.shown(caller)
    return Sql(
        """
        SELECT o.id, s.sha256, ({data})::text
          FROM (SELECT o.id FROM outbox o {source} WHERE o.id = ANY ({ids}::bigint[]) AND {seen} ORDER BY o.id LIMIT {most}) first
          JOIN outbox o ON o.id = first.id {source}
        """,
        data=shown.data,
        source=Sql(kind.source),
        ids=ids,
        seen=shown.seen,
        most=most,
    )
