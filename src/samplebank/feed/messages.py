"""The messages of events to the outside, filled in at publication from the rows stored then."""

import msgspec

from samplebank.database import Connection, Statement
from samplebank.events import feed
from samplebank.events.outbox import Event
from samplebank.events.sinks import Message
from samplebank.feed.cloud_events import INSTALLATION, cloud_event
from samplebank.feed.kinds import SUBMISSION
from samplebank.feed.kinds import VERDICT as VERDICT_DATA
from samplebank.feed.reading import shown_to

SAMPLE = "SELECT encode(sha256, 'hex') FROM sample WHERE id = $1"
JOB = Statement(f"""
    SELECT jsonb_build_object(
        'jobID', j.id, 'state', j.state,
        'submission', CASE WHEN u.id IS NOT NULL THEN {SUBMISSION} END,
        'classification', CASE WHEN c.id IS NOT NULL THEN jsonb_build_object(
            'type', c.type, 'superType', c.super_type, 'arch', c.arch, 'platform', c.platform, 'version', c.version,
            'metaData', c.meta_data) END,
        'workers', (SELECT jsonb_agg(t.worker ORDER BY t.worker) FROM job_task t WHERE t.job_id = j.id),
        'options', j.options)
      FROM job j JOIN sample s ON s.id = j.sample_id
      LEFT JOIN submission u ON u.id = j.submission_id
      LEFT JOIN customer k ON k.id = u.customer_id
      LEFT JOIN classification c ON c.id = s.classification_id
     WHERE j.id = (:payload::jsonb ->> 'jobID')::uuid
""")
VERDICT = Statement(f"""
    SELECT {VERDICT_DATA} FROM verdict v WHERE v.id = (:payload::jsonb ->> 'verdictID')::uuid
""")
ALERT = Statement(f"""
    SELECT jsonb_build_object('event', :payload::jsonb ->> 'event', 'submission', {SUBMISSION})
      FROM submission u JOIN sample s ON s.id = u.sample_id JOIN customer k ON k.id = u.customer_id
     WHERE u.id = (:payload::jsonb ->> 'submissionID')::uuid
""")
FILLED_BY = {"job": JOB, "jobEnded": JOB, "verdict": VERDICT, "alert": ALERT}


async def message_of(db: Connection, event: Event) -> Message:
    """Make the message of an event. For rows deleted by now, the message holds the ids only."""
    filled = await FILLED_BY[event.kind].value(db, payload=msgspec.json.encode(event.payload))
    sha256 = await db.fetchval(SAMPLE, event.sample_id)
    body = {"id": event.id, "kind": event.kind, "timestamp": event.created_time, "sampleSha256": sha256}
    return Message(
        str(event.id),
        event.kind,
        sha256,
        msgspec.json.encode({**body, "data": filled or event.payload}),
    )


async def cloud_message_of(db: Connection, event: Event) -> Message | None:
    """Make the message of an event as the feed tells the event. None where the rows have been deleted by now."""
    shown = (await shown_to(db, INSTALLATION, [event], 1)).shown.get(event.id)
    if shown is None:
        return None
    sha256, data = shown
    known = await feed.look(db)
    told = cloud_event(known, event.id, event.kind, event.created_time, sha256=sha256, data=data)
    return Message(told.id, told.type, told.subject, msgspec.json.encode(told))
