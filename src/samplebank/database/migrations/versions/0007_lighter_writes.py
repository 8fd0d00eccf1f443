"""Less to write for each submission and job: no locks on rows that never go, no indexes that another one replaces.

The previous release can run on the result; its sweep of old events and its figure of unfinished jobs then read whole
tables.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

# Customers, subjects and workers are never deleted. Each check locked the one row of a busy customer, user or worker
# for every transaction, and many at once had to share that lock.
NEVER_GONE = (
    ("challenge", "user_id"),
    ("submission", "customer_id"),
    ("submission", "user_id"),
    ("job", "customer_id"),
    ("job_task", "worker_id"),
    ("analysis", "customer_id"),
    ("analysis", "user_id"),
)
#: each would be written to at every change of state
INDEXES = (
    "job_open",  # unfinished jobs: the tally says how many, and the sweeper goes by job_state
    "job_executing",  # the sweeper of time-outs: job_state has the executing jobs, which are few
    "outbox_created",  # events get ids in the order of times
)


def upgrade() -> None:
    for table, column in NEVER_GONE:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_fkey")
    for index in INDEXES:
        op.execute(f"DROP INDEX {index}")
