"""Workers that claim all tasks, and end the claimed tasks."""

import asyncio
import time

from bench import clients, load
from bench.databases import connected
from bench.figure import Figure, Surroundings
from bench.service import Service

WORKER = "claimer"
#: (workers, tasks that a worker asks for at once, goal in tasks a second at the largest size)
FLEETS = ((1, 10, None), (8, 10, None), (32, 10, 1500.0), (32, 1, 1500.0))
ADD_WORKER = """
    INSERT INTO worker (id, short_name, names, descriptions, created_by, created_time)
    SELECT gen_random_uuid(), $1, '{"english": "bench"}', '{"english": "bench"}', 1, 0
     WHERE NOT EXISTS (SELECT FROM worker WHERE short_name = $1 AND deleted_time IS NULL)
"""
#: adds jobs of one task each, for the newest samples and a customer of each sample; the enqueued time marks the jobs
#: of one run
ADD_JOBS = """
    WITH w AS (SELECT id FROM worker WHERE short_name = $1 AND deleted_time IS NULL),
    jobs AS (
        INSERT INTO job (id, sample_id, customer_id, state, enqueued_time, workers, options, rules)
        SELECT gen_random_uuid(), s.id, u.customer_id, 'enqueued', $3, ARRAY[w.id], '[]', '[]'
          FROM w, (SELECT id FROM sample ORDER BY id DESC LIMIT $2) s,
               LATERAL (SELECT customer_id FROM submission WHERE sample_id = s.id LIMIT 1) u
        RETURNING id, sample_id, customer_id, workers
    )
    INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time)
    SELECT gen_random_uuid(), id, sample_id, customer_id, workers[1], $1, 'enqueued', $3 FROM jobs
"""
HELD = """
    SELECT count(*) FILTER (WHERE state = 'executing' AND attempt = 1), count(*) FILTER (WHERE state <> 'enqueued')
      FROM job_task WHERE worker = $1 AND enqueued_time = $2
"""
TASKS = "SELECT job_id::text, id::text FROM job_task WHERE worker = $1 AND enqueued_time = $2"


def measure(service: Service, size: int, tasks: int, runs: int, *, largest: bool) -> list[Figure]:
    """Measure claims by fleets of workers, where each task goes to one worker. Then measure the end of held tasks."""
    figures, batch = [], time.time_ns() // 1_000_000
    for workers, most, goal in FLEETS:
        rates = []
        with Surroundings(service.processes) as around:
            for _ in range(runs):
                batch += 1
                rates.append(_claim(service, workers, most, tasks, batch))
        name = f"claim, {workers} workers, {most} at once"
        figures.append(around.mark(Figure(name, "tasks/s", rates, goal if largest else None, size=size)))
    return [*figures, _updates(service, size, batch)]


def _claim(service: Service, workers: int, most: int, tasks: int, batch: int) -> float:
    asyncio.run(prepare(service.database_url, tasks, batch))
    outcome = load.run(clients.claim_all, service.target(), [[(WORKER, most)]] * workers)
    once, taken = asyncio.run(_held(service.database_url, batch))
    if (once, taken, outcome.rounds) != (tasks, tasks, tasks):
        raise clients.WrongAnswer(f"of {tasks} tasks {outcome.rounds} were handed out, {once} of them once")
    return outcome.rate


def _updates(service: Service, size: int, batch: int) -> Figure:
    """Measure successes of last tasks. Each success also ends a job and makes a verdict."""
    tasks = asyncio.run(_tasks(service.database_url, batch))
    body = b'{"state":"success","analyses":[]}'
    work = [[("PUT", f"{clients.V2}/job/{job}/task/{task}", body) for job, task in tasks[:300]]]
    with Surroundings(service.processes) as around:
        outcome = load.run(clients.ask_once, service.target(), work, processes=1)
    note = f"p50 {outcome.median_ms:.1f} ms; each ends its job"
    figure = Figure("task update: p95", "ms", [outcome.percentile(95)], less=True, note=note, size=size)
    return around.mark(figure)


async def prepare(url: str, tasks: int, batch: int) -> None:
    """Make the worker, and as many jobs of one waiting task each."""
    async with connected(url) as db:
        await db.execute(ADD_WORKER, WORKER)
        await db.execute(ADD_JOBS, WORKER, tasks, batch)


async def _held(url: str, batch: int) -> tuple[int, int]:
    async with connected(url) as db:
        once, taken = await db.fetchrow(HELD, WORKER, batch)  # type: ignore[misc]  # one row always
    return once, taken


async def _tasks(url: str, batch: int) -> list[tuple[str, str]]:
    async with connected(url) as db:
        rows = await db.fetch(TASKS, WORKER, batch)
    return [(row[0], row[1]) for row in rows]
