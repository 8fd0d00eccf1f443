"""Reading customers and bounds of time from requests."""

from collections.abc import Iterable

from samplebank.accounts.caller import Caller, knows_customer, sees_customer, unseen
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Customer, Permission
from samplebank.errors import Violations
from samplebank.http.validation import read_time
from samplebank.timespec import Millis


def find_customer(
    violations: Violations, field: str, reference: str | int, caller: Caller, directory: Directory
) -> Customer | None:
    """Find the customer that a request names. An unknown customer becomes a violation of `field`."""
    customer = named_customer(reference, caller, directory)
    if customer is None:
        violations.add(field, f"There is no customer {str(reference)[:100]!r}.")
    return customer


def named_customer(reference: str | int, caller: Caller, directory: Directory) -> Customer | None:
    """Find the customer that the caller names.

    A short name may name any customer. A number could be guessed, so a number names only the caller's own customer and
    the customers for which the caller holds a permission.
    """
    customer = directory.find_customer(reference)
    if customer is None or str(reference) == customer.short_name or knows_customer(caller, customer):
        return customer
    return None


def customers_to_filter(
    violations: Violations,
    references: Iterable[str | int] | None,
    caller: Caller,
    directory: Directory,
    *permissions: Permission,
) -> list[int] | None:
    """Find the customers that a filter names. Unknown and invisible customers are refused with the same words."""
    if references is None:
        return None
    found = []
    for position, reference in enumerate(references):
        customer = directory.find_customer(reference)
        if customer is None or not sees_customer(caller, customer, *permissions):
            violations.add(f"customer[{position}]", unseen("customer", reference))
        else:
            found.append(customer.id)
    return found


def read_range(
    violations: Violations, start: object, end: object, now: Millis
) -> tuple[Millis | None, Millis | None]:
    """Read the bounds of a time search. A start after the end is a violation."""
    first = read_time(violations, "startTimestamp", start, now)
    last = read_time(violations, "endTimestamp", end, now)
    if first is not None and last is not None and first > last:
        violations.add("startTimestamp", "startTimestamp is after endTimestamp.")
    return first, last
