"""What the service stands on: clock, database, disks, blob store, sandbox, and a housekeeper that works."""

from samplebank.assembly import Bank
from samplebank.blobs.away import for_operator
from samplebank.blobs.room import RESERVED_FILES
from samplebank.checkup.model import Finding, advice, fault, good
from samplebank.database import Connection, budget
from samplebank.database.server import (
    MOVE,
    READ_ONLY,
    WIDE,
    blindness,
    is_read_only,
    narrowness,
    waiting_for_standby,
)
from samplebank.errors import Unavailable
from samplebank.installation import store
from samplebank.jobs.clock import last_done
from samplebank.sandbox import missing_parts
from samplebank.timespec import Millis

#: milliseconds by which the clock of this host may differ from the clock of the database
MOST_SKEW = 2_000
#: seconds besides three intervals between sweeps after which housework that was not done is missed
NO_HOUSEWORK = 60
NO_HOUSEKEEPER = "Start `samplebank serve`, or read why its housekeeper does not work in its log."
#: so many times the reserve of a disk should be free
AMPLE = 4
BROKEN_INDEXES = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT (indisvalid AND indisready)"
NO_STANDBY = "{} changes wait for a synchronous standby of the database: uploads and results get no answer."
STANDBY = "Start the standby, or take it out of synchronous_standby_names."
RIGHT_STORE = "Mount or name the right store with SAMPLEBANK_BLOB_URL."
TAKES_BYTES = "Make room in the blob store, and let the service's own account write there."
FEWER_FILES = (
    f"Uploads are refused below {RESERVED_FILES}: remove files, or make a file system for more files."
)
MIB = 2**20


def check_clock(bank: Bank) -> None:
    """Raise `Unavailable` where the clock of this host is wrong, as of the last look at the database's clock.

    Times of the database are told by the database's clock. All else goes wrong on such a host: certificates, logs, ids.
    """
    if wrong := _skew(bank):
        raise Unavailable(f"{wrong}: set both by NTP.")


def check_housework(bank: Bank, done: Millis | None) -> None:
    """Raise `Unavailable` where the housework was `done` too long ago."""
    if done is not None and done < missed_before(bank):
        raise Unavailable(
            "No housekeeper works: time-outs, leases and classification wait. The log of the service says why."
        )


def missed_before(bank: Bank) -> Millis:
    """The time before which what the housekeeper had to do is missed by now."""
    return bank.clock() - 1000 * (NO_HOUSEWORK + 3 * bank.settings.sweep_interval)


def _skew(bank: Bank) -> str | None:
    """How the clock of this host is wrong, in words; None where the clock is right."""
    ahead = bank.database.clock.ahead
    if abs(ahead) <= MOST_SKEW:
        return None
    side = "ahead of" if ahead > 0 else "behind"
    return f"The clock of this host is {abs(ahead) / 1000:.1f} s {side} the clock of the database"


async def examine_database(bank: Bank, *, is_full: bool) -> list[Finding]:  # noqa: ARG001 -- as all checks
    async with bank.database.connection() as db:
        await bank.database.clock.look(db)
        broken = [row[0] for row in await db.fetch(BROKEN_INDEXES)]
        found = [await _changes(db), await _connections(bank, db), _clock(bank)]
        found.append(_housework(bank, await last_done(db)))
    if broken:
        told = ", ".join(broken)
        found.append(
            fault("indexes", f"These indexes are not valid: {told}.", f"Run REINDEX INDEX {broken[0]}.")
        )
    return found


async def _changes(db: Connection) -> Finding:
    if await is_read_only(db):
        return fault("database", READ_ONLY, "Name the primary in SAMPLEBANK_DATABASE_URL.")
    if number := await waiting_for_standby(db):
        return fault("database", NO_STANDBY.format(number), STANDBY)
    if wrong := narrowness(db):
        return fault("database", wrong, f"{WIDE} {MOVE}")
    if dark := await blindness(db):
        return advice("database", dark, f"{WIDE} {MOVE}")
    return good("database", "The database takes changes, and the schema is that of this release.")


async def _connections(bank: Bank, db: Connection) -> Finding:
    allowed = await budget.find_allowed(db)
    needed = bank.settings.database_connections or budget.wanted(bank.settings.processes)
    if needed + budget.RESERVE > allowed:
        said = (
            f"The service may want {needed} connections. The database allows {allowed} to everybody together."
        )
        return advice(
            "connections",
            said,
            "Raise max_connections or the CONNECTION LIMIT of the role, or lower SAMPLEBANK_PROCESSES.",
        )
    return good("connections", f"{needed} connections of {allowed} are enough for the service on this host.")


def _clock(bank: Bank) -> Finding:
    if wrong := _skew(bank):
        return fault("clock", f"{wrong}.", "Set both by NTP.")
    return good("clock", "The clocks of this host and of the database agree.")


def _housework(bank: Bank, done: Millis | None) -> Finding:
    if done is None:
        return advice("housework", "No housekeeper has ever worked.", "Start `samplebank serve`.")
    age = max(0, bank.clock() - done) / 1000
    if done < missed_before(bank):
        said = f"The housework was last done {age:,.0f} s ago: leases, time-outs and types wait."
        return fault("housework", said, NO_HOUSEKEEPER)
    return good("housework", f"The housework was last done {age:.0f} s ago.")


async def examine_disks(bank: Bank, *, is_full: bool) -> list[Finding]:  # noqa: ARG001 -- as all checks
    reserve, found = bank.settings.disk_reserve, []
    for disk, free in bank.blobs.free_bytes().items():
        said = f"{free // MIB:,} MiB are free on the disk of {disk}."
        if free < reserve:
            remedy = f"Uploads are refused below {reserve // MIB:,} MiB (SAMPLEBANK_DISK_RESERVE): make room."
            found.append(fault("disk", said, remedy))
        elif free < AMPLE * reserve:
            remedy = f"Uploads are refused below {reserve // MIB:,} MiB: make room soon."
            found.append(advice("disk", said, remedy))
        else:
            found.append(good("disk", said))
    for disk, files in bank.blobs.free_files().items():
        if files < RESERVED_FILES:
            said = f"{files:,} further files fit on the disk of {disk} (inodes)."
            found.append(fault("disk", said, FEWER_FILES))
    return found


async def examine_store(bank: Bank, *, is_full: bool) -> list[Finding]:  # noqa: ARG001 -- as all checks
    async with bank.database.connection() as db:
        known = await store.find(db)
    try:
        await store.check(known, bank.blobs)
    except Unavailable as error:
        return [fault("blob store", for_operator(error), RIGHT_STORE)]
    try:
        await bank.blobs.check()
    except Unavailable as error:
        return [fault("blob store", for_operator(error), TAKES_BYTES)]
    return [good("blob store", "The blob store is the store of this database, and takes bytes.")]


async def examine_sandbox(bank: Bank, *, is_full: bool) -> list[Finding]:  # noqa: ARG001 -- as all checks
    missing = missing_parts()
    if not missing:
        return [good("sandbox", "The kernel has all that confines parsers.")]
    said = f"The kernel lacks what confines parsers: {', '.join(missing)}."
    if bank.settings.sandbox_required:
        return [
            fault(
                "sandbox",
                said,
                "docs/security.md of the source says what to enable; the service does not start like this.",
            )
        ]
    return [advice("sandbox", said, "docs/security.md of the source says what to enable.")]
