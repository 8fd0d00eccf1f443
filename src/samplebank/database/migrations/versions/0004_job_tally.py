"""How many jobs there are, by customer and state, so that nobody has to count a million of them for one page.

The previous release can run on the result: triggers keep the figures, whoever changes the jobs. Writers of jobs wait
until the existing ones are counted.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    # rewritten in place, so there is room in each page
    """
    CREATE TABLE job_tally (
        customer_id bigint NOT NULL,
        state text NOT NULL,
        n bigint NOT NULL,
        PRIMARY KEY (customer_id, state)
    ) WITH (fillfactor = 50)
    """,
    # Changes since the tally was brought up to date: writers of the jobs of one customer do not wait for each other.
    "CREATE TABLE job_tally_change (customer_id bigint NOT NULL, state text NOT NULL, n int NOT NULL)",
    """
    CREATE FUNCTION tally_job() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO job_tally_change VALUES (NEW.customer_id, NEW.state, 1);
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO job_tally_change VALUES (OLD.customer_id, OLD.state, -1);
        ELSE
            INSERT INTO job_tally_change VALUES (OLD.customer_id, OLD.state, -1), (NEW.customer_id, NEW.state, 1);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_job AFTER INSERT OR DELETE OR UPDATE OF state ON job
        FOR EACH ROW EXECUTE FUNCTION tally_job()
    """,
    "INSERT INTO job_tally SELECT customer_id, state, count(*) FROM job GROUP BY customer_id, state",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
