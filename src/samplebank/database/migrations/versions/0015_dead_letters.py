"""Events that were given up, so that figures count them without reading all events.

The previous release can run on the result.
"""

from alembic import op

revision = "0015"
down_revision = "0014"

STATEMENTS = (
    # the figure of dead letters
    "CREATE INDEX outbox_dead ON outbox (id) WHERE dead_time IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
