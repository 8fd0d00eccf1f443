"""An index of parents that wait for the verdicts of their children.

The previous release can run on the result. A parent that waits there is ended by the time-out of its job.
"""

from alembic import op

revision = "0028"
down_revision = "0027"

STATEMENTS = (
    "CREATE INDEX job_task_children ON job_task (run_after) WHERE worker = 'children' AND state = 'enqueued'",
    "CREATE INDEX extracted_job ON extracted (job_id) WHERE job_id IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
