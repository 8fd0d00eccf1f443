"""Hunts: rules that are run over stored samples, the batches of the samples, and what was found.

The previous release can run on the result. Samples that it deletes keep their hits, which nobody is told of.
"""

from alembic import op

revision = "0032"
down_revision = "0031"

STATEMENTS = (
    # `reach` holds the customers whose samples the asker might download, NULL for every customer. `samples` and `bytes` are all that
    # the hunt is to look at. `resume_time` is when the budget of the customer allows more. `claimed_time` is the latest claim.
    """
    CREATE TABLE hunt (
        id uuid PRIMARY KEY,
        user_id bigint NOT NULL REFERENCES subject,
        customer_id bigint NOT NULL REFERENCES customer,
        reach bigint[],
        rules text NOT NULL,
        rule_count int NOT NULL,
        query text NOT NULL,
        since_time bigint,
        until_time bigint,
        state text NOT NULL CHECK (state IN ('enqueued', 'executing', 'done', 'cancelled')),
        created_time bigint NOT NULL,
        start_time bigint,
        end_time bigint,
        claimed_time bigint NOT NULL DEFAULT 0,
        resume_time bigint NOT NULL DEFAULT 0,
        samples bigint NOT NULL,
        bytes bigint NOT NULL,
        scanned bigint NOT NULL DEFAULT 0,
        scanned_bytes bigint NOT NULL DEFAULT 0,
        unscanned bigint NOT NULL DEFAULT 0,
        passed_over bigint NOT NULL DEFAULT 0,
        hits int NOT NULL DEFAULT 0,
        first_hit_time bigint,
        message text NOT NULL DEFAULT '',
        CHECK ((end_time IS NULL) = (state IN ('enqueued', 'executing')))
    )
    """,
    "CREATE INDEX hunt_created ON hunt (created_time, id)",
    # hunts under way, the hunt that waits for longest first
    "CREATE INDEX hunt_open ON hunt (claimed_time, created_time, id) WHERE end_time IS NULL",
    # `samples` are the ids of the samples, newest first; empty once the batch is done
    """
    CREATE TABLE hunt_batch (
        hunt_id uuid NOT NULL REFERENCES hunt,
        number int NOT NULL,
        samples bigint[] NOT NULL,
        bytes bigint NOT NULL,
        is_done boolean NOT NULL DEFAULT false,
        attempt int NOT NULL DEFAULT 0,
        lease_token uuid,
        lease_until bigint,
        claimed_by bigint,
        PRIMARY KEY (hunt_id, number)
    )
    """,
    "CREATE INDEX hunt_batch_open ON hunt_batch (hunt_id, number) WHERE NOT is_done",
    "ALTER TABLE hunt_batch ALTER samples SET STATISTICS 0",
    # `batch` and `place` are the order of the hunt
    """
    CREATE TABLE hunt_hit (
        hunt_id uuid NOT NULL REFERENCES hunt,
        sample_id bigint NOT NULL REFERENCES sample,
        batch int NOT NULL,
        place int NOT NULL,
        matches jsonb NOT NULL,
        created_time bigint NOT NULL,
        PRIMARY KEY (hunt_id, sample_id)
    )
    """,
    "CREATE INDEX hunt_hit_order ON hunt_hit (hunt_id, batch, place)",
    "CREATE INDEX hunt_hit_sample ON hunt_hit (sample_id)",
    # bytes that hunts of a customer looked at; `day` counts the days since 1970, in UTC
    """
    CREATE TABLE hunt_budget (
        customer_id bigint NOT NULL REFERENCES customer,
        day int NOT NULL,
        bytes bigint NOT NULL,
        PRIMARY KEY (customer_id, day)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
