"""Lanes in the lines of customers, and weights of customers.

The previous release can run on the result: it hands tasks out by the time of their coming, as before, and sorts the waiting
tasks of a customer for each claim. No row is written anew.
"""

from alembic import op

revision = "0051"
down_revision = "0050"

STATEMENTS = (
    "ALTER TABLE job_task ADD COLUMN shift bigint NOT NULL DEFAULT 0",
    """
    CREATE INDEX job_task_line ON job_task (worker_id, customer_id, (enqueued_time + shift), id) WHERE state = 'enqueued'
    """,
    "DROP INDEX job_task_waiting",
    "ALTER TABLE customer ADD COLUMN weight smallint NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 100)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
