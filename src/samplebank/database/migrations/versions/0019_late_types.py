"""Submissions and reanalyses whose workers were chosen without a file type, so that a late type adds the missing workers.

The previous release can run on the result: it chooses the workers once, as before.
"""

from alembic import op

revision = "0019"
down_revision = "0018"

STATEMENTS = (
    # A row goes when the type has come. Rules by type are few, and types come soon, so the table stays small.
    """
    CREATE TABLE untyped_plan (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        sample_id bigint NOT NULL REFERENCES sample,
        submission_id uuid NOT NULL,
        job_id uuid
    )
    """,
    "CREATE INDEX untyped_plan_sample ON untyped_plan (sample_id)",
    # what a late type changed in the job; NULL for nearly all jobs
    "ALTER TABLE job ADD COLUMN replanned jsonb",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
