"""How many jobs there are by state alone, so that who sees all customers need not add up thousands of rows.

The previous release can run on the result: a trigger keeps the totals, whoever folds the tally. It waits for a moment
while they are made.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    # rewritten in place every few seconds, so there is room in its page
    "CREATE TABLE job_tally_total (state text PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 10)",
    """
    CREATE FUNCTION total_job_tally() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO job_tally_total AS total
        VALUES (NEW.state, NEW.n - CASE WHEN TG_OP = 'UPDATE' THEN OLD.n ELSE 0 END)
        ON CONFLICT (state) DO UPDATE SET n = total.n + excluded.n;
        RETURN NULL;
    END $$
    """,
    "LOCK TABLE job_tally IN SHARE ROW EXCLUSIVE MODE",
    "INSERT INTO job_tally_total SELECT state, sum(n) FROM job_tally GROUP BY state",
    "CREATE TRIGGER total_job_tally AFTER INSERT OR UPDATE ON job_tally FOR EACH ROW EXECUTE FUNCTION total_job_tally()",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
