"""Samples that wait for their type by customer, so that customers take turns there, too, and what is waited for comes first.

The previous release can run on the result, with a slower look for samples that wait.
"""

from alembic import op

revision = "0014"
down_revision = "0013"

STATEMENTS = (
    "ALTER TABLE sample ADD COLUMN classification_urgent boolean NOT NULL DEFAULT false",
    # the queue of the classifier: the first number among the readers is that of an uploader's customer
    "CREATE INDEX sample_untyped ON sample ((coalesce(readers[1], 0)), id) WHERE classification_wanted",
    # what a submission waits for
    "CREATE INDEX sample_urgent ON sample (id) WHERE classification_wanted AND classification_urgent",
    "DROP INDEX sample_unclassified",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
