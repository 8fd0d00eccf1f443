"""The feed of events: the transaction of each event, where each sink stands in the feed, and what a sink has to deliver.

The previous release can run on the result. Its relay sends the events of the retention again, with the same ids.
"""

from alembic import op

revision = "0035"
down_revision = "0034"

CARRIED_OVER = (
    # An installation that has sent events goes on where it stands; any other begins with the oldest event.
    """
    INSERT INTO sink (name, since, until, id, last)
    SELECT 'webhook', '1', '1', 0, 0 WHERE EXISTS (SELECT FROM outbox WHERE published_time IS NOT NULL)
    """,
    """
    INSERT INTO delivery (sink, event_id, sample_id, attempts, not_before, dead_time, last_error)
    SELECT sink.name, o.id, o.sample_id, o.attempts, o.not_before, o.dead_time, o.last_error
      FROM sink, outbox o WHERE o.published_time IS NULL ORDER BY o.id
    """,
)
STATEMENTS = (
    # Two steps: a default that is a constant rewrites no row. What is stored already counts as older than all else.
    "ALTER TABLE outbox ADD COLUMN xid xid8 NOT NULL DEFAULT '0'",
    "ALTER TABLE outbox ALTER COLUMN xid SET DEFAULT pg_current_xact_id()",
    "CREATE INDEX outbox_xid ON outbox (xid, id)",
    """
    CREATE TABLE feed (
        id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
        identity uuid NOT NULL DEFAULT gen_random_uuid(),
        -- hides from readers how many events there are
        secret uuid NOT NULL DEFAULT gen_random_uuid(),
        -- the database server whose transactions the feed counts; NULL before the first start
        server bigint,
        -- the last of the events that were forgotten, by transaction and by id
        forgotten_xid xid8,
        forgotten_id bigint
    )
    """,
    "INSERT INTO feed DEFAULT VALUES",
    """
    CREATE TABLE sink (
        name text PRIMARY KEY,
        since xid8 NOT NULL,
        until xid8 NOT NULL,
        id bigint NOT NULL,
        last bigint NOT NULL
    )
    """,
    """
    CREATE TABLE delivery (
        place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        sink text NOT NULL,
        event_id bigint NOT NULL,
        sample_id bigint NOT NULL,
        attempts int NOT NULL DEFAULT 0,
        not_before bigint NOT NULL DEFAULT 0,
        dead_time bigint,
        last_error text,
        UNIQUE (event_id, sink)
    )
    """,
    # the relay: whether an earlier event of the same sample waits, too
    "CREATE INDEX delivery_waiting ON delivery (sink, sample_id, place) WHERE dead_time IS NULL",
    "CREATE INDEX delivery_dead ON delivery (event_id) WHERE dead_time IS NOT NULL",
    *CARRIED_OVER,
    # each would be written to with each event
    "DROP INDEX outbox_waiting",
    "DROP INDEX outbox_waiting_sample",
    "DROP INDEX outbox_dead",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
