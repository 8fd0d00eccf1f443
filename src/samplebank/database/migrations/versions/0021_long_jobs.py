"""The few jobs with an hour or more between their times, apart: a search for jobs of a time range looks for them there.

The previous release can run on the result.
"""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX job_long ON job (enqueued_time)
         WHERE greatest(enqueued_time, start_time, end_time) - least(enqueued_time, start_time, end_time) > 3600000
        """
    )
