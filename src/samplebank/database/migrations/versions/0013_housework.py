"""When the housework was last done, so that time without a service does not time jobs out.

The previous release can run on the result.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

STATEMENTS = (
    "CREATE TABLE housework (id int PRIMARY KEY DEFAULT 1 CHECK (id = 1), done_time bigint)",
    "INSERT INTO housework DEFAULT VALUES",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
