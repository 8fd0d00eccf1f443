"""The dearest bodies and searches that an ordinary key can send."""

import asyncio
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import generate
from bench.service import Service

from drill import faults
from drill.clients import Line, make_users, p95_of_lists
from drill.installations import installed
from drill.restarts import SETTINGS, WHOLE
from drill.rows import Row
from samplebank.rehearsal.load import V2, wholeness
from samplebank.rehearsal.processes import children, kill

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 2**20
#: seconds of a process's time and bytes that a body may cost, seconds of the database that a search may
BODY_SECONDS, BODY_MEMORY, SEARCH_SECONDS = 0.5, 100 * MIB, 10.0
#: seconds for which a statement may outlive the answer, and of the way there and back
MARGIN = 1.0
#: from so many rounds on, each body is sent to a new process, whose memory nothing else has used
FRESH = 5
AT_ONCE, TIMES = 14, 3.0
ACTIVE = """
    SELECT count(*) FROM pg_stat_activity
     WHERE application_name = 'samplebank' AND state = 'active' AND now() - query_start > interval '0.9 s'
"""
EVERYTHING = {"indexStartTimestamp": 0}
#: just under the size allowed to every body
ROOM = MIB - 200


def _filled(start: bytes, piece: bytes, end: bytes, room: int = ROOM) -> bytes:
    return start + b",".join([piece] * ((room - len(start) - len(end)) // (len(piece) + 1))) + end


def _any_of(keywords: list[str]) -> bytes:
    return json.dumps({"keywords": keywords, "keywordMatchStrategy": "any"}, ensure_ascii=False).encode()


NESTED = b'{"a":' * 90 + b"1" + b"}" * 90
#: by name: (path, body)
BODIES = {
    "lists in a list": (f"{V2}/servicetask/search", _filled(b'{"state":[', b"[]", b"]}")),
    "objects in a list": (f"{V2}/job/search", _filled(b'{"state":[', b"{}", b"]}")),
    "objects nested 90 deep": (f"{V2}/job/search", _filled(b'{"state":[', NESTED, b"]}")),
    "unknown fields": (f"{V2}/job/search", b"{" + b",".join(b'"f%d":1' % n for n in range(85_000)) + b"}"),
    "a field again and again": (f"{V2}/job/search", _filled(b"{", b'"limit":1', b"}")),
    "a relative time of many steps": (
        f"{V2}/job/search",
        b'{"startTimestamp":"now' + b"-1s" * 340_000 + b'"}',
    ),
    "numbers of many digits": (f"{V2}/job/search", _filled(b'{"customer":[', b"9" * 4000, b"]}")),
    "one number of very many digits": (f"{V2}/job/search", b'{"limit":' + b"9" * (ROOM - 20) + b"}"),
    "NULs": (f"{V2}/job/search", _filled(b'{"state":[', b'"\\u0000"', b"]}")),
    "one hash again and again": (
        f"{V2}/sample/search",
        _filled(b'{"sha256":[', b'"' + b"0" * 64 + b'"', b"]}"),
    ),
    "many different hashes": (
        f"{V2}/sample/search",
        json.dumps({"sha256": [f"{n:064x}" for n in range(10_000)], **EVERYTHING}).encode(),
    ),
    "keywords of marks that combine": (
        f"{V2}/sample/search",
        _any_of([f"{n}a" + "\u0301\u0316" * 2000 for n in range(49)]),
    ),
    "keywords in Hangul": (
        f"{V2}/sample/search",
        _any_of([f"{n}" + "\u1112\u1161\u11ab" * 1300 for n in range(51)]),
    ),
    "many keywords in many criteria": (
        f"{V2}/sample/search",
        json.dumps(
            {
                "subCriteria": [
                    {"keywords": [f"{n}word{m}" for m in range(990)], "keywordMatchStrategy": "any"}
                    for n in range(50)
                ]
            }
        ).encode(),
    ),
    "names in Hangul": (
        f"{V2}/sample/search",
        json.dumps(
            {
                "submission": [
                    {"fileName": [f"{n}x{m}\u1112\u1161\u11ab" for m in range(2300)]} for n in range(9)
                ]
            },
            ensure_ascii=False,
        ).encode(),
    ),
    "more values than a request may have": (
        f"{V2}/sample/search",
        json.dumps(
            {"submission": [{"fileName": [f"{n}x{m}" for m in range(3000)]} for n in range(50)]}
        ).encode(),
    ),
    "paths of many steps": (
        f"{V2}/sample/search",
        json.dumps(
            {
                "submission": [
                    {"metaData": [{"path": "a." * 2047 + "a", "value": ["x"]}] * 10} for _ in range(25)
                ]
            }
        ).encode(),
    ),
    "many criteria of many values": (
        f"{V2}/sample/search",
        json.dumps(
            {"submission": [{"fileName": [f"{n}x{m}" for m in range(3000)]} for n in range(16)]}
        ).encode(),
    ),
    "metadata of many keys": (
        f"{V2}/sample/{'0' * 64}/submission",
        json.dumps({"metaData": {f"key{n}": f"value{n}" for n in range(40_000)}, "fileName": "x"}).encode(),
    ),
    "an ACL of very many": (
        f"{V2}/sample/{'0' * 64}/submission",
        json.dumps({"acl": list(range(100_000)), "fileName": "x"}).encode(),
    ),
    "criteria of nothing": (
        f"{V2}/sample/search",
        _filled(b'{"subCriteria":[', b'{"subCriteria":[{}]}', b"]}"),
    ),
}


def _keywords(number: int, mark: int) -> list[str]:
    return [f"k{mark:03d}{n:04d}ab" for n in range(number)]


def _words() -> list[str]:
    """Each text is found somewhere: three letters of common names."""
    return ["inv", "fak", "doc", "rep", "ort", "pdf", "exe", "mal", "ing", "tion", "ent", "tur"]


SEARCHES: dict[str, dict[str, Any]] = {
    "50 required inner criteria of 2 keywords": {
        "subCriteria": [{"required": True, "keywords": _keywords(2, n)} for n in range(50)]
    },
    "50 inner criteria of 200 keywords, any": {
        "subCriteria": [{"keywords": _keywords(200, n), "keywordMatchStrategy": "any"} for n in range(50)]
    },
    "50 excluded inner criteria": {"subCriteria": [{"exclude": True, "keywords": [w]} for w in _words() * 4]},
    "common keywords, any": {"keywords": _words(), "keywordMatchStrategy": "any", "limit": 0},
    "metadata anywhere": {
        "submission": [{"metaData": [{"value": [w, f"{w}x"]}], "required": True} for w in _words() * 2]
    },
    "results anywhere": {
        "analysis": [{"analysisResult": [{"value": [w]}], "required": True} for w in _words() * 2]
    },
    "everything, in full": {"limit": 0},
}


def bodies(folder: Path, rounds: int) -> Iterator[Row]:
    """Each body `rounds` times; the processor time and the memory of the one web process at work."""
    costs: dict[str, tuple[float, int, int]] = {}
    with installed(folder, {**SETTINGS, "SAMPLEBANK_PROCESSES": "1"}) as service:
        service.start()
        key = make_users(service, {"plain": ("c", "SAMPLEDB-USER")}, ["c"])["plain"]
        for name, (path, body) in BODIES.items():
            if rounds >= FRESH:
                kill(children(service.pid, " serve "))
                wholeness(service.url, WHOLE)
            costs[name] = _cost(service, key, path, body, rounds)
    for name, (seconds, grown, status) in costs.items():
        print(f"  {name}: {seconds:.2f} s, {grown / MIB:.0f} MiB, {status}", file=sys.stderr, flush=True)
    dearest = max(costs, key=lambda name: costs[name][0])
    largest = max(costs, key=lambda name: costs[name][1])
    seen = f"{costs[dearest][0]:.2f} s ({dearest}), {costs[largest][1] / MIB:.0f} MiB ({largest})"
    failed = [name for name, cost in costs.items() if cost[2] >= 500]  # noqa: PLR2004 an HTTP status
    met = costs[dearest][0] <= BODY_SECONDS and costs[largest][1] <= BODY_MEMORY and not failed
    goal = f"<= {BODY_SECONDS:g} s of the process, <= {BODY_MEMORY // MIB} MiB"
    yield Row(f"dearest of {len(BODIES)} bodies", rounds, goal, seen, met)


def _cost(service: Service, key: str, path: str, body: bytes, rounds: int) -> tuple[float, int, int]:
    """(processor seconds of one request, largest growth of the process in bytes in all rounds, status)."""
    line = Line(service, key)
    line.ask("GET", f"{V2}/job")
    (web,) = children(service.pid, " serve ")
    Path(f"/proc/{web}/clear_refs").write_text("5")
    seconds, before = _processor_seconds(web), _memory(web, "VmRSS")
    statuses = {line.ask("POST", path, body)[0] for _ in range(rounds)}
    line.close()
    grown = max(0, _memory(web, "VmHWM") - before)
    return (_processor_seconds(web) - seconds) / rounds, grown, max(statuses)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int, what: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(what))


def searches(folder: Path, rounds: int) -> Iterator[Row]:
    """Dear searches in a database of `rounds` samples: one after the other, then 14 at once beside others."""
    with installed(folder, SETTINGS) as service:
        service.start()
        made = asyncio.run(generate.fill(service.database_url, rounds, customers=100))
        key = made.one_key
        told = {name: _search(service, key, wanted) for name, wanted in SEARCHES.items()}
        yield _alone(told, rounds)
        yield _beside_others(service, key, max(told, key=lambda name: told[name][0]), made.everyone_key)


def _alone(told: dict[str, tuple[float, int, int]], samples: int) -> Row:
    for name, (seconds, status, active) in told.items():
        print(f"  {name}: {seconds:.1f} s, {status}, {active} statements left", file=sys.stderr, flush=True)
    name = max(told, key=lambda one: told[one][0])
    left = sum(active for _, _, active in told.values())
    statuses = Counter(status for _, status, _ in told.values())
    answers = ", ".join(f"{number} x {status}" for status, number in statuses.items())
    seen = f"{told[name][0]:.1f} s ({name}), {left} statements go on; {answers}"
    met = told[name][0] <= SEARCH_SECONDS + MARGIN and not left
    goal = f"<= {SEARCH_SECONDS:g} s of the database"
    return Row(f"dearest of {len(told)} searches, {samples:,} samples", 1, goal, seen, met)


def _search(service: Service, key: str, wanted: dict[str, Any]) -> tuple[float, int, int]:
    """(seconds, status, statements going on after the answer)."""
    line = Line(service, key)
    began = time.monotonic()
    status, _ = line.ask_json("POST", f"{V2}/sample/search", {**EVERYTHING, **wanted})
    took = time.monotonic() - began
    line.close()
    time.sleep(MARGIN)
    return took, status, asyncio.run(faults.count(service.database_url, ACTIVE))


def _beside_others(service: Service, key: str, name: str, other: str) -> Row:
    """`AT_ONCE` clients send the dearest search all the time, while another user asks for lists."""
    quiet, stopping, answers = p95_of_lists(service, other), threading.Event(), Counter[int]()

    def search() -> None:
        line = Line(service, key)
        while not stopping.is_set():
            try:
                status, _ = line.ask_json("POST", f"{V2}/sample/search", {**EVERYTHING, **SEARCHES[name]})
            except OSError:
                status = 0  # no answer at all in two minutes
            answers[status] += 1

    clients = [threading.Thread(target=search, daemon=True) for _ in range(AT_ONCE)]
    for client in clients:
        client.start()
    time.sleep(2)
    crowded = p95_of_lists(service, other)
    stopping.set()
    for client in clients:
        client.join()
    told = ", ".join(f"{number} x {status}" for status, number in sorted(answers.items()))
    seen = f"others' p95 {1000 * quiet:.1f} -> {1000 * crowded:.1f} ms beside {told}"
    return Row(f"{AT_ONCE} of them at once", 1, f"<= {TIMES:g} times", seen, crowded <= TIMES * quiet)
