"""Marks of samples whose parents may have to be judged again, and how many judgements led to a job.

The previous release can run on the result. Its verdicts leave no mark, so the parents keep the verdicts that they have.
Writers of samples and of children wait while the indexes are made.
"""

from alembic import op

revision = "0031"
down_revision = "0030"

STATEMENTS = (
    "ALTER TABLE sample ADD COLUMN parents_wanted boolean NOT NULL DEFAULT false",
    "CREATE INDEX sample_parents ON sample (id) WHERE parents_wanted",
    # 0 for a job of a submission or of a reanalysis; one more than the job of the child for a parent that is judged again
    "ALTER TABLE job ADD COLUMN echo smallint NOT NULL DEFAULT 0",
    # the places of a sample below one root, and the places of a sample by the age of the roots
    "CREATE INDEX extracted_of_root ON extracted (sample_id, root_id)",
    "DROP INDEX extracted_sample",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
