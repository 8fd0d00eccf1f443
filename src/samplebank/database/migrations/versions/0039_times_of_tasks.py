"""The condition for the times of a task stands in the function of the trigger.

PostgreSQL reads the condition of a trigger anew for each statement, which takes longer than a call of a function that does nothing.

The previous release can run on the result: the trigger keeps the same rows. Writers of tasks wait for a moment.
"""

from alembic import op

revision = "0039"
down_revision = "0038"

STATEMENTS = (
    "DROP TRIGGER note_task_times ON job_task",
    """
    CREATE OR REPLACE FUNCTION note_task_times() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.end_time IS NULL AND NEW.end_time IS NOT NULL AND NEW.state <> 'cancelled' THEN
            INSERT INTO task_times_change VALUES (
                NEW.customer_id, NEW.worker_id, NEW.end_time,
                CASE WHEN NEW.start_time IS NOT NULL THEN greatest(NEW.start_time - NEW.enqueued_time, 0) END,
                CASE WHEN NEW.start_time IS NOT NULL THEN greatest(NEW.end_time - NEW.start_time, 0) END, NEW.state);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER note_task_times AFTER UPDATE OF end_time ON job_task
        FOR EACH ROW EXECUTE FUNCTION note_task_times()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
