"""The hunts that a worker may work on."""

from uuid import UUID

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Sql, all_of
from samplebank.database.identifiers import find_id
from samplebank.errors import NotFound
from samplebank.hunts.model import NO_HUNT

NEEDED = (Permission.UPDATE_JOB, Permission.WORK_ON_CLAIMS)
FIND = "SELECT h.id FROM hunt h WHERE h.id = {} AND {}"
LOST = "The lease of this batch is lost: another worker may have it by now, or the hunt has ended."


def reached(caller: Caller) -> Sql:
    """The hunts `h` that the caller may work on.

    The caller works for the customer of the hunt, and for every customer whose samples the asker may download.
    """
    scope = caller.scope(*NEEDED)
    whole = TRUE if scope.everywhere else Sql("h.reach <@ {}::bigint[]", sorted(scope.customers))
    return all_of([see_customers(caller, "h.customer_id", *NEEDED), whole])


async def find_hunt(db: Connection, caller: Caller, reference: str) -> UUID:
    """The id of a hunt that the caller may work on. Raises `NotFound`."""
    id_ = find_id(reference)
    found: UUID | None = id_ and await Sql(FIND, id_, reached(caller)).value(db)
    if found is None:
        raise NotFound(NO_HUNT)
    return found
