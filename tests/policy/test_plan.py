"""Which workers run, with which options: the default policy adapted by rules."""

from itertools import pairwise
from uuid import UUID

import pytest

from samplebank.policy.model import Action, Case, Match, Option, Plan, Policy, Rule, RuleKind
from samplebank.policy.plan import matches, plan

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))
ALIVE = frozenset({ONE, TWO, THREE})
PDF = Case(7, "pdf", "document", {"source": "mail"})
BY_CUSTOMER = Match(RuleKind.CUSTOMER, customers=(7,))
BY_SUPER_TYPE = Match(RuleKind.CLASSIFICATION, super_types=("document",))
BY_TYPE = Match(RuleKind.CLASSIFICATION, types=("pdf",))
BY_BOTH = Match(RuleKind.CLASSIFICATION, types=("pdf",), super_types=("document",))
BY_SUBMISSION = Match(RuleKind.SUBMISSION, meta_keys=("source",), meta_values=("mail",))
IN_ORDER = [BY_SUBMISSION, BY_BOTH, BY_TYPE, BY_SUPER_TYPE, BY_CUSTOMER]


def rule(match: Match, created: int = 0, id_: int = 100, **action: object) -> Rule:
    return Rule(
        id=UUID(int=id_),
        version=1,
        name="rule",
        description="",
        match=match,
        action=Action(**action),  # type: ignore[arg-type]
        created_by=1,
        created_time=created,
    )


def planned(*rules: Rule, policy: Policy | None = None, case: Case = PDF) -> Plan:
    return plan(policy or Policy((ONE,), ()), rules, case, ALIVE)


@pytest.mark.parametrize(
    ("match", "case", "expected"),
    [
        (BY_CUSTOMER, PDF, True),
        (BY_CUSTOMER, Case(8), False),
        (BY_BOTH, PDF, True),
        (BY_BOTH, Case(7, "pdf", "archive"), False),
        (BY_TYPE, Case(7), False),
        (BY_SUBMISSION, PDF, True),
        (BY_SUBMISSION, Case(7, meta_data={"source": "web"}), False),
        (BY_SUBMISSION, Case(7, meta_data={"other": "mail"}), False),
    ],
)
def test_a_rule_matches_its_clause(match: Match, case: Case, *, expected: bool) -> None:
    assert matches(match, case) is expected


def test_without_a_rule_the_default_runs() -> None:
    assert planned().workers == (ONE,)


def test_several_sets_are_united_and_replace_the_default() -> None:
    found = planned(rule(BY_TYPE, workers_set=(TWO,)), rule(BY_CUSTOMER, workers_set=(THREE,)))

    assert found.workers == (TWO, THREE)


def test_remove_wins_over_set_and_add() -> None:
    found = planned(
        rule(BY_TYPE, workers_set=(TWO,), workers_add=(THREE,)), rule(BY_CUSTOMER, workers_remove=(TWO,))
    )

    assert found.workers == (THREE,)


def test_a_deleted_worker_takes_no_part() -> None:
    found = plan(Policy((ONE, TWO), ()), (), PDF, frozenset({TWO}))

    assert found.workers == (TWO,)


@pytest.mark.parametrize(("stronger", "weaker"), list(pairwise(IN_ORDER)))
def test_for_one_option_the_closer_rule_wins(stronger: Match, weaker: Match) -> None:
    found = planned(
        rule(weaker, 1, 1, options_add=(Option("depth", "weaker"),)),
        rule(stronger, 2, 2, options_add=(Option("depth", "stronger"),)),
    )

    assert found.options == (Option("depth", "stronger"),)


def test_among_equal_rules_the_older_wins() -> None:
    found = planned(
        rule(BY_SUBMISSION, 2, 1, options_add=(Option("depth", "newer"),)),
        rule(BY_SUBMISSION, 1, 2, options_add=(Option("depth", "older"),)),
    )

    assert found.options == (Option("depth", "older"),)


def test_any_rule_beats_the_default_policy() -> None:
    policy = Policy((ONE,), (Option("depth", "default"), Option("mode", "fast")))

    found = planned(rule(BY_CUSTOMER, options_add=(Option("depth", "rule"),)), policy=policy)

    assert found.options == (Option("depth", "rule"), Option("mode", "fast"))


def test_a_set_of_options_replaces_those_of_the_default() -> None:
    policy = Policy((ONE,), (Option("mode", "fast"),))

    found = planned(rule(BY_CUSTOMER, options_set=(Option("depth", "3"),)), policy=policy)

    assert found.options == (Option("depth", "3"),)


def test_a_removed_option_is_gone_whoever_gave_it() -> None:
    found = planned(
        rule(BY_TYPE, options_add=(Option("depth", "3"),)), rule(BY_CUSTOMER, options_remove=("depth",))
    )

    assert found.options == ()


def test_the_plan_names_the_rules_that_made_it_strongest_first() -> None:
    found = planned(
        rule(BY_CUSTOMER, id_=1, workers_add=(TWO,)), rule(BY_SUBMISSION, id_=2, workers_add=(THREE,))
    )

    assert found.rules == ((UUID(int=2), 1), (UUID(int=1), 1))
