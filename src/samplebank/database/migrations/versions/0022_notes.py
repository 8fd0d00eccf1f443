"""Notes that people write on samples.

The previous release can run on the result. It knows no notes, and leaves the notes of a sample that it deletes.
"""

from alembic import op

revision = "0022"
down_revision = "0021"

STATEMENTS = (
    # the text of a withdrawn note is empty
    """
    CREATE TABLE sample_note (
        id uuid PRIMARY KEY,
        sample_id bigint NOT NULL REFERENCES sample,
        text text NOT NULL,
        customer_id bigint NOT NULL,
        user_id bigint NOT NULL,
        tlp text NOT NULL CHECK (tlp IN ('red', 'amber', 'green', 'clear')),
        acl bigint[] NOT NULL,
        readers bigint[] NOT NULL,
        created_time bigint NOT NULL,
        withdrawn_time bigint
    )
    """,
    "CREATE INDEX sample_note_sample ON sample_note (sample_id, created_time)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
