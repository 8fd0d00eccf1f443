"""No test of hunts meets the hunts of another."""

from collections.abc import Iterator

import pytest

from hunts.hunting import HUNT
from kit.bank import Bank


@pytest.fixture(autouse=True)
def no_other_hunts(bank: Bank) -> Iterator[None]:
    yield
    for state in ("enqueued", "executing"):
        for hunt in bank.data(bank.get(HUNT, limit=0, state=state)):
            bank.delete(f"{HUNT}/{hunt['id']}")
