"""The contract lies beside the project. Without the contract there is nothing to compare with."""

import json
from pathlib import Path
from typing import Any

import pytest

from kit.bank import Bank

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "contract" / "openapi.json"
collect_ignore = [] if CONTRACT.exists() else ["test_superset.py"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each operation and each schema of the contract."""
    if "promised_operation" in metafunc.fixturenames:
        operations = [
            (path, method) for path, methods in read_contract()["paths"].items() for method in methods
        ]
        ids = [f"{method.upper()} {path}" for path, method in operations]
        metafunc.parametrize("promised_operation", operations, ids=ids)
    if "promised_schema" in metafunc.fixturenames:
        metafunc.parametrize("promised_schema", read_contract()["components"]["schemas"])


def read_contract() -> dict[str, Any]:
    contract: dict[str, Any] = json.loads(CONTRACT.read_text())
    return contract


@pytest.fixture(scope="session")
def contract() -> dict[str, Any]:
    return read_contract()


@pytest.fixture(scope="session")
def published(bank: Bank) -> dict[str, Any]:
    """The document that the service serves."""
    document: dict[str, Any] = bank.get("/openapi.json", user=None).json()
    return document
