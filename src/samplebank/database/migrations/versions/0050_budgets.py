"""The key that stored the bytes of a sample first, the tally of stored bytes by key, and own budgets of customers and users.

The previous release can run on the result: what the previous release stores is charged to nobody. No row is written anew.
Samples that were stored before are charged to no key.
"""

from alembic import op

revision = "0050"
down_revision = "0049"

#: bytes that are charged to no key
NO_KEY = "'00000000-0000-0000-0000-000000000000'"
CHANGE = f"""
    INSERT INTO stored_bytes_change (customer_id, user_id, key_id, bytes)
    VALUES ({{row}}.charged_customer_id, coalesce({{row}}.charged_user_id, 0), coalesce({{row}}.charged_key_id, {NO_KEY}),
            {{sign}}{{row}}.size);
"""
STATEMENTS = (
    "ALTER TABLE sample ADD COLUMN charged_key_id uuid",
    f"""
    ALTER TABLE stored_bytes ADD COLUMN key_id uuid NOT NULL DEFAULT {NO_KEY},
        DROP CONSTRAINT stored_bytes_pkey, ADD PRIMARY KEY (customer_id, user_id, key_id)
    """,
    "CREATE INDEX stored_bytes_key ON stored_bytes (key_id)",
    f"ALTER TABLE stored_bytes_change ADD COLUMN key_id uuid NOT NULL DEFAULT {NO_KEY}",
    f"""
    CREATE OR REPLACE FUNCTION charge_sample() RETURNS trigger LANGUAGE plpgsql AS $$
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
    "DROP TRIGGER charge_sample ON sample",
    """
    CREATE TRIGGER charge_sample
        AFTER INSERT OR DELETE OR UPDATE OF deleted_time, charged_customer_id, charged_user_id, charged_key_id ON sample
        FOR EACH ROW EXECUTE FUNCTION charge_sample()
    """,
    "ALTER TABLE customer ADD COLUMN stored_bytes bigint CHECK (stored_bytes > 0)",
    "ALTER TABLE subject ADD COLUMN stored_bytes bigint CHECK (stored_bytes > 0)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
