"""The key of the built-in workers. The key may be revoked or expire while the service runs."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from samplebank.database import open_database
from samplebank.database.failures import TROUBLE
from samplebank.errors import Refusal
from samplebank.serving.credentials import CREDENTIALS, keep_credentials, read_keys
from samplebank.settings import Settings

log = logging.getLogger("samplebank.serving")
URL, KEY = "SAMPLEBANK_URL", "SAMPLEBANK_KEY"


def environments(
    settings: Settings, database_url: str, url: str, base: Mapping[str, str]
) -> Callable[[], Mapping[str, str]]:
    """Make the environment for each start of the workers, with a key that works, as far as the database can be asked."""

    def next_environment() -> Mapping[str, str]:
        try:
            asyncio.run(_renew(settings, database_url))
        except (Refusal, *TROUBLE) as error:
            log.warning("credentials.unchecked", extra={"fields": {"file": CREDENTIALS, "why": error}})
        key = read_keys(settings.folder / CREDENTIALS).get("workers", "")
        return {**base, URL: url, KEY: key}

    return next_environment


async def _renew(settings: Settings, database_url: str) -> None:
    async with open_database(database_url, most=1) as database, database.transaction() as db:
        await keep_credentials(db, settings, is_wanted=False, now=database.clock.now())
