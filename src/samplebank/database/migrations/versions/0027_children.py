"""What workers found inside of samples: the budget of each root, and which sample came from which.

The previous release can run on the result. Samples that it deletes leave their rows here, which name no sample any more.
"""

from alembic import op

revision = "0027"
down_revision = "0026"

STATEMENTS = (
    # A root is a submission by a person or a sensor. `files` and `bytes` count all that was stored from the
    # root, at any depth. With the submission the row goes.
    """
    CREATE TABLE extraction (
        root_id uuid PRIMARY KEY REFERENCES submission ON DELETE CASCADE,
        sample_id bigint NOT NULL,
        files int NOT NULL DEFAULT 0,
        bytes bigint NOT NULL DEFAULT 0
    )
    """,
    # A child in its parent. `submission_id` is the child's submission where the root met the child first, and
    # `job_id` the job of this submission.
    """
    CREATE TABLE extracted (
        root_id uuid NOT NULL REFERENCES extraction ON DELETE CASCADE,
        parent_id bigint NOT NULL,
        sample_id bigint NOT NULL,
        path text NOT NULL,
        depth int NOT NULL,
        submission_id uuid,
        job_id uuid,
        PRIMARY KEY (root_id, parent_id, sample_id)
    )
    """,
    "CREATE INDEX extracted_sample ON extracted (sample_id)",
    "CREATE INDEX extracted_parent ON extracted (parent_id)",
    "CREATE INDEX extracted_submission ON extracted (submission_id) WHERE submission_id IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
