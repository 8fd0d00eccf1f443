"""The one rule of visibility, as numbers: which caller sees which row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplebank.accounts.caller import Caller, Scope, readers
from samplebank.accounts.model import Customer, Domain, Permission, Subject

HERE, THERE = Domain(1, "here"), Domain(2, "there")
MILL, QUARRY = Customer(1, "mill", "Mill", HERE, None), Customer(2, "quarry", "Quarry", HERE, None)
HARBOUR = Customer(3, "harbour", "Harbour", THERE, None)
VIEW = Permission.VIEW_SUBMISSION


def caller(customer: Customer, *held: Customer, id_: int = 50, groups: tuple[int, ...] = ()) -> Caller:
    scope = Scope(customers=frozenset(each.id for each in held))
    return Caller(Subject(id_, "user", "someone", "Someone", customer), groups, {VIEW: scope})


def sees(who: Caller, row: list[int]) -> bool:
    return bool(set(who.numbers(VIEW)) & set(row))


@pytest.mark.parametrize(
    ("tlp", "own", "same_domain", "other_domain"),
    [
        ("red", True, False, False),
        ("amber", True, False, False),
        ("green", True, True, False),
        ("clear", True, True, True),
    ],
)
def test_the_tlp_adds_the_domain_or_everybody(
    tlp: str, *, own: bool, same_domain: bool, other_domain: bool
) -> None:
    row = readers(MILL, tlp, [])

    seen = [sees(caller(customer, customer), row) for customer in (MILL, QUARRY, HARBOUR)]

    assert seen == [own, same_domain, other_domain]


def test_an_acl_adds_a_user() -> None:
    row = readers(MILL, "amber", [50])

    assert [sees(caller(HARBOUR, HARBOUR, id_=id_), row) for id_ in (50, 51)] == [True, False]


def test_an_acl_adds_the_members_of_a_group() -> None:
    row = readers(MILL, "amber", [60])

    assert sees(caller(HARBOUR, HARBOUR, groups=(60,)), row)


def test_a_permission_for_another_customer_opens_nothing() -> None:
    assert not sees(caller(MILL, QUARRY), readers(MILL, "amber", []))


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(1, 10**9))
def test_numbers_of_customers_subjects_and_domains_never_meet(
    customer: int, subject: int, domain: int
) -> None:
    row = set(readers(Customer(customer, "c", "C", Domain(domain, "d"), None), "amber", []))
    stranger = Caller(
        Subject(subject, "user", "s", "S", Customer(customer + 1, "o", "O", Domain(domain + 1, "e"), None)),
        (),
        {},
    )

    assert not row & set(stranger.numbers(VIEW))
