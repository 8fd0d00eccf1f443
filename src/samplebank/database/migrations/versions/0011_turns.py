"""Open tasks by customer, so that customers take turns in the queue of a worker.

The previous release can run on the result, with slower claims.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    # the claim: the customers with open tasks of a worker, and the longest-waiting one of a customer
    "CREATE INDEX job_task_waiting ON job_task (worker_id, customer_id, enqueued_time, id) WHERE state = 'enqueued'",
    "DROP INDEX job_task_open",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
