"""Which workers run with which options: the default policy adapted by the rules that match. Pure."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

from samplebank.policy.model import Book, Case, Match, Option, Plan, Policy, Rule, RuleKind


def plan_for(case: Case, book: Book) -> Plan:
    """Make the effective policy for `case` by a book."""
    return plan(book.policy, book.rules, case, book.names.keys())


def plan(policy: Policy, rules: Iterable[Rule], case: Case, alive: AbstractSet[UUID]) -> Plan:
    """Make the effective policy for `case`. Only workers in `alive` (not deleted) take part.

    workers = (union of all `set`, else the default) + all `add` - all `remove`; options likewise by key.
    """
    matching = sorted((rule for rule in rules if matches(rule.match, case)), key=_precedence)
    chosen = _workers(policy, matching) & alive
    return Plan(
        workers=tuple(sorted(chosen)),
        options=tuple(sorted(_options(policy, matching), key=lambda option: option.key)),
        rules=tuple((rule.id, rule.version) for rule in matching),
    )


def matches(match: Match, case: Case) -> bool:
    """Whether a rule with the clause `match` holds for the case."""
    if match.kind is RuleKind.CUSTOMER:
        return case.customer_id in match.customers
    if match.kind is RuleKind.CLASSIFICATION:
        return (not match.types or case.type in match.types) and (
            not match.super_types or case.super_type in match.super_types
        )
    return any(case.meta_data.get(key) in match.meta_values for key in match.meta_keys)


def _precedence(rule: Rule) -> tuple[int, int, UUID]:
    """Submission before classification before customer; type+superType, type, superType; then the older rule."""
    if rule.match.kind is RuleKind.SUBMISSION:
        rank = 0
    elif rule.match.kind is RuleKind.CLASSIFICATION:
        rank = 1 if rule.match.types and rule.match.super_types else 2 if rule.match.types else 3
    else:
        rank = 4
    return rank, rule.created_time, rule.id


def _workers(policy: Policy, rules: Sequence[Rule]) -> frozenset[UUID]:
    given = {worker for rule in rules for worker in rule.action.workers_set}
    workers = given or set(policy.workers)
    workers |= {worker for rule in rules for worker in rule.action.workers_add}
    return frozenset(workers - {worker for rule in rules for worker in rule.action.workers_remove})


def _options(policy: Policy, rules: Sequence[Rule]) -> list[Option]:
    """Choose options by key. `rules` come in the order of precedence, so the first rule that names a key decides."""
    given = [option for rule in rules for option in rule.action.options_set]
    added = [option for rule in rules for option in (*rule.action.options_set, *rule.action.options_add)]
    removed = {key for rule in rules for key in rule.action.options_remove}
    options: dict[str, Option] = {}
    for option in (*added, *(() if given else policy.options)):
        options.setdefault(option.key, option)
    return [option for option in options.values() if option.key not in removed]
