"""Samples that are like others: digests, and values that a worker tells."""

import random
import secrets
from typing import Any

import requests

from kit.bank import Bank, Sample


def some_tlsh() -> str:
    return "T1" + secrets.token_hex(35).upper()


def near_to(tlsh: str, steps: int) -> str:
    """A digest at a distance of `steps`: buckets of 0 become 1, and others one less."""
    body = bytearray(bytes.fromhex(tlsh[8:]))
    for place in random.sample(range(4 * len(body)), steps):
        at, shift = place // 4, place % 4 * 2
        bucket = body[at] >> shift & 3
        body[at] += (1 if bucket == 0 else -1) << shift
    return tlsh[:8] + body.hex().upper()


def fact(kind: str, value: str) -> dict[str, str]:
    return {"kind": kind, "value": value}


def told(bank: Bank, *facts: dict[str, str], user: str = "mia", **fields: Any) -> Sample:
    """A sample of which a worker tells facts."""
    worker = bank.workers(1)[0]
    sample, _, _ = bank.planned(worker, user=user, **fields)
    assert tell(bank, sample, worker, *facts).status_code == 201
    return sample


def tell(
    bank: Bank, sample: Sample, worker: str, *facts: dict[str, str], user: str = "chief"
) -> requests.Response:
    body = {
        "analysisResult": {},
        "analysisScore": -1,
        "customer": "mill",
        "tlp": "amber",
        "userAgent": {"name": worker, "version": "1.0"},
        "facts": list(facts),
    }
    return bank.post(f"{sample.path}/analysis", body, user)
