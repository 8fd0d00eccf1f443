"""The policy: which workers run for every sample, and the rules that change the choice for some samples."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Response, get

from samplebank.accounts.caller import Caller, sees_customer
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.policy.access import known_customers
from samplebank.database import Page as Part
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.policy import rules
from samplebank.policy.model import Action, Match, Option, Rule, Worker
from samplebank.policy.workers import workers_by_id
from samplebank.timespec import Millis
from samplebank.web.copying import Copied, of_policy
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: rules on the page, and customers of a rule that are named
MOST: Final = 200
MOST_NAMED: Final = 20


class ShownRule(msgspec.Struct, frozen=True):
    """A rule in words."""

    name: str
    description: str
    version: int
    changed: Millis
    when: str
    then: list[str]


class PolicyPage(Page, frozen=True):
    """`number_of_rules` counts all rules that the visitor may read."""

    template: ClassVar[str] = "policy.html"
    section: ClassVar[str] = "policy"

    workers: list[str]
    options: list[str]
    changed: Millis | None
    rules: list[ShownRule]
    number_of_rules: int
    copied: Copied


@get("/policy", opt=operation("showPolicy", Permission.VIEW_POLICY))
async def show_policy(request: Visit) -> Response[bytes]:
    """Show the default policy, and the rules for everybody and for customers that the visitor may know."""
    request.read_query(NoQuery)
    caller, directory = request.caller, request.bank.directory
    async with request.reading() as db:
        policy = await rules.get_policy(db)
        found, number = await rules.list_rules(
            db,
            Part(limit=MOST),
            include_deleted=False,
            customers=known_customers(caller),
            newest_first=True,
        )
        actions = [rule.action for rule in found]
        named = [id_ for a in actions for id_ in (*a.workers_set, *a.workers_add, *a.workers_remove)]
        workers = await workers_by_id(db, {*policy.workers, *named})
    return request.page(
        PolicyPage(
            workers=_names(policy.workers, workers),
            options=_written(policy.options),
            changed=policy.updated_time,
            rules=[_rule(rule, workers, caller, directory) for rule in found],
            number_of_rules=number,
            copied=of_policy(request.address),
        )
    )


def _rule(rule: Rule, workers: Mapping[UUID, Worker], caller: Caller, directory: Directory) -> ShownRule:
    return ShownRule(
        name=rule.name,
        description=rule.description,
        version=rule.version,
        changed=rule.updated_time or rule.created_time,
        when=_when(rule.match, caller, directory),
        then=_then(rule.action, workers),
    )


def _when(match: Match, caller: Caller, directory: Directory) -> str:
    """What a rule looks at. Customers that the visitor may not know are left out."""
    customers = [directory.customer(id_) for id_ in match.customers]
    known = [one.short_name for one in customers if sees_customer(caller, one, Permission.VIEW_POLICY)]
    more = [f"{len(known) - MOST_NAMED} more"] if len(known) > MOST_NAMED else []
    given = [f"{key}={value}" for key in match.meta_keys for value in match.meta_values]
    parts = (
        ("customer", [*known[:MOST_NAMED], *more]),
        ("type", match.types),
        ("super type", match.super_types),
        ("metadata", given),
    )
    return " and ".join(f"{words} {' or '.join(values)}" for words, values in parts if values)


def _then(action: Action, workers: Mapping[UUID, Worker]) -> list[str]:
    said = (
        ("run nothing but", _names(action.workers_set, workers)),
        ("also run", _names(action.workers_add, workers)),
        ("do not run", _names(action.workers_remove, workers)),
        ("with no options but", _written(action.options_set)),
        ("with", _written(action.options_add)),
        ("without", list(action.options_remove)),
    )
    return [f"{words} {', '.join(values)}" for words, values in said if values]


def _names(ids: Iterable[UUID], workers: Mapping[UUID, Worker]) -> list[str]:
    return sorted(workers[id_].short_name for id_ in ids if id_ in workers)


def _written(options: Iterable[Option]) -> list[str]:
    return [f"{option.key}={option.value}" for option in options]


ROUTES = [show_policy]
