"""The identity of the blob store, and the services at work with the settings that every host has to share.

The previous release can run on the result. Its services are not listed, and do not look at the identity.
"""

from alembic import op

revision = "0033"
down_revision = "0032"

STATEMENTS = (
    """
    CREATE TABLE installation (
        id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
        store_id uuid,
        -- whether the store is known to hold its identity
        store_is_marked boolean NOT NULL DEFAULT false
    )
    """,
    "INSERT INTO installation DEFAULT VALUES",
    "CREATE TABLE service (name text PRIMARY KEY, settings jsonb NOT NULL, seen_time bigint NOT NULL)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
