"""No request brings the service down, and every answer is as published."""

from collections.abc import Iterator

import pytest
from drill import pages
from drill.fuzz import Seen

from contracts.fuzzing import Fuzzer, things_that_are_there
from kit.bank import Bank
from kit.service import Service, running
from samplebank.api.app import ROUTES

#: requests of each of three kinds for each operation: fitting, misfit, and about absent things
EXAMPLES = 2
#: requests to pages; `python -m drill --only pages` sends more
OF_PAGES = 400
OPERATIONS = sorted(route.opt["operation"].id for route in ROUTES if "operation" in route.opt)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A separate service: fuzzing changes all that can be changed, the default policy included."""
    with running(tmp_path_factory.mktemp("fuzzed"), {"SAMPLEBANK_PROCESSES": "1"}) as service:
        yield service


@pytest.fixture(scope="module")
def fuzzer(fuzzed: Service) -> Fuzzer:
    return Fuzzer(Bank(fuzzed.url, fuzzed.keys), EXAMPLES)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_request_makes_the_service_break_its_word(fuzzer: Fuzzer, operation: str) -> None:
    problems = fuzzer.problems_with(operation)

    assert problems == []


def test_no_request_makes_a_page_fail(fuzzed: Service) -> None:
    """Comes last: some requests end sessions, and begin hunts."""
    maker = pages.Maker(things_that_are_there(Bank(fuzzed.url, fuzzed.keys)))
    visitor, seen = pages.Visitor(fuzzed.port, fuzzed.keys["chief"]), Seen()

    pages.send(visitor, maker, seen, range(OF_PAGES))

    visitor.close()
    assert seen.failed == []
    assert seen.answers.total() == OF_PAGES
    assert seen.answers[200] > OF_PAGES / 10
