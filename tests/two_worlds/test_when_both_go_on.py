"""Both worlds go on after the hidden things: the same changes have the same answers, and look the same afterwards.

So the hidden things stand between what a caller sees. Ids are of chance, and each world has its own times. All other numbers
are compared, so that no number counts what the caller may not see.
"""

from collections.abc import Sequence
from typing import NamedTuple

import pytest

from two_worlds.answers import Pair
from two_worlds.questions import Asker
from two_worlds.worlds import ROLES, Worlds

#: the share of the questions that are changes, and that are asked afterwards
CHANGES, AFTERWARDS = 0.8, 0.3


class Changes(NamedTuple):
    """The changes of all users: how many were made, and which answers differ."""

    made: int
    differences: list[str]


@pytest.fixture(scope="module")
def changes(worlds: Worlds, changer: Asker, number: int, seed: int) -> Changes:
    made, differences = 0, []
    for user in ROLES:
        pair = Pair(worlds, user, go_on=True)
        for question in changer.questions(round(CHANGES * number), seed):
            answer, difference = pair.change(question)
            made += answer.status < 300
            if difference is not None and not difference.is_listed:
                differences.append(str(difference))
        pair.close()
    return Changes(made, differences)


def test_a_change_has_the_same_answer_in_both_worlds(changes: Changes) -> None:
    assert changes.differences == [], "\n".join(changes.differences)
    assert changes.made >= len(ROLES)


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
