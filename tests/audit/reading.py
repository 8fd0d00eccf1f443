"""The ledger as callers read the ledger."""

from typing import Any

import requests

from kit.bank import Bank, Sample, eventually

AUDIT = "/samplebank/v1/audit"


def ask(bank: Bank, reader: str = "chief", **filters: Any) -> requests.Response:
    return bank.call("GET", AUDIT, reader, params=filters)


def entries(bank: Bank, reader: str = "chief", **filters: Any) -> list[dict[str, Any]]:
    """The entries, oldest first."""
    found: list[dict[str, Any]] = bank.data(ask(bank, reader, sortBy="timestamp", limit=0, **filters))
    return found


def about(bank: Bank, sample: Sample, action: str, reader: str = "chief") -> list[dict[str, Any]]:
    """The entries of an action on a sample."""
    return entries(bank, reader, sample=sample.sha256, action=action)


def awaited(bank: Bank, reader: str = "chief", number: int = 1, **filters: Any) -> list[dict[str, Any]]:
    """As `entries`, once there are so many: entries of reads come in batches."""
    return eventually(lambda: found if len(found := entries(bank, reader, **filters)) >= number else [])
