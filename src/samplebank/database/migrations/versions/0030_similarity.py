"""Facts that workers derive from the bytes of a sample, and the indexes of similar samples.

The previous release can run on the result. Samples that it deletes leave their rows here, and deleted samples are never told.
"""

from alembic import op

revision = "0030"
down_revision = "0029"

STATEMENTS = (
    # Everything that is said of a kind: one value of most kinds, several of sections and certificates. `digests` are the
    # digests of kind and value, in the order of `said`.
    """
    CREATE TABLE derived_fact (
        sample_id bigint NOT NULL REFERENCES sample,
        kind text NOT NULL,
        said text[] NOT NULL,
        digests uuid[] NOT NULL,
        agent_name text NOT NULL,
        agent_version text NOT NULL,
        created_time bigint NOT NULL,
        PRIMARY KEY (sample_id, kind)
    )
    """,
    # the samples with a value, in the order of their ids
    "CREATE TABLE derived_value (digest uuid NOT NULL, sample_id bigint NOT NULL, PRIMARY KEY (digest, sample_id))",
    # A TLSH as numbers. `body` has a bit of each bucket for "at least 1", then for "at least 2", then for "at least 3".
    """
    CREATE TABLE tlsh (
        sample_id bigint PRIMARY KEY,
        body bit(384) NOT NULL,
        header int NOT NULL,
        bands int[] NOT NULL
    )
    """,
    # the statistics of arrays are dear to gather, and no plan needs the statistics
    "ALTER TABLE tlsh ALTER bands SET STATISTICS 0",
    # A search reads the whole pending list of a GIN index, so the list is kept short.
    "CREATE INDEX tlsh_bands ON tlsh USING gin (bands) WITH (gin_pending_list_limit = 512)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
