"""Who claimed a task, when each worker was last seen, and a role for workers.

The previous release can run on the result, but for the built-in workers: it does not know the role of their account.
"""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = (
    # the user who holds or held the lease; NULL for a task that waits, or was claimed by an earlier release
    "ALTER TABLE job_task ADD COLUMN claimed_by bigint",
    # beside the workers, because rows of the policy shall not change with every claim
    "CREATE TABLE worker_seen (worker_id uuid PRIMARY KEY REFERENCES worker, seen_time bigint NOT NULL)",
    """
    UPDATE access_grant g SET role = 'SAMPLEDB-WORKER'
     WHERE g.role = 'SAMPLEDB-ANALYZER' AND g.customer_id IS NULL
       AND g.subject_id = (SELECT id FROM subject WHERE short_name = 'samplebank-workers' AND kind = 'user')
    """,
    "UPDATE accounts_version SET version = version + 1",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
