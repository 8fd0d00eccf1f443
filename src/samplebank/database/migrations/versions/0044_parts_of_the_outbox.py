"""The outbox in parts by ranges of ids, so that old events go with a whole part and not row by row.

The rows that are there become the first part as they are. `events/parts.py` adds parts ahead, and drops old ones. Ids that no part
takes go into `outbox_rest`, so that an event is stored whoever has failed to add a part.

The previous release can run on the result. It deletes old events row by row, and adds no parts.
"""

from alembic import op

revision = "0044"
down_revision = "0043"

#: ids that the first part takes behind the last event
AHEAD = 1_000_000
STATEMENTS = (
    "ALTER TABLE outbox RENAME TO outbox_first",
    "ALTER INDEX outbox_pkey RENAME TO outbox_first_pkey",
    "ALTER INDEX outbox_xid RENAME TO outbox_first_xid",
    # Identities are for tables without parts, before PostgreSQL 17.
    "CREATE SEQUENCE outbox_ids",
    "SELECT setval('outbox_ids', last_value, is_called) FROM outbox_id_seq",
    "ALTER TABLE outbox_first ALTER COLUMN id DROP IDENTITY",
    "CREATE TABLE outbox (LIKE outbox_first INCLUDING DEFAULTS) PARTITION BY RANGE (id)",
    "ALTER TABLE outbox ALTER COLUMN id SET DEFAULT nextval('outbox_ids')",
    "ALTER SEQUENCE outbox_ids OWNED BY outbox.id",
    "ALTER TABLE outbox ADD PRIMARY KEY (id)",
    "CREATE INDEX outbox_xid ON outbox (xid, id)",
    f"""
    DO $$ BEGIN
        EXECUTE format('ALTER TABLE outbox ATTACH PARTITION outbox_first FOR VALUES FROM (MINVALUE) TO (%s)',
                       (SELECT last_value + {AHEAD} FROM outbox_ids));
    END $$
    """,
    "CREATE TABLE outbox_rest PARTITION OF outbox DEFAULT",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
