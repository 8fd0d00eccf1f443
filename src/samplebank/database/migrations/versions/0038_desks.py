"""What the pages keep for each user: when the user was last here, and the queries that the user saved.

The previous release can run on the result. The previous release reads neither table.
"""

from alembic import op

revision = "0038"
down_revision = "0037"

STATEMENTS = (
    # One row for each user. `before_time` is the end of the visit before the visit that lasts.
    """
    CREATE TABLE last_visit (
        user_id bigint PRIMARY KEY REFERENCES subject,
        seen_time bigint NOT NULL,
        before_time bigint
    )
    """,
    """
    CREATE TABLE saved_query (
        id uuid PRIMARY KEY,
        user_id bigint NOT NULL REFERENCES subject,
        kind text NOT NULL CHECK (kind IN ('samples', 'jobs')),
        name text NOT NULL,
        query text NOT NULL,
        created_time bigint NOT NULL,
        UNIQUE (user_id, name)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
