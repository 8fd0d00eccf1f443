"""Two worlds: two services with the same past. One of them then hears of what most callers may not see."""

import asyncio
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from kit.bank import Bank
from kit.locks import housekeeper_between_statements
from kit.service import Service, copy_prepared, remove
from kit.visitor import Visitor
from samplebank.database.connection import connect_alone
from two_worlds.hidden import hide
from two_worlds.names import Names
from two_worlds.visible import begin

#: user of the test tenants, None for a caller without a key. Not one of the users may see the hidden things.
ROLES = (None, "nobody", "viewer", "uploader", "mia", "analyzer", "toiler", "boss")
#: the address by which callers know both services
ADDRESS = "http://bank.example"
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "1",
    "SAMPLEBANK_PUBLIC_URL": ADDRESS,
    "SAMPLEBANK_CLASSIFICATION_WAIT": "0",
    "SAMPLEBANK_REQUESTS_PER_ADDRESS": "0",
    # by default, uploads and challenges tell of any file whether somebody has brought the file
    "SAMPLEBANK_KNOWN_FILES": "own",
    # a sample that is classified again waits so long, and five seconds more, for a housekeeper who rests
    "SAMPLEBANK_CLASSIFICATION_DEADLINE": "1",
    # entries of reads come in batches, at another moment in each world
    "SAMPLEBANK_AUDIT_READS": "off",
}
#: the database tells of each statement in a line of its log
TOLD = "log_statement = 'all'\nlog_parameter_max_length = 0\nlog_line_prefix = '@@ '\n"
SERVER = Path("data", "postgres", "data")


class World(NamedTuple):
    service: Service
    bank: Bank
    #: what the browser of each user sends as a cookie
    cookies: Mapping[str, str]

    @property
    def statements(self) -> Path:
        """The log of the database."""
        return self.service.folder / SERVER / "server.log"


class Worlds(NamedTuple):
    """`plain` is without the hidden things, `full` has the hidden things."""

    plain: World
    full: World
    names: Names

    @property
    def both(self) -> tuple[World, World]:
        return self.plain, self.full


@contextmanager
def two_worlds(folder: Path) -> Iterator[Worlds]:
    """Both worlds. Their housekeepers rest, so that only requests begin statements."""
    names = Names()
    plain, full = services = (_made(folder, "plain"), _made(folder, "full"))
    with ExitStack() as stack:
        for service in services:
            stack.callback(remove, service.folder / "data")
            stack.callback(service.end)
        cookies = _begun(plain, names)
        subprocess.run(["cp", "-a", plain.folder / "data", full.folder / "data"], check=True)
        full.keys.update(plain.keys)
        for service in services:
            service.start()
        hide(full, Bank(full.url, full.keys), names)
        for service in services:
            stack.enter_context(asyncio.run(_rest(service)))
        seen_plain, seen_full = (
            World(service, Bank(service.url, service.keys), cookies) for service in services
        )
        yield Worlds(seen_plain, seen_full, names)


def _begun(plain: Service, names: Names) -> dict[str, str]:
    """Make the common past, and stop the service. The cookies of the users."""
    plain.keys.update(copy_prepared(plain.folder / "data"))
    with (plain.folder / SERVER / "postgresql.conf").open("a") as settings:
        settings.write(TOLD)
    plain.start()
    begin(Bank(plain.url, plain.keys), names)
    cookies = {user: _signed_in(plain, user) for user in ROLES if user is not None}
    plain.stop()
    return cookies


async def _rest(service: Service) -> ExitStack:
    """Stop the housekeeper; answers what lets the housekeeper go on.

    The housework is noted as done for a day: else `/readyz` misses the housekeeper, at another moment in each world.
    """
    db = await connect_alone(service.database_url)
    try:
        with await housekeeper_between_statements(service, db) as rest:
            await db.execute("UPDATE housework SET done_time = done_time + 86400000")
            return rest.pop_all()
    finally:
        await db.close()


def _made(folder: Path, name: str) -> Service:
    (folder / name).mkdir()
    return Service(folder / name, SETTINGS)


def _signed_in(service: Service, user: str) -> str:
    cookies = Visitor(service.url).sign_in(service.keys[user]).cookies
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
