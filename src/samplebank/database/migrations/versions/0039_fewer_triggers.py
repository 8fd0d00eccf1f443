"""One trigger for a changed sample in place of three, and conditions inside the functions.

PostgreSQL reads the condition of a trigger anew for each statement, which takes longer than a call of a function that does nothing.

The previous release can run on the result: the triggers keep the same rows. Writers of samples and tasks wait for a moment.
"""

from alembic import op

revision = "0039"
down_revision = "0038"

HOUR = 3_600_000
# as migrations 0029 and 0037 have the two
UPLOADERS = -(1 << 40)
IS_LISTED = f"""
    CASE WHEN NEW.readers @> ARRAY[0::bigint] THEN r = 0
         ELSE r > {UPLOADERS} OR NOT NEW.readers @> ARRAY[2 * ({UPLOADERS} - r)] END
"""
HAS_LISTS = "{row}.deleted_time IS NULL AND {row}.unread_since IS NULL"
STATEMENTS = (
    # Most activity is in the hour of the activity before, soon after the creation, and changes no reader.
    f"""
    CREATE FUNCTION note_changed_sample() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        was_listed boolean := {HAS_LISTS.format(row="OLD")};
        is_listed boolean := {HAS_LISTS.format(row="NEW")};
        r bigint;
        listed bigint[] := '{{}}';
    BEGIN
        IF OLD.activity_time / {HOUR} <> NEW.activity_time / {HOUR}
           OR (OLD.deleted_time IS NULL) <> (NEW.deleted_time IS NULL) THEN
            IF OLD.deleted_time IS NULL THEN
                INSERT INTO sample_tally_change VALUES (OLD.activity_time, -1);
            END IF;
            IF NEW.deleted_time IS NULL THEN
                INSERT INTO sample_tally_change VALUES (NEW.activity_time, 1);
            END IF;
        END IF;
        IF NEW.activity_time > NEW.created_time + {HOUR} AND OLD.activity_time <> NEW.activity_time THEN
            INSERT INTO sample_late VALUES (NEW.id, NEW.activity_time)
            ON CONFLICT (sample_id) DO UPDATE SET activity_time = excluded.activity_time;
        END IF;
        IF is_listed AND NOT was_listed THEN
            FOREACH r IN ARRAY NEW.readers LOOP
                IF ({IS_LISTED}) THEN
                    INSERT INTO sample_reader VALUES (r, NEW.created_time, NEW.id);
                    listed := listed || r;
                END IF;
            END LOOP;
            INSERT INTO sample_reader_tally_change VALUES (NEW.created_time, listed, 1);
        ELSIF was_listed AND (OLD.readers <> NEW.readers OR OLD.created_time <> NEW.created_time OR NOT is_listed) THEN
            PERFORM list_again(
                OLD.id, OLD.created_time, ARRAY(SELECT listed_readers(OLD.readers)), NEW.created_time,
                ARRAY(SELECT listed_readers(NEW.readers) WHERE is_listed));
        END IF;
        RETURN NULL;
    END $$
    """,
    "DROP TRIGGER tally_changed_sample ON sample",
    "DROP TRIGGER note_late_activity ON sample",
    "DROP FUNCTION note_late_activity()",
    "DROP TRIGGER list_changed_readers ON sample",
    "DROP FUNCTION list_changed_readers()",
    """
    CREATE TRIGGER note_changed_sample
        AFTER UPDATE OF activity_time, created_time, deleted_time, readers, unread_since ON sample
        FOR EACH ROW EXECUTE FUNCTION note_changed_sample()
    """,
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
