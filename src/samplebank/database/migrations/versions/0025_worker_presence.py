"""Which processes work, how long tasks wait and take, and an index of failures.

The previous release can run on the result: a trigger notes the times, whoever ends the tasks. Only nobody folds the notes
then, so that their table grows.
"""

from alembic import op

revision = "0025"
down_revision = "0024"

STATEMENTS = (
    # A process of a worker, as the process names itself. `customers` are those whose tasks the process may claim, NULL for
    # every customer. By `due_time` the next sign of life is expected. A crash of the database may forget the processes:
    # each process gives a sign again within seconds.
    """
    CREATE UNLOGGED TABLE worker_process (
        worker_id uuid NOT NULL,
        user_id bigint NOT NULL,
        label text NOT NULL,
        agent_name text,
        agent_version text,
        customers bigint[],
        first_time bigint NOT NULL,
        last_time bigint NOT NULL,
        due_time bigint NOT NULL,
        PRIMARY KEY (worker_id, user_id, label)
    ) WITH (fillfactor = 50)
    """,
    # Ended tasks in buckets of ten minutes (level 0) and an hour (level 1), with the sum of their milliseconds. Customer 0
    # has the sum over all customers.
    """
    CREATE TABLE task_times (
        customer_id bigint NOT NULL,
        level int NOT NULL,
        bucket bigint NOT NULL,
        worker_id uuid NOT NULL,
        measure text NOT NULL,
        size int NOT NULL,
        n bigint NOT NULL,
        ms bigint NOT NULL,
        PRIMARY KEY (customer_id, level, bucket, worker_id, measure, size)
    ) WITH (fillfactor = 70)
    """,
    # what nobody asks for any more
    "CREATE INDEX task_times_bucket ON task_times (level, bucket)",
    # Tasks that ended since: writers do not wait for each other.
    """
    CREATE TABLE task_times_change (
        customer_id bigint NOT NULL,
        worker_id uuid NOT NULL,
        time bigint NOT NULL,
        wait bigint,
        service bigint,
        state text NOT NULL
    )
    """,
    """
    CREATE FUNCTION note_task_times() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO task_times_change VALUES (
            NEW.customer_id, NEW.worker_id, NEW.end_time,
            CASE WHEN NEW.start_time IS NOT NULL THEN greatest(NEW.start_time - NEW.enqueued_time, 0) END,
            CASE WHEN NEW.start_time IS NOT NULL THEN greatest(NEW.end_time - NEW.start_time, 0) END, NEW.state);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER note_task_times AFTER UPDATE OF end_time ON job_task FOR EACH ROW
        WHEN (OLD.end_time IS NULL AND NEW.end_time IS NOT NULL AND NEW.state <> 'cancelled')
        EXECUTE FUNCTION note_task_times()
    """,
    # failures by their time, of all customers and of one: few among the tasks
    "CREATE INDEX job_task_failed ON job_task (end_time) WHERE state IN ('failed', 'timeout')",
    "CREATE INDEX job_task_failed_of ON job_task (customer_id, end_time) WHERE state IN ('failed', 'timeout')",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
