"""A service with little patience, for tests with hostile clients."""

from collections.abc import Iterator

import pytest

from kit.bank import Bank
from kit.service import Service, running

SETTINGS = {
    "SAMPLEBANK_PROCESSES": "1",
    "SAMPLEBANK_WAITING_CLAIMS": "2",
    "SAMPLEBANK_SEARCH_TIMEOUT": "1",
    "SAMPLEBANK_BODY_TIMEOUT": "1",
    "SAMPLEBANK_REQUESTS_PER_ADDRESS": "20",
}


@pytest.fixture(scope="package")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("strict"), SETTINGS) as service:
        yield service


@pytest.fixture(scope="package")
def guarded(strict: Service) -> Bank:
    """The strict service as its users see it."""
    return Bank(strict.url, strict.keys)
