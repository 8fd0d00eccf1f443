"""`python -m samplebank.database.migrations [REVISION]` runs Alembic in its own process, as Alembic is large to load."""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from samplebank.database.migrations.upgrade import DATABASE

configuration = Config()
configuration.set_main_option("script_location", str(Path(__file__).parent))
configuration.attributes["url"] = os.environ[DATABASE]
command.upgrade(configuration, sys.argv[1] if len(sys.argv) > 1 else "head")
