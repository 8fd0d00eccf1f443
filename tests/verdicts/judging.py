"""Analyses, and verdicts by hand, as tests make them."""

from typing import Any

from kit.bank import Bank, Sample


def judge(bank: Bank, sample: Sample, user: str, status: str = "benign") -> Any:
    return bank.post(f"{sample.path}/verdict", {"statusOverride": status, "comment": "known here"}, user)


def analysed(bank: Bank, sample: Sample, user: str, score: int, **fields: Any) -> dict[str, Any]:
    """Let one worker analyse a new submission of the sample; the verdict of its job, as an administrator sees it."""
    (worker,) = bank.workers(1)
    bank.submit(sample, user, metaData=bank.plan(worker))
    job = next(job for job in bank.jobs_of(sample, state=["enqueued"]) if worker in bank.tasks_of(job["id"]))
    analysis = bank.analyse(sample, worker, score, **fields)
    task = bank.tasks_of(job["id"])[worker]
    assert bank.update(job["id"], task, "success", analyses=[analysis]).status_code == 200
    return next(v for v in bank.verdicts_of(sample) if (v.get("job") or {}).get("id") == job["id"])
