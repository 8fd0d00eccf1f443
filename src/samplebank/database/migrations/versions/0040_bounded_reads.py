"""Indexes that bound what the pages of a sample read: the first links of a type, and near digests of about the same length.

The tree of a sample shows the first sixty links. Without an index of the targets all links of the sample are sorted for these.

A near digest has nearly the same length. The index of bands alone finds ten times as many digests, of all lengths. So the index
has each band with the length of the digest, in steps of 8 lengths.

The previous release can run on the result, and looks at all digests for a near digest. Writers of links and of facts wait while
the indexes are made: some 50 s for 1,000,000 digests.
"""

from alembic import op

revision = "0040"
down_revision = "0039"

STATEMENTS = (
    "CREATE INDEX link_targets ON link (sample_id, type, reference)",
    # `header` has the length in its second byte; a band has 20 bits
    """
    CREATE FUNCTION tlsh_keys(bands integer[], header integer) RETURNS integer[]
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN ARRAY(SELECT (header >> 11 & 31) << 20 | band FROM unnest(bands) band)
    """,
    "CREATE INDEX tlsh_keys ON tlsh USING gin (tlsh_keys(bands, header)) WITH (gin_pending_list_limit = 512)",
    "DROP INDEX tlsh_bands",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
