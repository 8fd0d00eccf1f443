"""Similar samples: how long a search takes, and how many of the near samples a search finds."""

import asyncio
import random

from bench import clients, load, relatives
from bench.clients import EXTENSIONS, UNMEASURED
from bench.databases import connected
from bench.figure import Figure, Surroundings
from bench.service import Service
from samplebank.database import Sql
from samplebank.database.planning import plan_for_values
from samplebank.samples.tlsh import FURTHEST, Tlsh
from samplebank.search.similar import ROW_BY_ROW, nearest

#: samples that are searched for, those of them that are compared with brute force, and the goal for the p95 in milliseconds
SEARCHES, COMPARED, GOAL = 200, 60, 100.0
#: the part of the near samples that must be found, by distance
RECALL = {31: 1.0, 47: 0.99, FURTHEST: None}
ALL = 10_000_000
PATIENCE = 3600.0


def measure(service: Service, size: int, *, quick: bool) -> list[Figure]:
    """Measure searches by the administrator, one client."""
    searches, compared = (40, 10) if quick else (SEARCHES, COMPARED)
    chosen, found, near = asyncio.run(_prepare(service.database_url, searches, compared))
    work = [("GET", f"{EXTENSIONS}/sample/{sha256}/similar", b"") for sha256 in chosen]
    with Surroundings(service.processes) as around:
        target = service.target(service.key)
        load.run(clients.ask_once, target, [work[:UNMEASURED]], seconds=60.0, processes=1)
        began = service.processes().processor_seconds()
        outcome = load.run(clients.ask_once, target, [work], seconds=300.0, processes=1)
        busy = 1000 * (service.processes().processor_seconds() - began) / len(work)
    note = f"{compared} searches against brute force"
    name = f"similar samples, p95, {size:,} samples"
    cost = f"{busy:.1f} ms of processor time each, {outcome.median_ms:.1f} ms in the middle"
    figures = [Figure(name, "ms", [outcome.percentile(95)], GOAL, less=True, note=cost)]
    for distance, goal in RECALL.items():
        share = found[distance] / near[distance] if near[distance] else 1.0
        name = f"similar samples, found to distance {distance}, {size:,} samples"
        figures.append(Figure(name, "of 1", [share], goal, note=f"{note}, {near[distance]:,} near"))
    return [around.mark(figure) for figure in figures]


async def _prepare(
    url: str, searches: int, compared: int
) -> tuple[list[str], dict[int, int], dict[int, int]]:
    """(samples to search for, how many near samples are found, and how many there are, by distance)."""
    async with connected(url, timeout_seconds=PATIENCE) as db:
        await relatives.fill(db)
        every = await relatives.BruteForce.of(db)
        ids = random.Random(1).sample(list(every.ids), searches)  # noqa: S311 the same samples in each run
        rows = await db.fetch(
            "SELECT s.id, encode(s.sha256, 'hex'), f.said[1] FROM sample s JOIN derived_fact f ON f.sample_id = s.id "
            "WHERE f.kind = 'tlsh' AND s.id = ANY ($1::bigint[])",
            [int(id_) for id_ in ids],
        )
        found, near = dict.fromkeys(RECALL, 0), dict.fromkeys(RECALL, 0)
        for id_, _, text in rows[:compared]:
            digest = Tlsh.read(text)
            distances = every.distances(digest)[every.ids != id_]
            async with db.transaction(readonly=True):
                await plan_for_values(db, *ROW_BY_ROW)
                told = await nearest(db, digest, Sql("s.id <> {}", id_), furthest=FURTHEST, most=ALL)
            for distance in RECALL:
                near[distance] += int((distances <= distance).sum())
                found[distance] += sum(one.distance <= distance for one in told)
    return [row[1] for row in rows], found, near
