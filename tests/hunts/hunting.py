"""Hunts as tests make them: samples with a mark of their own, rules that find the mark, and a worker played by the test."""

import hashlib
import secrets
import time
from typing import Any

import requests

from kit.bank import Bank, Sample, later

HUNT = "/samplebank/v1/hunt"
HEADER = 8
GONE = 2**64 - 1


def mark() -> str:
    return f"mark-{secrets.token_hex(8)}"


def rules_for(mark: str, name: str = "found", score: int = 60) -> str:
    return f'rule {name} {{ meta: score = {score} strings: $a = "{mark}" condition: $a }}'


def marked(bank: Bank, mark: str, user: str = "mia", **fields: Any) -> Sample:
    """A submitted sample that holds the mark."""
    sample = Sample(data=secrets.token_bytes(200) + mark.encode() + secrets.token_bytes(200))
    bank.submit(sample, user, **fields)
    return sample


def ask(bank: Bank, rules: str, user: str = "mia", **fields: Any) -> requests.Response:
    return bank.post(HUNT, {"rules": rules, **fields}, user)


def begun(bank: Bank, rules: str, user: str = "mia", **fields: Any) -> dict[str, Any]:
    hunt: dict[str, Any] = bank.data(ask(bank, rules, user, **fields))
    return hunt


def now(bank: Bank, hunt: dict[str, Any], user: str = "mia") -> dict[str, Any]:
    found: dict[str, Any] = bank.data(bank.get(f"{HUNT}/{hunt['id']}", user))
    return found


def hits(bank: Bank, hunt: dict[str, Any], user: str = "mia") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bank.data(bank.get(f"{HUNT}/{hunt['id']}/hits", user, limit=0))
    return found


def found_in(bank: Bank, hunt: dict[str, Any], user: str = "mia") -> list[str]:
    return [hit["sha256"] for hit in hits(bank, hunt, user)]


def claim(bank: Bank, user: str = "chief", **fields: Any) -> list[dict[str, Any]]:
    batches: list[dict[str, Any]] = bank.data(
        bank.post(f"{HUNT}/claim", {"leaseSeconds": 60, **fields}, user)
    )
    return batches


def claimed(bank: Bank, hunt: dict[str, Any], user: str = "chief", **fields: Any) -> dict[str, Any]:
    """The next batch of the hunt. Batches of other tests are taken, and kept."""
    while batches := claim(bank, user, **fields):
        if batches[0]["hunt"]["id"] == hunt["id"]:
            return batches[0]
    raise AssertionError("no batch of the hunt waits")


def path_of(batch: dict[str, Any]) -> str:
    return f"{HUNT}/{batch['hunt']['id']}/batch/{batch['number']}"


def contents(bank: Bank, batch: dict[str, Any], user: str = "chief") -> dict[str, bytes | None]:
    """The bytes of each sample of a batch; None for a sample that is no longer stored."""
    answer = bank.call(
        "GET", f"{path_of(batch)}/content", user, headers={"Samplebank-Lease": batch["leaseToken"]}
    )
    assert answer.status_code == 200, answer.text
    rest, found = answer.content, {}
    for sample in batch["samples"]:
        size, rest = int.from_bytes(rest[:HEADER], "big"), rest[HEADER:]
        found[sample["id"]] = None if size == GONE else rest[:size]
        rest = rest if size == GONE else rest[size:]
    assert rest == b""
    return found


def end(
    bank: Bank, batch: dict[str, Any], *found: str, user: str = "chief", **fields: Any
) -> requests.Response:
    """End a batch of which everything was scanned, with hits in the samples `found`."""
    body = {
        "leaseToken": batch["leaseToken"],
        "scanned": len(batch["samples"]),
        "scannedBytes": sum(sample["size"] for sample in batch["samples"]),
        "hits": [{"sample": sha256, "matches": [{"rule": "found", "score": 60}]} for sha256 in found],
        **fields,
    }
    return bank.post(f"{path_of(batch)}/result", body, user)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def hunt_of(
    bank: Bank, count: int, user: str = "quinn", **fields: Any
) -> tuple[dict[str, Any], list[Sample]]:
    """A hunt through a number of new samples, and the samples, newest first."""
    since = later(time.time_ns() // 1_000_000)
    samples = [marked(bank, "any", user, **fields) for _ in range(count)]
    return begun(bank, rules_for("any"), user, since=since), samples[::-1]
