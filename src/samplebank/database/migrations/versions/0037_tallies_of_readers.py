"""How many samples and submissions each reader has, by time, so that lists of readers need not be counted.

Also the analyses of each customer, and those for everybody or a domain, in the order of their times.

The previous release can run on the result: triggers keep the figures, whoever changes the rows. Only nobody folds the
changes then, so that their tables grow. Writers of samples and submissions wait until the existing rows are counted.
"""

from alembic import op

revision = "0037"
down_revision = "0036"

# numbers below are numbers of uploaders, as `accounts/caller.py` has them
UPLOADERS = -(1 << 40)
HOUR = 3_600_000
# the buckets begin at multiples of these milliseconds: an hour, a day, 32 days; the last level has all times
LEVELS = (
    f"(VALUES (0, {HOUR}::bigint), (1, {24 * HOUR}), (2, {32 * 24 * HOUR}), (3, NULL)) levels (level, width)"
)
IS_LISTED = f"""
    CASE WHEN NEW.readers @> ARRAY[0::bigint] THEN r = 0
         ELSE r > {UPLOADERS} OR NOT NEW.readers @> ARRAY[2 * ({UPLOADERS} - r)] END
"""
# A loop, as most samples have one reader.
LIST_NEW = f"""
            FOREACH r IN ARRAY NEW.readers LOOP
                IF ({IS_LISTED}) THEN
                    INSERT INTO sample_reader VALUES (r, NEW.created_time, NEW.id);
                    listed := listed || r;
                END IF;
            END LOOP;
            INSERT INTO sample_reader_tally_change VALUES (NEW.created_time, listed, 1);
"""
HAS_LISTS = "{row}.deleted_time IS NULL AND {row}.unread_since IS NULL"
#: of a submission for everybody the other readers are not told
OF_SUBMISSION = "CASE WHEN 0 = ANY ({row}.readers) THEN '{{0}}'::bigint[] ELSE {row}.readers END"
# `also` is the list of a domain that a row of the list `reader` stands in, too; `reader` for all rows of the list
TALLY = """
    CREATE TABLE {table} (
        reader bigint NOT NULL, also bigint NOT NULL, level int NOT NULL, bucket bigint NOT NULL, n bigint NOT NULL,
        PRIMARY KEY (reader, also, level, bucket)
    ) WITH (fillfactor = 85)
"""
CHANGE = "CREATE TABLE {table}_change (time bigint NOT NULL, readers bigint[] NOT NULL, n int NOT NULL)"
FILL = f"""
    INSERT INTO {{table}} (reader, also, level, bucket, n)
    SELECT reader, also, level, coalesce(time / width * width, 0) AS start, sum(n)
      FROM (SELECT {{time}} / {HOUR} * {HOUR} AS time, {{readers}} AS readers, count(*) AS n FROM {{of}} s WHERE {{counted}}
             GROUP BY {{time}} / {HOUR}, 2) hours
     CROSS JOIN LATERAL (SELECT r AS reader, r AS also FROM unnest(readers) r
                          UNION
                         SELECT r, d FROM unnest(readers) r, unnest(readers) d
                          WHERE (r > 0 OR r <= {UPLOADERS}) AND d < 0 AND d > {UPLOADERS}) pairs
     JOIN {LEVELS} ON level >= {{finest}}
     GROUP BY reader, also, level, start
"""
STATEMENTS = (
    "LOCK TABLE sample, submission IN SHARE ROW EXCLUSIVE MODE",
    TALLY.format(table="sample_reader_tally"),
    CHANGE.format(table="sample_reader_tally"),
    # As before, and a change for the lists that the sample stands in.
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
            INSERT INTO sample_late VALUES (NEW.id, NEW.activity_time)
            ON CONFLICT (sample_id) DO UPDATE SET activity_time = excluded.activity_time;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION list_again(
        id bigint, old_time bigint, before bigint[], new_time bigint, since bigint[]) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
        moved boolean := old_time IS DISTINCT FROM new_time;
    BEGIN
        DELETE FROM sample_reader
         WHERE reader = ANY (before) AND created_time = old_time AND sample_id = id AND (moved OR reader <> ALL (since));
        INSERT INTO sample_reader SELECT r, new_time, id FROM unnest(since) r WHERE moved OR r <> ALL (before);
        IF moved OR before <> since THEN
            INSERT INTO sample_reader_tally_change
            SELECT c.time, c.readers, c.n FROM (VALUES (old_time, before, -1), (new_time, since, 1)) c (time, readers, n)
             WHERE c.readers <> '{}';
        END IF;
    END $$
    """,
    # One trigger for a changed sample in place of three. PostgreSQL reads the condition of a trigger anew for each statement, which
    # takes longer than a call of a function that does nothing. Most activity is in the hour of the activity before, soon after the
    # creation, and changes no reader.
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
            {LIST_NEW}
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
    # What nobody submitted stood in no list. Its readers must not be told of a list.
    f"""
    CREATE OR REPLACE FUNCTION list_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF {HAS_LISTS.format(row="OLD")} THEN
            PERFORM list_again(OLD.id, OLD.created_time, ARRAY(SELECT listed_readers(OLD.readers)), NULL, '{{}}');
        END IF;
        RETURN NULL;
    END $$
    """,
    FILL.format(
        table="sample_reader_tally",
        # the lists of readers have the rest of a day
        finest=1,
        time="created_time",
        readers="ARRAY(SELECT listed_readers(s.readers))",
        of="sample",
        counted=HAS_LISTS.format(row="s"),
    ),
    TALLY.format(table="submission_reader_tally"),
    CHANGE.format(table="submission_reader_tally"),
    f"""
    CREATE OR REPLACE FUNCTION tally_submission() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO submission_tally_change VALUES (NEW.submitted_time, 1);
            INSERT INTO submission_reader_tally_change VALUES (NEW.submitted_time, {OF_SUBMISSION.format(row="NEW")}, 1);
        ELSE
            INSERT INTO submission_tally_change VALUES (OLD.submitted_time, -1);
            INSERT INTO submission_reader_tally_change VALUES (OLD.submitted_time, {OF_SUBMISSION.format(row="OLD")}, -1);
        END IF;
        RETURN NULL;
    END $$
    """,
    f"""
    CREATE FUNCTION tally_changed_submission() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.readers <> NEW.readers THEN
            INSERT INTO submission_reader_tally_change VALUES
                (OLD.submitted_time, {OF_SUBMISSION.format(row="OLD")}, -1),
                (NEW.submitted_time, {OF_SUBMISSION.format(row="NEW")}, 1);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_changed_submission AFTER UPDATE OF readers ON submission
        FOR EACH ROW EXECUTE FUNCTION tally_changed_submission()
    """,
    FILL.format(
        table="submission_reader_tally",
        finest=0,
        time="submitted_time",
        readers=OF_SUBMISSION.format(row="s"),
        of="submission",
        counted="TRUE",
    ),
    "CREATE INDEX analysis_of_customer ON analysis (customer_id, created_time, sample_id)",
    "CREATE INDEX analysis_public ON analysis ((readers[1]), created_time, sample_id) WHERE readers[1] <= 0",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
