"""Leases on samples that wait for their type, so that every host classifies; and files that the model has to tell, apart.

The previous release can run on the result, with a slower look for samples that wait.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

STATEMENTS = (
    # the bytes leave a doubt about the type, so the model has to tell the type
    "ALTER TABLE sample ADD COLUMN classification_doubtful boolean NOT NULL DEFAULT false",
    # the queues of the classifiers, by customer: what nobody has looked at, and what the model has to tell
    """
    CREATE INDEX sample_unidentified ON sample (classification_doubtful, (coalesce(readers[1], 0)), id)
     WHERE classification_wanted
    """,
    "DROP INDEX sample_untyped",
    # The samples that a classifier is busy with. A row of its own, because a new version of a sample outruns submissions.
    # A crash of the database may forget the leases: then a sample is classified twice.
    "CREATE UNLOGGED TABLE classification_lease (sample_id bigint PRIMARY KEY, until bigint NOT NULL)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
