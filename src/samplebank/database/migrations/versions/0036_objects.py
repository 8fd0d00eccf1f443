"""The token of the object with the bytes, for a blob store of objects.

The previous release can run on the result, with a blob folder.
"""

from alembic import op

revision = "0036"
down_revision = "0035"

STATEMENTS = (
    # A folder of blobs needs no tokens: the columns stay empty.
    "ALTER TABLE sample ADD COLUMN blob_token bytea",
    "ALTER TABLE evidence ADD COLUMN blob_token bytea",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
