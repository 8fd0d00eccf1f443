"""Indexes for searches for little among much: verdicts of a rare class, tasks of a rare worker, submissions by their readers.

The previous release can run on the result. Writers of verdicts, tasks and submissions wait while the indexes are made.
"""

from alembic import op

revision = "0026"
down_revision = "0025"

# a verdict in a word, as in `search/rows.py`
CLASS = """
    CASE WHEN malicious THEN 'malicious'
         WHEN status_override = 'benign' OR (status_override IS NULL AND score >= 0 AND score < 30) THEN 'benign'
         WHEN status_override IS NULL AND score >= 30 THEN 'suspicious' END
"""
STATEMENTS = (
    # samples by the class of their latest verdict: any class may be rare
    f"CREATE INDEX verdict_class ON verdict (({CLASS}), sample_id) WHERE latest",
    "CREATE INDEX verdict_contradicting ON verdict (sample_id) WHERE latest AND contradicting",
    "CREATE INDEX verdict_shared ON verdict (sample_id) WHERE latest AND shared",
    # without statistics on the class the planner takes each class for a rare class
    f"CREATE STATISTICS verdict_class ON ({CLASS}) FROM verdict",
    "DO $$ BEGIN IF EXISTS (SELECT FROM verdict) THEN ANALYZE verdict; END IF; END $$",
    # the jobs of a worker
    "CREATE INDEX job_task_worker ON job_task (worker)",
    # The list of submissions for readers of some customers: those of a customer, and those that more than a customer may
    # read. The first reader is everybody, or a domain.
    """
    CREATE INDEX submission_of_customer ON submission (customer_id, observed_time, id) INCLUDE (submitted_time, readers)
    """,
    """
    CREATE INDEX submission_public ON submission ((readers[1]), observed_time, id)
        INCLUDE (customer_id, submitted_time, readers) WHERE readers[1] <= 0
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
