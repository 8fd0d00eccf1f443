"""The ledger: who read, downloaded, changed or deleted what. By weeks, so that the oldest week is dropped as a whole.

The previous release can run on the result, and adds nothing to the ledger.
"""

from alembic import op

revision = "0046"
down_revision = "0045"

STATEMENTS = (
    # Without foreign keys: an entry outlasts what it tells of. `owners` are the customers that may know of the act. `reach` are
    # the customers for which the actor held anything, NULL for every customer.
    """
    CREATE TABLE audit (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        time bigint NOT NULL,
        kind text NOT NULL CHECK (kind IN ('read', 'download', 'change', 'deletion', 'access')),
        action text NOT NULL,
        actor text NOT NULL CHECK (actor IN ('user', 'service', 'operator')),
        user_id bigint,
        customer_id bigint,
        key_id uuid,
        session_id uuid,
        reach bigint[],
        address text,
        request_id text,
        sha256 bytea,
        target text,
        details jsonb,
        is_refused boolean NOT NULL DEFAULT false,
        count int NOT NULL DEFAULT 1,
        owners bigint[] NOT NULL DEFAULT '{}',
        CHECK ((user_id IS NOT NULL) = (actor = 'user'))
    ) PARTITION BY RANGE (time)
    """,
    # the ledger, newest first
    "CREATE INDEX audit_time ON audit (time, id)",
    # what the users of a customer did
    "CREATE INDEX audit_customer ON audit (customer_id, time, id)",
    # what was done to a sample
    "CREATE INDEX audit_sample ON audit (sha256, time, id) WHERE sha256 IS NOT NULL",
    # what others did to the samples of a customer
    "CREATE INDEX audit_owners ON audit USING gin (owners) WHERE cardinality(owners) > 0",
    """
    CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'The ledger takes new entries only: % is refused.', TG_OP;
    END $$
    """,
    """
    CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()
    """,
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    # Entries of weeks that were not made in time. The service makes the weeks long before.
    """
    CREATE FUNCTION audit_make_other() RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        CREATE TABLE audit_other PARTITION OF audit DEFAULT;
        CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_other
            FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
    END $$
    """,
    "SELECT audit_make_other()",
    # A week is named by its number since 1970. A week whose entries are in audit_other already stays there.
    """
    CREATE FUNCTION audit_make_week(week bigint) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        size CONSTANT bigint := 7 * 24 * 3600 * 1000::bigint;
        name CONSTANT text := 'audit_week_' || week;
    BEGIN
        IF to_regclass(name) IS NOT NULL
           OR EXISTS (SELECT FROM audit_other o WHERE o.time >= week * size AND o.time < (week + 1) * size) THEN
            RETURN false;
        END IF;
        EXECUTE format('CREATE TABLE %I PARTITION OF audit FOR VALUES FROM (%s) TO (%s)',
                       name, week * size, (week + 1) * size);
        EXECUTE format('CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()', name);
        RETURN true;
    END $$
    """,
    """
    SELECT audit_make_week(week)
      FROM generate_series((extract(epoch FROM clock_timestamp()) / (7 * 24 * 3600))::bigint - 1,
                           (extract(epoch FROM clock_timestamp()) / (7 * 24 * 3600))::bigint + 8) week
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
