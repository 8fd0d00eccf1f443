"""The schema, as Alembic revisions in plain SQL, brought up to date at start."""

from samplebank.database.migrations.upgrade import HEAD, current_revision, upgrade

__all__ = ["HEAD", "current_revision", "upgrade"]
