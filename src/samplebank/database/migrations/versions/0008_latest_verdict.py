"""Which verdict of a sample is the latest, told by the verdict itself, so that searches by verdict need not read the sample.

The previous release can run on the result: a trigger keeps the new column, whoever makes a verdict. Writers of verdicts
wait while the column is filled in, which rewrites the earlier verdicts of samples that have several.
"""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    "ALTER TABLE verdict ADD COLUMN latest boolean NOT NULL DEFAULT true",
    "UPDATE verdict v SET latest = false FROM sample s WHERE s.id = v.sample_id AND s.verdict_id IS DISTINCT FROM v.id",
    """
    CREATE FUNCTION outdate_verdict() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE verdict SET latest = false WHERE id = OLD.verdict_id;
        RETURN NULL;
    END $$
    """,
    # the first verdict of a sample, which is the only one of most, outdates none
    """
    CREATE TRIGGER outdate_verdict AFTER UPDATE OF verdict_id ON sample FOR EACH ROW
        WHEN (OLD.verdict_id IS NOT NULL AND OLD.verdict_id IS DISTINCT FROM NEW.verdict_id)
        EXECUTE FUNCTION outdate_verdict()
    """,
    # sample search: the score of samples that are found by something else, without reading sample or verdict
    "CREATE INDEX verdict_latest ON verdict (sample_id) INCLUDE (score) WHERE latest",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
