"""What lists of a time range need in any order: the samples that came back, and submissions whose times lie apart.

A list of a range that is sorted by something else enters the index of the order where rows of the range can stand. Ids of samples
go with the time of creation, but for samples that were deleted and uploaded again. The times of a submission lie within an hour,
but for the submissions in the new indexes.

The previous release can run on the result. Writers of submissions and links wait while the indexes are made.
"""

from alembic import op

revision = "0041"
down_revision = "0040"

#: milliseconds by which the order of ids and the order of times may differ
EARLY = 300_000
# as in `search/submission_ranges.py`
ID_TIME = "('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint"
ID_APART = f"abs({ID_TIME} - submitted_time)"
OBSERVED_APART = "abs(observed_time - submitted_time)"
STATEMENTS = (
    "CREATE TABLE sample_returned (sample_id bigint PRIMARY KEY, created_time bigint NOT NULL)",
    "CREATE INDEX sample_returned_created ON sample_returned (created_time)",
    """
    CREATE FUNCTION note_returned_sample() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO sample_returned VALUES (NEW.id, NEW.created_time)
        ON CONFLICT (sample_id) DO UPDATE SET created_time = excluded.created_time;
        RETURN NULL;
    END $$
    """,
    # Only the upload of a sample that was deleted sets the column.
    """
    CREATE TRIGGER note_returned_sample AFTER UPDATE OF created_time ON sample
        FOR EACH ROW WHEN (OLD.created_time <> NEW.created_time) EXECUTE FUNCTION note_returned_sample()
    """,
    # until now: the samples that are newer than a sample with a greater id
    f"""
    INSERT INTO sample_returned
    SELECT id, created_time
      FROM (SELECT id, created_time,
                   min(created_time) OVER (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS later
              FROM sample) s
     WHERE created_time > later + {EARLY}
    """,
    f"CREATE INDEX submission_observed_apart ON submission (submitted_time, observed_time) WHERE {OBSERVED_APART} > 3600000",
    f"CREATE INDEX submission_id_apart ON submission (submitted_time) WHERE {ID_APART} > 3600000",
    # the last links, sample by sample: a sample may have very many links, which are passed over in the index
    "DROP INDEX link_created",
    "CREATE INDEX link_created ON link (created_time, sample_id) INCLUDE (readers)",
    # without the statistics the planner takes most submissions to have times apart
    f"CREATE STATISTICS submission_observed_apart ON ({OBSERVED_APART}) FROM submission",
    f"CREATE STATISTICS submission_id_apart ON ({ID_APART}) FROM submission",
    "DO $$ BEGIN IF EXISTS (SELECT FROM submission) THEN ANALYZE submission; END IF; END $$",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
