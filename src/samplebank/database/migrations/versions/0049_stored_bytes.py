"""Who stored the bytes of a sample first, and a tally of stored bytes by customer and user.

The previous release can run on the result: triggers keep the tally, and what the previous release stores is charged to nobody.
Samples that were stored before are charged to the user of the first submission. Writers of samples wait meanwhile: about 15 s
for a million samples. Samples that nobody submitted are charged to nobody.
"""

from alembic import op

revision = "0049"
down_revision = "0048"

#: user 0: bytes that are charged to the customer alone
CHANGE = "INSERT INTO stored_bytes_change VALUES ({row}.charged_customer_id, coalesce({row}.charged_user_id, 0), {sign}{row}.size);"
STATEMENTS = (
    "LOCK TABLE sample, submission IN SHARE ROW EXCLUSIVE MODE",
    "ALTER TABLE sample ADD COLUMN charged_customer_id bigint, ADD COLUMN charged_user_id bigint",
    """
    CREATE TABLE stored_bytes (
        customer_id bigint NOT NULL,
        user_id bigint NOT NULL,
        bytes numeric NOT NULL,
        PRIMARY KEY (customer_id, user_id)
    ) WITH (fillfactor = 50)
    """,
    "CREATE INDEX stored_bytes_user ON stored_bytes (user_id)",
    "CREATE TABLE stored_bytes_change (customer_id bigint NOT NULL, user_id bigint NOT NULL, bytes bigint NOT NULL)",
    # A child has a submission in the name of its worker: only the customer pays for the child.
    """
    UPDATE sample s SET charged_customer_id = coalesce(u.customer_id, first.customer_id), charged_user_id = u.id
      FROM (SELECT DISTINCT ON (sample_id) sample_id, id, user_id, customer_id
              FROM submission ORDER BY sample_id, submitted_time, id) first
      LEFT JOIN extracted e ON e.submission_id = first.id
      LEFT JOIN subject u ON u.id = first.user_id AND e.submission_id IS NULL
     WHERE s.id = first.sample_id AND s.deleted_time IS NULL
    """,
    """
    INSERT INTO stored_bytes (customer_id, user_id, bytes)
    SELECT charged_customer_id, coalesce(charged_user_id, 0), sum(size)
      FROM sample WHERE charged_customer_id IS NOT NULL AND deleted_time IS NULL GROUP BY 1, 2
    """,
    f"""
    CREATE FUNCTION charge_sample() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' AND OLD.deleted_time IS NULL AND OLD.charged_customer_id IS NOT NULL THEN
            {CHANGE.format(row="OLD", sign="-")}
        END IF;
        IF TG_OP <> 'DELETE' AND NEW.deleted_time IS NULL AND NEW.charged_customer_id IS NOT NULL THEN
            {CHANGE.format(row="NEW", sign="")}
        END IF;
        RETURN NULL;
    END $$
    """,
    # Most statements on samples change none of these columns, and do not call the function.
    """
    CREATE TRIGGER charge_sample AFTER INSERT OR DELETE OR UPDATE OF deleted_time, charged_customer_id, charged_user_id ON sample
        FOR EACH ROW EXECUTE FUNCTION charge_sample()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
