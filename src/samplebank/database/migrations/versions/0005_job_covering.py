"""An index on the jobs of a customer that answers searches by state and times without reading the jobs themselves.

The previous release can run on the result. Writers of jobs wait while the index is made.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    "DROP INDEX job_customer",
    # job search by customer, state and times, which reads no other page for what it counts and skips
    """
    CREATE INDEX job_customer ON job (customer_id, enqueued_time, id) INCLUDE (state, start_time, end_time, sample_id)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
