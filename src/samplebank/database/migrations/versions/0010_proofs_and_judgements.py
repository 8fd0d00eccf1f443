"""For whom the author of a manual verdict could judge, and the challenges that users may still answer.

The previous release can run on the result. A manual verdict that the previous release stores counts for every customer.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    # NULL: every customer, present and future
    "ALTER TABLE verdict ADD COLUMN judged_for bigint[]",
    # An earlier verdict by hand goes on counting for those who have the sample now, and for nobody else.
    """
    UPDATE verdict v SET judged_for = ARRAY(SELECT DISTINCT u.customer_id FROM submission u WHERE u.sample_id = v.sample_id)
     WHERE v.manual
    """,
    # the range that a user is asked about, kept until it may be drawn again
    """
    CREATE TABLE challenge_range (
        user_id bigint NOT NULL REFERENCES subject,
        sample_id bigint NOT NULL REFERENCES sample,
        start bigint NOT NULL,
        length bigint NOT NULL,
        until bigint NOT NULL,
        PRIMARY KEY (user_id, sample_id)
    )
    """,
    # the deletion of a sample
    "CREATE INDEX challenge_range_sample ON challenge_range (sample_id)",
    # the sweeper of ranges
    "CREATE INDEX challenge_range_until ON challenge_range (until)",
    "CREATE TABLE wrong_answer (user_id bigint NOT NULL REFERENCES subject, time bigint NOT NULL)",
    # whether a user has answered wrongly too often
    "CREATE INDEX wrong_answer_user ON wrong_answer (user_id, time)",
    # the sweeper of wrong answers
    "CREATE INDEX wrong_answer_time ON wrong_answer (time)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
