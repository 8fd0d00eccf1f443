"""Delivery of events: what of the outbox has been published, what is to be tried again, what was given up.

The previous release can run on the result: the new columns have defaults.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
    ALTER TABLE outbox
        ADD COLUMN attempts int NOT NULL DEFAULT 0,
        ADD COLUMN not_before bigint NOT NULL DEFAULT 0,
        ADD COLUMN published_time bigint,
        ADD COLUMN dead_time bigint,
        ADD COLUMN last_error text
    """,
    # the relay: what is still to be published, in order
    "CREATE INDEX outbox_waiting ON outbox (id) WHERE published_time IS NULL AND dead_time IS NULL",
    # the relay: whether an earlier event of the same sample waits, too
    "CREATE INDEX outbox_waiting_sample ON outbox (sample_id, id) WHERE published_time IS NULL AND dead_time IS NULL",
    # the sweeper of old events
    "CREATE INDEX outbox_created ON outbox (created_time)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
