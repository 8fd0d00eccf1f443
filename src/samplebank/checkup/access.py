"""Keys and grants that allow more than is good."""

from samplebank.accounts.first_accounts import ADMIN
from samplebank.accounts.model import ADMINISTRATOR, WORKING
from samplebank.assembly import Bank
from samplebank.checkup.model import Finding, advice, good
from samplebank.database import Statement

#: milliseconds of a year
YEAR = 365 * 24 * 3600 * 1000
# Keys that may do everything for ever, by user.
WIDE_KEYS = Statement("""
    SELECT s.short_name, count(*)
      FROM api_key k JOIN subject s ON s.id = k.user_id
     WHERE k.revoked_time IS NULL AND k.expiry_time IS NULL AND k.roles IS NULL AND k.customers IS NULL
       AND EXISTS (SELECT FROM access_grant g
                    WHERE g.role = :role AND g.customer_id IS NULL
                      AND (g.subject_id = s.id
                           OR g.subject_id IN (SELECT group_id FROM group_member WHERE user_id = s.id)))
     GROUP BY s.short_name ORDER BY s.short_name
""")
# Accounts that run workers, and that may do more than a worker needs. A worker reads hostile files.
WIDE_WORKERS = Statement("""
    SELECT s.short_name, array_agg(DISTINCT g.role ORDER BY g.role)
      FROM subject s
      JOIN access_grant g ON g.subject_id = s.id
                          OR g.subject_id IN (SELECT group_id FROM group_member WHERE user_id = s.id)
     WHERE s.id IN (SELECT user_id FROM worker_process) AND g.role <> :role
     GROUP BY s.short_name ORDER BY s.short_name
""")
OLD_KEYS = Statement("""
    SELECT count(*) FROM api_key
     WHERE revoked_time IS NULL AND expiry_time IS NULL AND created_time < :before
""")


async def examine_access(bank: Bank, *, is_full: bool) -> list[Finding]:  # noqa: ARG001 -- as all checks
    async with bank.database.transaction(read_only=True) as db:
        wide = {row["short_name"]: row["count"] for row in await WIDE_KEYS.rows(db, role=ADMINISTRATOR)}
        workers = await WIDE_WORKERS.rows(db, role=WORKING)
        old = await OLD_KEYS.value(db, before=bank.clock() - YEAR)
    found = []
    # The first key of each host is such a key, and belongs to `admin`: how many are right is known to the operator alone.
    firsts = wide.pop(ADMIN, 0)
    if wide:
        told = ", ".join(f"{number} of {user}" for user, number in wide.items())
        said = f"Keys of administrators of everything never expire: {told}."
        found.append(
            advice(
                "keys", said, "Make keys with `samplebank key create --expires` or --role, and revoke these."
            )
        )
    if workers:
        told = ", ".join(f"{user} ({', '.join(roles)})" for user, roles in workers)
        said = f"Accounts that run workers may do more than a worker needs: {told}."
        found.append(
            advice("keys", said, f"Run workers with the key of an account with the role {WORKING} alone.")
        )
    if old:
        said = f"{old} keys that never expire are older than a year."
        found.append(advice("keys", said, "`samplebank key list` shows the keys: revoke what nobody uses."))
    return found or [
        good("keys", f"Keys that allow everything for ever: {firsts} of {ADMIN}, and none of other users.")
    ]
