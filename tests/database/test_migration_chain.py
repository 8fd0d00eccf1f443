"""The migrations form one chain, so that every data folder has one way up."""

from pathlib import Path

from alembic.script import ScriptDirectory

from samplebank.database import migrations
from samplebank.database.migrations.upgrade import HEAD


def test_the_migrations_form_one_chain_that_ends_at_head() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))

    numbers = [int(revision.revision) for revision in script.walk_revisions("base", "heads")]

    assert script.get_heads() == [HEAD]
    assert numbers == list(range(int(HEAD), 0, -1))
