"""Who signs in by OpenID Connect, and the rules for groups of these users. Users and groups that were removed.

The previous release can run on the result: nobody signs in by OpenID Connect there, and memberships stay.
"""

from alembic import op

revision = "0047"
down_revision = "0046"

STATEMENTS = (
    """
    CREATE TABLE sign_in_identity (
        issuer text NOT NULL,
        subject text NOT NULL,
        user_id bigint NOT NULL REFERENCES subject,
        created_time bigint NOT NULL,
        seen_time bigint NOT NULL,
        PRIMARY KEY (issuer, subject)
    )
    """,
    # whether a membership may follow claims
    "CREATE INDEX sign_in_identity_user ON sign_in_identity (user_id)",
    "ALTER TABLE subject ADD COLUMN removed_time bigint",
    # keys that a sign-in gave, and that end with the right to sign in
    "ALTER TABLE api_key ADD COLUMN by_sign_in boolean NOT NULL DEFAULT false",
    """
    CREATE TABLE sign_in_rule (
        position integer PRIMARY KEY,
        claim text NOT NULL,
        value text NOT NULL,
        group_id bigint NOT NULL REFERENCES subject,
        -- of users who are made by the rule
        customer_id bigint NOT NULL REFERENCES customer
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
