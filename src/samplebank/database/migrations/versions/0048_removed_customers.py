"""Customers that were removed.

The previous release can run on the result: removed customers are customers like others there.
"""

from alembic import op

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    op.execute("ALTER TABLE customer ADD COLUMN removed_time bigint")
