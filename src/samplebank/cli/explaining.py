"""`samplebank jobs --why`: what a job waits for, what chose its workers, and its verdict."""

import time
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from rich.console import RenderableType

from samplebank import timespec
from samplebank.cli import printing
from samplebank.cli.answers import Job, Plan, Replanned, Verdict
from samplebank.cli.causes import Why
from samplebank.cli.client import Client
from samplebank.cli.following import assessment
from samplebank.cli.job_table import JobWithTasks, job_table, task_table
from samplebank.errors import Invalid, NotFound

LOOKED_THROUGH: Final = 100_000  # newest jobs among which a shortened id is looked up
LOOKED_AT: Final = 5_000  # jobs read at once


def explain_job(client: Client, shortened: str, *, as_json: bool) -> None:
    job = client.job(_full_id(client, shortened))
    tasks, plan, why = client.tasks(job.id), client.plan(job.id), client.why(job.id)
    verdicts = client.verdicts(job.analysed_sample.id, limit=0)
    verdict = next((v for v in verdicts if v.job and v.job.id == job.id), None)
    by_hand = next((v for v in verdicts if v.is_manual), None)
    if by_hand is not None and by_hand.is_withdrawal:
        by_hand = None
    if as_json:
        told = {
            "why": why,
            "job": job,
            "tasks": tasks,
            "plan": plan,
            "verdict": verdict,
            "verdictByHand": by_hand,
        }
        printing.write_json(told)
        return
    console = printing.out()
    console.print(job_table([JobWithTasks(job, tasks)], time.time_ns() // 1_000_000))
    console.print()
    console.print(task_table(tasks))
    for line in _why_lines(job, why):
        console.print(printing.printable(line), markup=False)
    console.print()
    console.print(_chosen_by(plan))
    if plan.replanned:
        console.print(_late_line(plan.replanned), markup=False)
    if plan.options:
        console.print(_options_line(plan), markup=False)
    console.print()
    console.print(_verdict_line(job, verdict), markup=False)
    if by_hand is not None:
        console.print(_by_hand_line(by_hand), markup=False)


def _why_lines(job: Job, why: Why) -> Iterator[str]:
    """Tell why a job is not done, in the words of the service. A job that ended well needs no words."""
    if job.ended and not why.remedy:
        return
    yield f"{why.because} {why.next}"
    for task in why.tasks:
        if task.cause != "ended" and not why.because.startswith(task.because):
            yield task.because
    if why.estimate_timestamp is not None:
        yield f"The end may come at about {timespec.iso(why.estimate_timestamp)}."
    if why.remedy:
        yield why.remedy


def _chosen_by(plan: Plan) -> RenderableType:
    if not plan.rules:
        return "Chosen by the default policy."
    rows = ((rule.name, rule.version, rule.matches, ", ".join(rule.on)) for rule in plan.rules)
    return printing.table(("CHOSEN BY", "VERSION", "KIND", "MATCHES"), rows)


def _late_line(late: Replanned) -> str:
    """Tell what a file type that came late added to the job."""
    added = ", ".join(late.workers)
    begun = (
        f"after job {late.previous_job_id} had ended" if late.previous_job_id else "after the job was opened"
    )
    what = f"added {added}" if added else "changed the options"
    return printing.printable(
        f"The file type {late.type} ({late.super_type}) came {begun}: {timespec.iso(late.timestamp)} {what}."
    )


def _options_line(plan: Plan) -> str:
    options = ", ".join(f"{option.key}={option.value}" for option in plan.options)
    return printing.printable(f"Options: {options}.")


def _verdict_line(job: Job, verdict: Verdict | None) -> str:
    if verdict is None:
        return (
            "No verdict was stored for this job."
            if job.ended
            else "The verdict comes when all tasks have ended."
        )
    tags = ", ".join(f"{tag.type}:{tag.value}" for tag in verdict.tags or [])
    return printing.printable(
        f"Verdict: {assessment(verdict)}, score {verdict.score}{', ' if tags else ''}{tags}."
    )


def _by_hand_line(verdict: Verdict) -> str:
    """Tell the verdict of a person on the sample. The verdict of a person goes before every verdict of a job."""
    said = f"By hand: {assessment(verdict)}"
    if verdict.created_by_user:
        said += f", by {verdict.created_by_user.short_name}"
    if verdict.created_timestamp is not None:
        said += f", {timespec.iso(verdict.created_timestamp)}"
    return printing.printable(f"{said}: {verdict.comment}" if verdict.comment else f"{said}.")


def _full_id(client: Client, shortened: str) -> str:
    try:
        return str(UUID(shortened.strip()))
    except ValueError:
        pass
    part = shortened.strip().lower()
    matching: list[str] = []
    for offset in range(0, LOOKED_THROUGH, LOOKED_AT):
        found = client.jobs(limit=LOOKED_AT, offset=offset)
        matching = [job.id for job in found if job.id.startswith(part) or job.id.endswith(part)]
        if matching or len(found) < LOOKED_AT:
            break
    if not matching:
        raise NotFound(
            f"None of the newest {LOOKED_THROUGH} jobs has an id that starts or ends with {shortened}; "
            "give the whole id of an older one."
        )
    if len(matching) > 1:
        raise Invalid(
            f"{len(matching)} jobs have an id that starts or ends with {shortened}; give more of it."
        )
    return matching[0]
