"""What became of promises."""

from collections import Counter

import httpx

from samplebank.rehearsal.keeping import compared
from samplebank.rehearsal.load import V2, Promise


def broken(url: str, key: str, promises: list[Promise]) -> tuple[int, int]:
    """Count the lost promises, and the submissions that are stored more than once."""
    asked = {"limit": 0, "indexStartTimestamp": 0}
    with httpx.Client(base_url=url, headers={"Argus-API-Key": key}, timeout=300) as client:
        answer = client.get(f"{V2}/submission", params=asked).raise_for_status()
    found = Counter((row["sampleSha256"], row["fileName"]) for row in answer.json()["data"])
    return compared(found, promises)
