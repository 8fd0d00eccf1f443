"""Totals of the tally that are changed once for each fold, not once for each customer in it.

Each list of jobs reads the table of the totals, which a thousand changes in one transaction made a thousand times as
large. The previous release can run on the result: triggers keep the totals, whoever folds the tally.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

ADD = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO job_tally_total AS total
        SELECT state, sum(n) FROM ({changes}) changes GROUP BY state ORDER BY state
        ON CONFLICT (state) DO UPDATE SET n = total.n + excluded.n;
        RETURN NULL;
    END $$
"""
STATEMENTS = (
    "LOCK TABLE job_tally IN SHARE ROW EXCLUSIVE MODE",
    "DROP TRIGGER total_job_tally ON job_tally",
    "DROP FUNCTION total_job_tally()",
    ADD.format(name="total_added_tally", changes="SELECT state, n FROM added"),
    ADD.format(
        name="total_changed_tally",
        changes="SELECT state, n FROM added UNION ALL SELECT state, -n FROM removed",
    ),
    """
    CREATE TRIGGER total_added_tally AFTER INSERT ON job_tally REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION total_added_tally()
    """,
    """
    CREATE TRIGGER total_changed_tally AFTER UPDATE ON job_tally REFERENCING OLD TABLE AS removed NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION total_changed_tally()
    """,
    # gives the space of the rows back
    "TRUNCATE job_tally_total",
    "INSERT INTO job_tally_total SELECT state, sum(n) FROM job_tally GROUP BY state",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
