"""Answers kept for a day, for requests that come again with the same Idempotency-Key.

The previous release can run on the result. The previous release does not read the table, and repeats do the work again.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

STATEMENTS = (
    # No foreign key: each row would lock the row of its user, which all requests of a busy user share.
    """
    CREATE TABLE kept_answer (
        user_id bigint NOT NULL,
        key bytea NOT NULL,
        request bytea NOT NULL,
        status smallint NOT NULL,
        answer text,
        created_time bigint NOT NULL,
        PRIMARY KEY (user_id, key)
    )
    """,
    # the sweeper
    "CREATE INDEX kept_answer_created ON kept_answer (created_time)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
