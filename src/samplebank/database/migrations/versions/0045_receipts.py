"""Receipts of deletions, and the key that signs the receipts. An index of the submissions with children by their sample.

A deletion looks for the latter, and read all of them. The previous release can run on the result: its deletions have no receipts.
"""

from alembic import op

revision = "0045"
down_revision = "0044"

STATEMENTS = (
    """
    CREATE TABLE receipt_key (
        id text PRIMARY KEY,
        public bytea NOT NULL,
        private bytea NOT NULL,
        created_time bigint NOT NULL
    )
    """,
    """
    CREATE TABLE receipt (
        id uuid PRIMARY KEY,
        correlation_id uuid NOT NULL,
        user_id bigint NOT NULL REFERENCES subject,
        sha256 bytea NOT NULL,
        statement jsonb NOT NULL,
        key_id text NOT NULL REFERENCES receipt_key,
        signature bytea NOT NULL,
        created_time bigint NOT NULL
    )
    """,
    # of a deletion; of a user; of a sample
    "CREATE INDEX receipt_correlation ON receipt (correlation_id)",
    "CREATE INDEX receipt_user ON receipt (user_id, created_time, id)",
    "CREATE INDEX receipt_sample ON receipt (sha256)",
    "CREATE INDEX receipt_created ON receipt (created_time, id)",
    "CREATE INDEX extraction_sample ON extraction (sample_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
