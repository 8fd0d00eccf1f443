"""Whatever is sent, the service keeps standing and answers as it has published."""

from collections.abc import Iterator

import pytest

from contracts.fuzzing import Fuzzer
from kit.bank import Bank
from kit.service import running
from samplebank.api.app import ROUTES

#: of each of three kinds, for each operation: fitting, not fitting, and about what is not there
EXAMPLES = 4
OPERATIONS = sorted(route.opt["operation"].id for route in ROUTES if "operation" in route.opt)


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzer]:
    """Of a service of its own, because it changes whatever it can, the default policy too."""
    with running(tmp_path_factory.mktemp("fuzzed"), {"SAMPLEBANK_PROCESSES": "1"}) as service:
        yield Fuzzer(Bank(service.url, service.keys), EXAMPLES)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_request_makes_the_service_break_its_word(fuzzer: Fuzzer, operation: str) -> None:
    problems = fuzzer.problems_with(operation)

    assert problems == []
