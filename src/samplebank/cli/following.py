"""Follows the jobs of submitted files to their verdicts."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import msgspec

from samplebank.cli import patience
from samplebank.cli.answers import Job, Sample, Verdict
from samplebank.cli.client import Client
from samplebank.cli.patience import patiently
from samplebank.cli.presence import absences
from samplebank.cli.sending import FailedAnalysis, Outcome
from samplebank.errors import Refusal
from samplebank.verdicts.model import SUSPICIOUS_SCORE

BATCH: Final = 100  # samples asked for in one search
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 2.0
STILL: Final = 5.0  # seconds without the end of a job, after which absent workers are looked for
CLASSIFICATION: Final = 20.0  # seconds for which verdicts wait for file types
PARALLEL: Final = 4
#: jobs looked at one by one, without asking before whether anything has failed
FEW_JOBS: Final = 8
#: the usual threshold of a service; the API does not tell the threshold
MALICIOUS_SCORE: Final = 70

Progress = Callable[[Sequence[Outcome]], None]


def follow(
    client: Client, outcomes: Iterable[Outcome], progress: Progress, tell: Callable[[str], None]
) -> list[Outcome]:
    """Wait until the job of every stored submission has ended. `progress` sees each round.

    A worker that a job waits for in vain is told once. A restart of the service is waited for.
    """
    current = list(outcomes)
    ask = partial(patiently, tell=tell, longest=patience.LONGEST_ABSENCE)
    pause = FIRST_PAUSE
    watch = _Watch(client, tell)
    began: dict[str, int] = {}
    while True:
        current = ask(partial(_with_jobs, client, current, began))
        progress(current)
        waiting = [outcome for outcome in current if not _settled(outcome)]
        if not waiting:
            break
        ask(partial(watch.look_at, waiting))
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.3)
    return ask(partial(_all_judged, client, current, began))


def _all_judged(client: Client, outcomes: Sequence[Outcome], began: Mapping[str, int]) -> list[Outcome]:
    samples = _samples(client, outcomes)
    failed = partial(_failed_analyses, client) if _may_have_failed(client, began) else _none_failed
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        return list(pool.map(partial(_judged, client, samples, failed), outcomes))


class _Watch:
    """Notices when nothing has ended for a while, and names the workers that nobody runs."""

    def __init__(self, client: Client, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell
        self._told: set[str] = set()
        self._open = 0
        self._next_look = 0.0

    def look_at(self, waiting: Sequence[Outcome]) -> None:
        now = time.monotonic()
        if len(waiting) != self._open:
            self._open, self._next_look = len(waiting), now + STILL
        elif now >= self._next_look:
            self._next_look = now + STILL
            self._name_absent(waiting[0].job)

    def _name_absent(self, job: str | None) -> None:
        if job is None:
            return
        tasks, plan = self._client.tasks(job), self._client.plan(job)
        for sentence in absences(tasks, plan, time.time_ns() // 1_000_000):
            if sentence not in self._told:
                self._told.add(sentence)
                self._tell(sentence)


def assessment(verdict: Verdict | None) -> str:
    """Sum up a verdict in one word."""
    if verdict is None:
        return "unknown"
    if verdict.status_override:
        return verdict.status_override
    if verdict.score < 0:
        return "unknown"
    if verdict.score >= MALICIOUS_SCORE:
        return "malicious"
    return "suspicious" if verdict.score >= SUSPICIOUS_SCORE else "benign"


def _settled(outcome: Outcome) -> bool:
    # A job is made together with its submission: a submission without a job will never have a job.
    return outcome.job is None or outcome.job_state in {"done", "timeout"}


def _with_jobs(client: Client, outcomes: Sequence[Outcome], began: dict[str, int]) -> list[Outcome]:
    """The outcomes with their jobs. Writes into `began` when each job was enqueued."""
    open_samples = sorted({o.sha256 for o in outcomes if o.sha256 and (o.job is None or not _settled(o))})
    jobs: list[Job] = []
    for start in range(0, len(open_samples), BATCH):
        jobs += client.jobs(sampleSha256=open_samples[start : start + BATCH], limit=0)
    found = [_with_job(outcome, jobs) for outcome in outcomes]
    own = {outcome.job for outcome in found}
    began.update({job.id: job.enqueued_timestamp for job in jobs if job.id in own})
    return found


def _may_have_failed(client: Client, began: Mapping[str, int]) -> bool:
    """Whether a task may have failed since the first of these jobs: one question instead of a look at each job."""
    if len(began) <= FEW_JOBS:
        return True
    try:
        known = client.failures()
    except Refusal:
        return True
    first = min(began.values())
    told = sum(cause.failures for cause in known.causes)
    is_whole = told == known.failures and not known.is_more and known.since_timestamp <= first
    return not is_whole or any(cause.last_timestamp >= first for cause in known.causes)


def _with_job(outcome: Outcome, jobs: Iterable[Job]) -> Outcome:
    newest = next((job for job in jobs if _concerns(job, outcome)), None)
    return msgspec.structs.replace(outcome, job=newest.id, job_state=newest.state) if newest else outcome


def _concerns(job: Job, outcome: Outcome) -> bool:
    if outcome.job is not None:
        return job.id == outcome.job
    same_customer = outcome.customer in (None, job.customer.short_name)
    return same_customer and job.analysed_sample.id == outcome.sha256


def _samples(client: Client, outcomes: Iterable[Outcome]) -> Mapping[str, Sample]:
    """Get the samples with their file types. A file type may come later than the verdict, and is waited for a while."""
    until = time.monotonic() + CLASSIFICATION
    wanted = sorted({outcome.sha256 for outcome in outcomes if outcome.sha256})
    found: dict[str, Sample] = {}
    while wanted:
        for start in range(0, len(wanted), BATCH):
            found |= {sample.sha256: sample for sample in client.samples(wanted[start : start + BATCH])}
        wanted = [one for one in wanted if one in found and found[one].latest_classification is None]
        if time.monotonic() > until:
            break
        if wanted:
            time.sleep(FIRST_PAUSE)
    return found


def _judged(
    client: Client,
    samples: Mapping[str, Sample],
    failed: Callable[[str | None], list[FailedAnalysis]],
    outcome: Outcome,
) -> Outcome:
    if outcome.sha256 is None:
        return outcome
    sample = samples.get(outcome.sha256)
    kind, latest = (sample.latest_classification, sample.latest_verdict) if sample else (None, None)
    verdict = latest if latest and _is_own(latest, outcome) else _verdict(client, outcome, outcome.sha256)
    timed_out = outcome.job_state == "timeout"
    return msgspec.structs.replace(
        outcome,
        status="failed" if timed_out else outcome.status,
        error="The job timed out before all workers were done." if timed_out else outcome.error,
        type=(kind.type or kind.super_type) if kind else None,
        verdict=assessment(verdict),
        score=verdict.score if verdict else -1,
        tags=[f"{tag.type}:{tag.value}" for tag in (verdict.tags if verdict else None) or []],
        failed_analyses=failed(outcome.job),
    )


def _is_own(verdict: Verdict, outcome: Outcome) -> bool:
    return verdict.job is not None and verdict.job.id == outcome.job


def _verdict(client: Client, outcome: Outcome, sha256: str) -> Verdict | None:
    """The verdict of the job of the file; the newest verdict where the file has no job."""
    verdicts = client.verdicts(sha256)
    own = (verdict for verdict in verdicts if _is_own(verdict, outcome))
    return next(own, None) or next(iter(verdicts), None)


def _failed_analyses(client: Client, job: str | None) -> list[FailedAnalysis]:
    tasks = client.tasks(job) if job else []
    return [FailedAnalysis(task.worker, task.message) for task in tasks if task.failed]


def _none_failed(_job: str | None) -> list[FailedAnalysis]:
    return []
