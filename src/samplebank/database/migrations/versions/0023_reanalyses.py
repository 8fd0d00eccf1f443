"""What is left of reanalyses over a search: the samples whose jobs are still to be opened, or have not ended.

The previous release can run on the result. It fails the reanalyses that it finds, and leaves their rows.
"""

from alembic import op

revision = "0023"
down_revision = "0022"

STATEMENTS = (
    """
    CREATE TABLE reanalysis_wanted (
        task_id uuid NOT NULL,
        sample_id bigint NOT NULL,
        submission_id uuid NOT NULL,
        job_id uuid,
        PRIMARY KEY (task_id, sample_id)
    )
    """,
    "CREATE INDEX reanalysis_wanted_open ON reanalysis_wanted (task_id) WHERE job_id IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
