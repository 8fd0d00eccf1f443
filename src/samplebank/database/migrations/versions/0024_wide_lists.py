"""Indexes for lists of which an index did not find the page: jobs of a time range, and deep pages of a reader's submissions.

The previous release can run on the result. Writers of submissions wait while the index is made.
"""

from alembic import op

revision = "0024"
down_revision = "0023"

SPAN = "greatest(enqueued_time, start_time, end_time) - least(enqueued_time, start_time, end_time)"
STATEMENTS = (
    # the few jobs with an hour or more between their times: a search for jobs of a time range looks for them there
    f"CREATE INDEX job_long ON job (enqueued_time) WHERE {SPAN} > 3600000",
    # without the statistics the planner takes a third of all jobs to be long
    f"CREATE STATISTICS job_span ON ({SPAN}) FROM job",
    # Of an empty table, the planner would then know how small the table is, and each session
    # would keep plans that read the whole table.
    "DO $$ BEGIN IF EXISTS (SELECT FROM job) THEN ANALYZE job; END IF; END $$",
    # who may see a submission shows in the index, so that the submissions of others are passed over without being read
    "DROP INDEX submission_observed",
    "CREATE INDEX submission_observed ON submission (observed_time, id) INCLUDE (readers, submitted_time)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
