"""The samples of each reader in the order of their creation, so that a deep page passes over no sample of others.

Also less to do for each ingest, by more than the lists cost: one trigger for a new sample in place of two, and no checks of keys that
cannot fail.

The previous release can run on the result: triggers keep the rows, whoever changes the samples. Writers of samples wait until
the rows of the existing samples are made.
"""

from alembic import op

revision = "0029"
down_revision = "0028"

# numbers below are numbers of uploaders, as `accounts/caller.py` has them
UPLOADERS = -(1 << 40)
HOUR = 3_600_000
# Of the numbers `readers` of a sample, these `r` are listed: everybody alone, where everybody may read. A number of an uploader
# only where the customer of the uploader may not read anyway: whoever holds the one number holds the other.
IS_LISTED = f"""
    CASE WHEN {{readers}} @> ARRAY[0::bigint] THEN r = 0
         ELSE r > {UPLOADERS} OR NOT {{readers}} @> ARRAY[2 * ({UPLOADERS} - r)] END
"""
# what nobody submitted is in no list
HAS_LISTS = "{row}.deleted_time IS NULL AND {row}.unread_since IS NULL"
# A sample is deleted by a mark in its row, so the row never goes. Who adds a task has the lock of the job, as who deletes the job.
# Each check read and locked a row.
UNCHECKED = (
    *(
        (table, "sample_id")
        for table in ("challenge", "classification", "submission", "job", "analysis", "verdict")
    ),
    ("job_task", "job_id"),
)
STATEMENTS = (
    f"""
    CREATE FUNCTION listed_readers(readers bigint[]) RETURNS SETOF bigint IMMUTABLE LANGUAGE sql AS $$
        SELECT r FROM unnest(readers) r WHERE {IS_LISTED.format(readers="readers")}
    $$
    """,
    """
    CREATE TABLE sample_reader (
        reader bigint NOT NULL,
        created_time bigint NOT NULL,
        sample_id bigint NOT NULL
    )
    """,
    f"""
    INSERT INTO sample_reader
    SELECT r.r, s.created_time, s.id FROM sample s CROSS JOIN LATERAL listed_readers(s.readers) r (r)
     WHERE {HAS_LISTS.format(row="s")}
    """,
    # not unique: a number that stands twice among the readers of a sample must not fail an upload
    "CREATE INDEX sample_reader_created ON sample_reader (reader, created_time, sample_id)",
    "DROP TRIGGER tally_sample ON sample",
    "DROP TRIGGER note_new_late_activity ON sample",
    # A loop, as most samples have one reader: it takes a third of the time of one statement for all readers.
    f"""
    CREATE FUNCTION note_new_sample() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        r bigint;
    BEGIN
        IF NEW.deleted_time IS NULL THEN
            INSERT INTO sample_tally_change VALUES (NEW.activity_time, 1);
        END IF;
        IF {HAS_LISTS.format(row="NEW")} THEN
            FOREACH r IN ARRAY NEW.readers LOOP
                IF ({IS_LISTED.format(readers="NEW.readers")}) THEN
                    INSERT INTO sample_reader VALUES (r, NEW.created_time, NEW.id);
                END IF;
            END LOOP;
        END IF;
        IF NEW.activity_time > NEW.created_time + {HOUR} THEN
            INSERT INTO sample_late VALUES (NEW.id, NEW.activity_time)
            ON CONFLICT (sample_id) DO UPDATE SET activity_time = excluded.activity_time;
        END IF;
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER note_new_sample AFTER INSERT ON sample FOR EACH ROW EXECUTE FUNCTION note_new_sample()",
    "CREATE TRIGGER tally_deleted_sample AFTER DELETE ON sample FOR EACH ROW EXECUTE FUNCTION tally_sample()",
    # Without sequential scans: a young table looks so small that each session would keep a plan that reads all of it.
    """
    CREATE FUNCTION list_again(id bigint, old_time bigint, before bigint[], new_time bigint, since bigint[]) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
        moved boolean := old_time IS DISTINCT FROM new_time;
    BEGIN
        DELETE FROM sample_reader
         WHERE reader = ANY (before) AND created_time = old_time AND sample_id = id AND (moved OR reader <> ALL (since));
        INSERT INTO sample_reader SELECT r, new_time, id FROM unnest(since) r WHERE moved OR r <> ALL (before);
    END $$
    """,
    # Most calls are those of first submissions. The conditions stand in the function, as a trigger reads its own conditions
    # anew for each statement.
    f"""
    CREATE FUNCTION list_changed_readers() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        was_listed boolean := {HAS_LISTS.format(row="OLD")};
        is_listed boolean := {HAS_LISTS.format(row="NEW")};
        r bigint;
    BEGIN
        IF is_listed AND NOT was_listed THEN
            FOREACH r IN ARRAY NEW.readers LOOP
                IF ({IS_LISTED.format(readers="NEW.readers")}) THEN
                    INSERT INTO sample_reader VALUES (r, NEW.created_time, NEW.id);
                END IF;
            END LOOP;
        ELSIF was_listed AND (OLD.readers <> NEW.readers OR OLD.created_time <> NEW.created_time OR NOT is_listed) THEN
            PERFORM list_again(
                OLD.id, OLD.created_time, ARRAY(SELECT listed_readers(OLD.readers)), NEW.created_time,
                ARRAY(SELECT listed_readers(NEW.readers) WHERE is_listed));
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER list_changed_readers AFTER UPDATE OF readers, created_time, deleted_time, unread_since ON sample
        FOR EACH ROW EXECUTE FUNCTION list_changed_readers()
    """,
    """
    CREATE FUNCTION list_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM list_again(OLD.id, OLD.created_time, ARRAY(SELECT listed_readers(OLD.readers)), NULL, '{}');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER list_no_more AFTER DELETE ON sample FOR EACH ROW WHEN (OLD.deleted_time IS NULL)
        EXECUTE FUNCTION list_no_more()
    """,
    *(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_fkey" for table, column in UNCHECKED),
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
