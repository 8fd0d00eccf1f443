"""What a caller may not see changes no byte of an answer, no header, and no number of statements.

Two services have the same past. One of them then hears of samples, submissions, jobs, links, analyses, evidence, verdicts,
notes, hunts and rules of customers that the callers may not see. Both are asked the same questions.
"""

from collections.abc import Sequence

import pytest

from samplebank.api.app import ROUTES
from two_worlds.answers import Pair
from two_worlds.hidden import MANY
from two_worlds.interface import NOT_ASKED, OPEN, SEARCHES
from two_worlds.questions import Asker, Question
from two_worlds.worlds import ROLES, Worlds

#: the shares of the questions: to the interface, to pages, and to what needs no key, of which there are few different ones
SHARES = (0.65, 0.35, 0.05)
#: pages of a list that are read one after the other
FOLLOWED = 3
#: operations that answer only with the lease of a process of a worker
WITH_A_LEASE = {"downloadHuntBatch"}
#: refused where no provider of OpenID Connect is set
WITH_A_PROVIDER = {"/login/oidc", "/login/oidc/back"}
#: whoever manages accounts sees everything, and is no asker
OF_ALL_CUSTOMERS = {
    "listAccounts",
    "getAccount",
    "listKeys",
    "listCustomers",
    "showAccounts",
    "showAccountOf",
}


@pytest.fixture(scope="module")
def answered() -> set[str]:
    """The operations with a good answer to somebody."""
    return set()


def ask_all(pair: Pair, asker: Asker, number: int, seed: int, answered: set[str]) -> list[str]:
    """Ask, and read on where lists go on; what differs."""
    problems = []
    for question in asker.questions(number, seed):
        asked: Question | None = question
        for _ in range(FOLLOWED):
            if asked is None:
                break
            answer, difference = pair.ask(asked)
            if answer.status < 300:
                answered.add(asked.operation)
            if difference is not None and not difference.is_listed:
                problems.append(str(difference))
            reads_on = answer.cursor is not None and asked.operation != "readFeed"
            asked = question.behind(answer.cursor or "") if reads_on else None
    return problems


@pytest.mark.parametrize("user", ROLES, ids=str)
def test_what_a_caller_may_not_see_changes_no_answer(
    worlds: Worlds, askers: Sequence[Asker], number: int, seed: int, answered: set[str], user: str | None
) -> None:
    pair = Pair(worlds, user)

    problems = [
        problem
        for asker, share in zip(askers, SHARES, strict=True)
        for problem in ask_all(pair, asker, round(share * number), seed, answered)
    ]

    pair.close()
    assert pair.asked >= number
    assert problems == [], f"{len(problems)} of {number} with TWO_WORLDS_SEED={seed}:\n" + "\n".join(problems)


def test_every_question_has_somebody_who_is_answered(askers: Sequence[Asker], answered: set[str]) -> None:
    """Else refusals would be compared with refusals. Comes after the questions."""
    operations = {operation.id for asker in askers for operation in asker.operations}

    assert operations - answered == WITH_A_LEASE | WITH_A_PROVIDER | OF_ALL_CUSTOMERS


def test_every_read_and_every_page_is_asked(askers: Sequence[Asker]) -> None:
    """A new page needs a line in `pages.QUERIES`. A new operation of the interface is asked by itself."""
    asked = {operation.id for asker in askers for operation in asker.operations}

    reads = {
        route.opt["operation"].id
        for route in ROUTES
        if "operation" in route.opt and ("GET" in route.http_methods or route.opt["operation"].id in SEARCHES)
    }
    assert reads <= asked


def test_every_path_that_is_no_operation_is_asked_or_named() -> None:
    paths = {path for route in ROUTES if "operation" not in route.opt for path in route.paths}

    assert paths == {*OPEN, *NOT_ASKED}


def test_the_hidden_things_are_there_for_those_who_may_see_them(worlds: Worlds) -> None:
    """Else nothing would be compared."""
    numbers = {
        user: [
            world.bank.get("/sampledb/v2/submission", user, limit=1).json()["count"] for world in worlds.both
        ]
        for user in ("mia", "hana", "chief")
    }

    assert numbers["mia"][0] == numbers["mia"][1] > 0
    assert numbers["hana"][0] < numbers["hana"][1]
    assert numbers["chief"][0] + MANY < numbers["chief"][1]
