"""When each sample with late activity was created, so that an index has the samples from before a time that were active later.

A list shows the samples of the last thirty days. Of older samples, those with activity in these days belong to the list. Until now
all samples with late activity in the thirty days were gathered for each number and compared with their creation.

The previous release can run on the result: triggers keep the times. Writers of samples wait while the times are filled in.
"""

from alembic import op

revision = "0042"
down_revision = "0041"

HOUR = 3_600_000
# numbers below are numbers of uploaders, as `accounts/caller.py` has them
UPLOADERS = -(1 << 40)
HAS_LISTS = "{row}.deleted_time IS NULL AND {row}.unread_since IS NULL"
IS_LISTED = f"""
    CASE WHEN NEW.readers @> ARRAY[0::bigint] THEN r = 0
         ELSE r > {UPLOADERS} OR NOT NEW.readers @> ARRAY[2 * ({UPLOADERS} - r)] END
"""
LIST_NEW = f"""
            FOREACH r IN ARRAY NEW.readers LOOP
                IF ({IS_LISTED}) THEN
                    INSERT INTO sample_reader VALUES (r, NEW.created_time, NEW.id);
                    listed := listed || r;
                END IF;
            END LOOP;
            INSERT INTO sample_reader_tally_change VALUES (NEW.created_time, listed, 1);
"""
NOTE_LATE = """
            INSERT INTO sample_late (sample_id, created_time, activity_time) VALUES (NEW.id, NEW.created_time, NEW.activity_time)
            ON CONFLICT (sample_id) DO UPDATE
                   SET created_time = excluded.created_time, activity_time = excluded.activity_time;
"""
STATEMENTS = (
    "LOCK TABLE sample IN SHARE ROW EXCLUSIVE MODE",
    "ALTER TABLE sample_late ADD COLUMN created_time bigint",
    "UPDATE sample_late l SET created_time = least(s.created_time, l.activity_time) FROM sample s WHERE s.id = l.sample_id",
    "DELETE FROM sample_late WHERE created_time IS NULL",
    "ALTER TABLE sample_late ALTER COLUMN created_time SET NOT NULL",
    # the samples that a time lies between creation and last activity of
    "CREATE INDEX sample_late_life ON sample_late USING gist (int8range(created_time, activity_time, '[]'))",
    # As before, and the time of the creation of a sample with late activity.
    f"""
    CREATE OR REPLACE FUNCTION note_new_sample() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        r bigint;
        listed bigint[] := '{{}}';
    BEGIN
        IF NEW.deleted_time IS NULL THEN
            INSERT INTO sample_tally_change VALUES (NEW.activity_time, 1);
        END IF;
        IF {HAS_LISTS.format(row="NEW")} THEN
            {LIST_NEW}
        END IF;
        IF NEW.activity_time > NEW.created_time + {HOUR} THEN
            {NOTE_LATE}
        END IF;
        RETURN NULL;
    END $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION note_changed_sample() RETURNS trigger LANGUAGE plpgsql AS $$
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
        IF NEW.activity_time > NEW.created_time + {HOUR}
           AND (OLD.activity_time <> NEW.activity_time OR OLD.created_time <> NEW.created_time) THEN
            {NOTE_LATE}
        END IF;
        IF is_listed AND NOT was_listed THEN
            {LIST_NEW}
        ELSIF was_listed AND (OLD.readers <> NEW.readers OR OLD.created_time <> NEW.created_time OR NOT is_listed) THEN
            PERFORM list_again(
                OLD.id, OLD.created_time, ARRAY(SELECT listed_readers(OLD.readers)), NEW.created_time,
                ARRAY(SELECT listed_readers(NEW.readers) WHERE is_listed));
        END IF;
        RETURN NULL;
    END $$
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
