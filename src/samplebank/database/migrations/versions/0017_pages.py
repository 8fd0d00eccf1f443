"""Indexes in the order of every list: a page of a list costs a page, whatever the list is sorted by.

The previous release can run on the result; its search for file names then reads all submissions.
"""

from alembic import op

revision = "0017"
down_revision = "0016"

CHANGES = (
    # names are too long for a B-tree, so that their beginning stands for them; replaces the index for equal names
    "CREATE INDEX submission_named ON submission ((left(file_name, 500)), id)",
    "DROP INDEX submission_file_name",
    "CREATE INDEX submission_mime_type ON submission ((left(mime_type, 500)), id)",
    # also the sweeper of expired submissions
    "DROP INDEX submission_expiry",
    "CREATE INDEX submission_expiry ON submission (expiry_time, id) WHERE expiry_time IS NOT NULL",
    "CREATE INDEX sample_size ON sample (size, id)",
    # the samples of a type, and samples by type
    "DROP INDEX classification_type",
    "CREATE INDEX classification_type ON classification (type, sample_id)",
)


def upgrade() -> None:
    for change in CHANGES:
        op.execute(change)
