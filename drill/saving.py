"""Backups under load and deletions, some of them killed, and the last whole backup restored elsewhere."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from bench.service import Service, Unusable

from drill.installations import installed
from drill.promises import broken
from drill.restarts import BETWEEN, SETTINGS
from drill.rows import Row, Toll
from samplebank.rehearsal.load import V2, Load, Promise

#: a backup is killed within so many seconds after its start
WITHIN = 1.0
#: samples that are deleted before each backup
DOOMED = 5
GOAL = "0 promised before its start lost, doubled or without bytes; killed ones passed over"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    copy = folder / "backups"
    with installed(folder, SETTINGS) as service, Service(folder, settings=SETTINGS) as restored:
        service.start()
        promised = _backups(service, copy, rounds)
        restored.command("restore", str(copy))
        restored.start()
        lost, doubled = broken(restored.url, restored.key, promised)
        without = _without_bytes(restored)
    seen = (
        f"{rounds} killed, as many whole, the last restored: {len(promised):,} promised, {lost} lost, {doubled} doubled, "
        f"{without} looks found bytes missing"
    )
    met = bool(promised) and not lost + doubled + without
    toll = Toll(rounds, promised=len(promised), lost=lost, doubled=doubled)
    yield Row("backups under load, and killed", rounds, GOAL, seen, met, toll)


def _backups(service: Service, copy: Path, rounds: int) -> list[Promise]:
    """Kill a backup and make a whole one in each round. Returns what the last whole backup has to hold."""
    doomed: set[str] = set()
    with Load(service.url, service.key) as load:
        for number in range(rounds):
            time.sleep(BETWEEN)
            service.kill_command(WITHIN * number / rounds, "backup", str(copy))
            had = list(load.promises)
            doomed |= _delete(service, [one for one in had if one.sha256 not in doomed][:DOOMED])
            service.command("backup", str(copy), "--keep", "2")
    return [one for one in had if one.sha256 not in doomed]


def _delete(service: Service, promises: list[Promise]) -> set[str]:
    """Ask for deletions, which are under way while the next backup begins."""
    with httpx.Client(base_url=service.url, headers={"Argus-API-Key": service.key}, timeout=60) as client:
        for one in promises:
            client.delete(f"{V2}/sample/{one.sha256}").raise_for_status()
    return {one.sha256 for one in promises}


def _without_bytes(service: Service) -> int:
    """How many looks of the doctor at stored bytes found a fault."""
    try:
        told = service.command("doctor", "--full", "--json")
    except Unusable:
        return 1
    looks = json.loads(told)["findings"]
    return sum(one["level"] == "fault" for one in looks if one["subject"].startswith("bytes of "))
