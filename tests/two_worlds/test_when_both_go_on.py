"""Both worlds go on after the hidden things: the same changes have the same answers, and look the same afterwards.

So the hidden things stand between what a caller sees. Ids are of chance, and each world has its own times. All other numbers
are compared, so that no number counts what the caller may not see.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from samplebank.api import app as interface
from samplebank.web import app as site
from two_worlds.answers import Pair
from two_worlds.interface import NOT_ASKED, SEARCHES
from two_worlds.names import Names
from two_worlds.pages import FORMS, OTHER_FORMS, name_of
from two_worlds.questions import Asker, Question
from two_worlds.worlds import ROLES, Worlds

#: the shares of the questions that are changes: by the interface, by forms, and by forms that all callers are refused; and the share
#: that is asked afterwards
CHANGES, AFTERWARDS = (0.8, 0.2, 0.1), 0.3
#: changes that need the permission for each customer with the sample: the refusal tells of others, as docs/security.md lists
FOR_EACH_CUSTOMER = {"addVerdict", "withdrawVerdict", "judgeByPage", "deleteSample"}


class Changes(NamedTuple):
    """The changes of all users: how many were made by operation, and which answers differ."""

    made: Counter[str]
    differences: list[str]


@pytest.fixture(scope="module")
def changes(worlds: Worlds, changers: Sequence[Asker], number: int, seed: int) -> Changes:
    made, differences = Counter[str](), list[str]()
    for user in ROLES:
        pair = Pair(worlds, user, go_on=True)
        asked = [
            question
            for changer, share in zip(changers, CHANGES, strict=True)
            for question in changer.questions(round(share * number), seed)
            if not is_refused_for_others(question, worlds.names)
        ]
        for question in asked:
            answer, difference = pair.change(question)
            made[question.operation] += answer.status < 400
            if difference is not None and not difference.is_listed:
                differences.append(str(difference))
        pair.close()
    return Changes(made, differences)


def is_refused_for_others(question: Question, names: Names) -> bool:
    return question.operation in FOR_EACH_CUSTOMER and any(one in question.path for one in names.shared)


def test_a_change_has_the_same_answer_in_both_worlds(changes: Changes) -> None:
    assert changes.differences == [], "\n".join(changes.differences)
    assert changes.made.total() >= len(ROLES)


def test_every_change_is_asked(changers: Sequence[Asker]) -> None:
    """A new form needs a line in `pages.FORMS`. A new operation of the interface is asked by itself."""
    asked = {operation.id for changer in changers for operation in changer.operations}

    changes = {
        name_of(route, path)
        for route in (*interface.ROUTES, *site.ROUTES)
        for path in route.paths
        if "GET" not in route.http_methods
    }
    assert changes - SEARCHES - OTHER_FORMS - NOT_ASKED <= asked


def test_forms_change_something_for_somebody(changes: Changes) -> None:
    """Else refusals would be compared with refusals. Some forms want the id of what somebody has just done."""
    changing = {name for name in FORMS if changes.made[name]}

    assert len(changing) > len(FORMS) / 2, sorted(changing)


@pytest.mark.usefixtures("changes")
@pytest.mark.parametrize("user", ["viewer", "mia", "analyzer", "boss"])
def test_after_the_changes_both_worlds_look_the_same(
    worlds: Worlds, askers: Sequence[Asker], number: int, seed: int, user: str
) -> None:
    pair = Pair(worlds, user, go_on=True)

    asked = [
        pair.ask(question)[1]
        for asker in askers
        for question in asker.questions(round(AFTERWARDS * number), seed + 1)
    ]

    pair.close()
    problems = [str(one) for one in asked if one is not None and not one.is_listed]
    assert problems == [], "\n".join(problems)
