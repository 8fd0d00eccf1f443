"""No request brings the service down, and every answer is as published."""

from collections.abc import Iterator

import pytest

from contracts.fuzzing import Fuzzer
from kit.bank import Bank
from kit.service import running
from samplebank.api.app import ROUTES

#: requests of each of three kinds for each operation: fitting, misfit, and about absent things
EXAMPLES = 3
OPERATIONS = sorted(route.opt["operation"].id for route in ROUTES if "operation" in route.opt)


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzer]:
    """The faults of a separate service: fuzzing changes all that can be changed, the default policy included."""
    with running(tmp_path_factory.mktemp("fuzzed"), {"SAMPLEBANK_PROCESSES": "1"}) as service:
        yield Fuzzer(Bank(service.url, service.keys), EXAMPLES)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_request_makes_the_service_break_its_word(fuzzer: Fuzzer, operation: str) -> None:
    problems = fuzzer.problems_with(operation)

    assert problems == []
