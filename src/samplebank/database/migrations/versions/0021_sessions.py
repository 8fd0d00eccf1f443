"""Sessions of browsers, and links that sign a user in once.

The previous release can run on the result. The previous release has no pages, and reads neither table.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

STATEMENTS = (
    """
    CREATE TABLE browser_session (
        id uuid PRIMARY KEY,
        digest bytea NOT NULL UNIQUE,
        user_id bigint NOT NULL REFERENCES subject,
        -- the key that was pasted to sign in: the session ends with the key
        key_id uuid REFERENCES api_key,
        label text NOT NULL,
        created_time bigint NOT NULL,
        seen_time bigint NOT NULL,
        end_time bigint NOT NULL
    )
    """,
    # the page of a user's own sessions
    "CREATE INDEX browser_session_user ON browser_session (user_id)",
    # the sweeper
    "CREATE INDEX browser_session_end ON browser_session (end_time)",
    """
    CREATE TABLE sign_in_link (
        digest bytea PRIMARY KEY,
        user_id bigint NOT NULL REFERENCES subject,
        created_time bigint NOT NULL,
        end_time bigint NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
