"""How many samples and submissions there are, by time, so that lists without criteria need not count.

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
TALLY = """
    CREATE TABLE {table} (level int NOT NULL, bucket bigint NOT NULL, n bigint NOT NULL, PRIMARY KEY (level, bucket))
        WITH (fillfactor = 70)
"""
# Changes since the tally was brought up to date: writers do not wait for each other.
CHANGE = "CREATE TABLE {table}_change (time bigint NOT NULL, n int NOT NULL)"
FILL = """
    INSERT INTO {table} (level, bucket, n)
    SELECT level, coalesce(time / width * width, 0) AS start, sum(n)
      FROM (SELECT {time} / {hour} * {hour} AS time, count(*) AS n FROM {of} WHERE {counted} GROUP BY {time} / {hour}) hours
     CROSS JOIN {levels}
     GROUP BY level, start
"""
OLD_HOUR, NEW_HOUR = (f"{row}.activity_time / {HOUR}" for row in ("OLD", "NEW"))
STATEMENTS = (
    TALLY.format(table="sample_tally"),
    CHANGE.format(table="sample_tally"),
    """
    CREATE FUNCTION tally_sample() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' AND OLD.deleted_time IS NULL THEN
            INSERT INTO sample_tally_change VALUES (OLD.activity_time, -1);
        END IF;
        IF TG_OP <> 'DELETE' AND NEW.deleted_time IS NULL THEN
            INSERT INTO sample_tally_change VALUES (NEW.activity_time, 1);
        END IF;
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER tally_sample AFTER INSERT OR DELETE ON sample FOR EACH ROW EXECUTE FUNCTION tally_sample()",
    # most activity is in the hour of the activity before, and changes no bucket
    f"""
    CREATE TRIGGER tally_changed_sample AFTER UPDATE OF activity_time, deleted_time ON sample FOR EACH ROW
        WHEN ({OLD_HOUR} <> {NEW_HOUR} OR (OLD.deleted_time IS NULL) <> (NEW.deleted_time IS NULL))
        EXECUTE FUNCTION tally_sample()
    """,
    # Samples that were active again long after their creation. An index on the last activity of all samples would cost
    # each analysis a new entry in every index of the sample.
    "CREATE TABLE sample_late (sample_id bigint PRIMARY KEY, activity_time bigint NOT NULL) WITH (fillfactor = 85)",
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
    CREATE TRIGGER note_late_activity AFTER UPDATE OF activity_time, created_time ON sample FOR EACH ROW
        WHEN (OLD.activity_time <> NEW.activity_time AND NEW.activity_time > NEW.created_time + {HOUR})
        EXECUTE FUNCTION note_late_activity()
    """,
    f"""
    INSERT INTO sample_late SELECT id, activity_time FROM sample
     WHERE activity_time > created_time + {HOUR} AND deleted_time IS NULL
    """,
    FILL.format(
        table="sample_tally",
        time="activity_time",
        of="sample",
        counted="deleted_time IS NULL",
        hour=HOUR,
        levels=LEVELS,
    ),
    TALLY.format(table="submission_tally"),
    CHANGE.format(table="submission_tally"),
    """
    CREATE FUNCTION tally_submission() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO submission_tally_change VALUES (NEW.submitted_time, 1);
        ELSE
            INSERT INTO submission_tally_change VALUES (OLD.submitted_time, -1);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_submission AFTER INSERT OR DELETE ON submission
        FOR EACH ROW EXECUTE FUNCTION tally_submission()
    """,
    FILL.format(
        table="submission_tally",
        time="submitted_time",
        of="submission",
        counted="TRUE",
        hour=HOUR,
        levels=LEVELS,
    ),
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
