"""The whole examination: check after check, none of which keeps the others from being made."""

from collections.abc import AsyncIterator

import asyncpg

from samplebank.assembly import Bank
from samplebank.checkup.access import examine_access
from samplebank.checkup.budgets import examine_budgets
from samplebank.checkup.contents import examine_contents
from samplebank.checkup.figures import examine_tallies
from samplebank.checkup.fleet import examine_fleet
from samplebank.checkup.ground import examine_database, examine_disks, examine_sandbox, examine_store
from samplebank.checkup.ledger import examine_ledger
from samplebank.checkup.model import Check, Finding, fault
from samplebank.checkup.readers import examine_readers
from samplebank.checkup.work import examine_work
from samplebank.errors import Refusal

CHECKS: tuple[tuple[str, Check], ...] = (
    ("database", examine_database),
    ("disk", examine_disks),
    ("blob store", examine_store),
    ("sandbox", examine_sandbox),
    ("work", examine_work),
    ("settings and versions", examine_fleet),
    ("keys", examine_access),
    ("ledger", examine_ledger),
    ("budgets", examine_budgets),
    ("bytes", examine_contents),
    ("search columns", examine_readers),
    ("tallies", examine_tallies),
)


async def examine(bank: Bank, *, is_full: bool) -> AsyncIterator[Finding]:
    """Tell the findings, one after the other. A check that cannot be made is a finding, too."""
    for subject, check in CHECKS:
        try:
            found = await check(bank, is_full=is_full)
        except (Refusal, OSError, asyncpg.PostgresError) as error:
            found = [
                fault(
                    subject,
                    f"This could not be looked at: {error}",
                    "Remove the cause, and run the command again.",
                )
            ]
        for one in found:
            yield one
