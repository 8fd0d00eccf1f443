"""An index of the jobs with more than an hour between their times, by the time from the first to the last of these.

A search for jobs of a time range looks for the long jobs around the range. Until now all long jobs from before the range were read:
at 1,000,000 jobs those that timed out are 15,000.

The previous release can run on the result, and reads jobs of a time range more slowly. Writers of jobs wait while the index is made.
"""

from alembic import op

revision = "0043"
down_revision = "0042"

# as in `jobs/ranges.py`
TIMES = "enqueued_time, start_time, end_time"
STATEMENTS = (
    f"""
    CREATE INDEX job_life ON job USING gist (int8range(least({TIMES}), greatest({TIMES}), '[]'))
     WHERE greatest({TIMES}) - least({TIMES}) > 3600000
    """,
    "DROP INDEX job_long",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
