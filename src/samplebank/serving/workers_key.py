"""The environment of the built-in workers: a key, which may be revoked or expire while the service runs, and no secret of the service."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from samplebank.database import open_database
from samplebank.database.failures import TROUBLE
from samplebank.errors import Refusal
from samplebank.serving.credentials import CREDENTIALS, keep_credentials, read_keys
from samplebank.settings import PREFIX, SECRET, Settings

log = logging.getLogger("samplebank.serving")
URL, KEY = "SAMPLEBANK_URL", "SAMPLEBANK_KEY"
#: variables with secrets of the service, whole or by their beginnings: workers read hostile files and speak HTTP only
HIDDEN = (*(f"{PREFIX}{name.upper()}" for name in ("database_url", *SECRET)), "AWS_", "PG")


def environments(
    settings: Settings, database_url: str, url: str, base: Mapping[str, str]
) -> Callable[[], Mapping[str, str]]:
    """Make the environment for each start of the workers, with a key that works, as far as the database can be asked."""
    harmless = {name: value for name, value in base.items() if not name.startswith(HIDDEN)}

    def next_environment() -> Mapping[str, str]:
        try:
            asyncio.run(_renew(settings, database_url))
        except (Refusal, *TROUBLE) as error:
            log.warning("credentials.unchecked", extra={"fields": {"file": CREDENTIALS, "why": error}})
        key = read_keys(settings.folder / CREDENTIALS).get("workers", "")
        return {**harmless, URL: url, KEY: key}

    return next_environment


async def _renew(settings: Settings, database_url: str) -> None:
    async with open_database(database_url, most=1) as database, database.transaction() as db:
        await keep_credentials(db, settings, is_wanted=False, now=database.clock.now())
