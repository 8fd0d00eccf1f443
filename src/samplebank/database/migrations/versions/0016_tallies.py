"""How many samples and submissions there are, by readers and time, so that lists without criteria need not count.

The previous release can run on the result: triggers keep the figures, whoever changes the rows. Only nobody folds the
changes then, so that their tables grow. Writers of samples and submissions wait until the existing rows are counted.
"""

from alembic import op

revision = "0016"
down_revision = "0015"

HOUR = 3_600_000
# the buckets begin at multiples of these milliseconds: an hour, a day, 32 days; the last level has all times
LEVELS = (
    f"(VALUES (0, {HOUR}::bigint), (1, {24 * HOUR}), (2, {32 * 24 * HOUR}), (3, NULL)) levels (level, width)"
)
# the digest stands for the readers: an index takes no long array
TALLY = """
    CREATE TABLE {table} (
        level int NOT NULL,
        bucket bigint NOT NULL,
        digest bytea NOT NULL,
        readers bigint[] NOT NULL,
        {column}n bigint NOT NULL,
        PRIMARY KEY (level, bucket, digest{key})
    ) WITH (fillfactor = 70)
"""
# Changes since the tally was brought up to date: writers of rows with the same readers do not wait for each other.
CHANGE = """
    CREATE TABLE {table}_change (readers bigint[] NOT NULL, {column}time bigint NOT NULL, n int NOT NULL)
"""
# the same for all readers together
TOTAL = """
    CREATE TABLE {table}_total (level int NOT NULL, bucket bigint NOT NULL, n bigint NOT NULL, PRIMARY KEY (level, bucket))
        WITH (fillfactor = 70)
"""
FILL_TOTAL = "INSERT INTO {table}_total SELECT level, bucket, sum(n) FROM {table} GROUP BY level, bucket"
FILL = """
    INSERT INTO {table} (level, bucket, digest, readers{key}, n)
    SELECT level, coalesce(time / width * width, 0) AS start, digest, min(readers){key}, sum(n)
      FROM (SELECT sha256(convert_to(readers::text, 'UTF8')) AS digest, readers{key},
                   {time} / {hour} * {hour} AS time, count(*) AS n
              FROM {of} WHERE {counted} GROUP BY readers{key}, {time} / {hour}) hours
     CROSS JOIN {levels}
     GROUP BY level, start, digest{key}
"""
SAMPLE = {"table": "sample_tally", "column": "", "key": ""}
SUBMISSION = {"table": "submission_tally", "column": "customer_id bigint NOT NULL, ", "key": ", customer_id"}
# Samples that nobody submitted are few, and found by an index. Without them an upload costs no more.
COUNTED = "deleted_time IS NULL AND unread_since IS NULL"
OLD_COUNTED, NEW_COUNTED = (
    f"({row}.deleted_time IS NULL AND {row}.unread_since IS NULL)" for row in ("OLD", "NEW")
)
STATEMENTS = (
    TALLY.format(**SAMPLE),
    TOTAL.format(**SAMPLE),
    CHANGE.format(**SAMPLE),
    f"""
    CREATE FUNCTION tally_sample() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' AND {OLD_COUNTED} THEN
            INSERT INTO sample_tally_change VALUES (OLD.readers, OLD.created_time, -1);
        END IF;
        IF TG_OP <> 'DELETE' AND {NEW_COUNTED} THEN
            INSERT INTO sample_tally_change VALUES (NEW.readers, NEW.created_time, 1);
        END IF;
        RETURN NULL;
    END $$
    """,
    f"""
    CREATE TRIGGER tally_new_sample AFTER INSERT ON sample FOR EACH ROW
        WHEN {NEW_COUNTED} EXECUTE FUNCTION tally_sample()
    """,
    f"""
    CREATE TRIGGER tally_lost_sample AFTER DELETE ON sample FOR EACH ROW
        WHEN {OLD_COUNTED} EXECUTE FUNCTION tally_sample()
    """,
    f"""
    CREATE TRIGGER tally_changed_sample AFTER UPDATE OF readers, unread_since, deleted_time, created_time ON sample
        FOR EACH ROW
        WHEN ({OLD_COUNTED} <> {NEW_COUNTED}
              OR {OLD_COUNTED} AND (OLD.readers <> NEW.readers OR OLD.created_time <> NEW.created_time))
        EXECUTE FUNCTION tally_sample()
    """,
    # Samples that were active again long after their creation. An index on the last activity of all samples would cost
    # each analysis a new entry in every index of the sample.
    """
    CREATE TABLE sample_late (sample_id bigint PRIMARY KEY, activity_time bigint NOT NULL) WITH (fillfactor = 85)
    """,
    "CREATE INDEX sample_late_activity ON sample_late (activity_time)",
    """
    CREATE FUNCTION note_late_activity() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO sample_late VALUES (NEW.id, NEW.activity_time)
        ON CONFLICT (sample_id) DO UPDATE SET activity_time = excluded.activity_time;
        RETURN NULL;
    END $$
    """,
    f"""
    CREATE TRIGGER note_new_late_activity AFTER INSERT ON sample FOR EACH ROW
        WHEN (NEW.activity_time > NEW.created_time + {HOUR}) EXECUTE FUNCTION note_late_activity()
    """,
    f"""
    CREATE TRIGGER note_late_activity AFTER UPDATE OF activity_time ON sample FOR EACH ROW
        WHEN (OLD.activity_time <> NEW.activity_time AND NEW.activity_time > NEW.created_time + {HOUR})
        EXECUTE FUNCTION note_late_activity()
    """,
    f"""
    INSERT INTO sample_late SELECT id, activity_time FROM sample
     WHERE activity_time > created_time + {HOUR} AND deleted_time IS NULL
    """,
    FILL.format(
        **SAMPLE,
        time="created_time",
        of="sample",
        counted=COUNTED,
        hour=HOUR,
        levels=LEVELS,
    ),
    FILL_TOTAL.format(**SAMPLE),
    TALLY.format(**SUBMISSION),
    TOTAL.format(**SUBMISSION),
    CHANGE.format(**SUBMISSION),
    """
    CREATE FUNCTION tally_submission() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            INSERT INTO submission_tally_change VALUES (OLD.readers, OLD.customer_id, OLD.submitted_time, -1);
        END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO submission_tally_change VALUES (NEW.readers, NEW.customer_id, NEW.submitted_time, 1);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_submission AFTER INSERT OR DELETE ON submission
        FOR EACH ROW EXECUTE FUNCTION tally_submission()
    """,
    """
    CREATE TRIGGER tally_changed_submission AFTER UPDATE OF readers, customer_id, submitted_time ON submission
        FOR EACH ROW
        WHEN (OLD.readers <> NEW.readers OR OLD.customer_id <> NEW.customer_id OR OLD.submitted_time <> NEW.submitted_time)
        EXECUTE FUNCTION tally_submission()
    """,
    FILL.format(
        **SUBMISSION,
        time="submitted_time",
        of="submission",
        counted="TRUE",
        hour=HOUR,
        levels=LEVELS,
    ),
    FILL_TOTAL.format(**SUBMISSION),
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
