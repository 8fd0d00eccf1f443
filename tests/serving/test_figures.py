"""GET /metrics: what an operator watches, each figure explained in the documents."""

import re

from cli.program import ROOT
from kit.bank import Bank, eventually

#: figures without a line before the first event
SELDOM = {
    "samplebank_damaged_blobs_total",
    "samplebank_sink_waiting",
    "samplebank_sink_dead",
    "samplebank_sink_lag_seconds",
}


def figure(bank: Bank, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", bank.get("/metrics", None).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_every_figure_is_in_the_operations_page(bank: Bank) -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    documented = set(re.findall(r"`(samplebank_[a-z_]+)`", page))

    def told() -> set[str]:
        text = bank.get("/metrics", None).text
        return {
            name.removesuffix("_created")
            for name in re.findall(r"^# TYPE (samplebank_\w+)", text, re.MULTILINE)
        }

    assert eventually(lambda: told() | SELDOM == documented) or told() ^ documented == set()


def test_failed_tasks_are_a_figure(bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    _, job, tasks = bank.planned(worker)
    before = figure(bank, "samplebank_tasks_failed_day")

    bank.update(job, tasks[worker], "failed", message="The file is odd.")

    assert figure(bank, "samplebank_tasks_failed_day") > before


def test_lost_leases_are_a_figure(bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    bank.planned(worker)
    before = figure(bank, "samplebank_leases_lost_total")

    bank.claim(worker, lease=1)

    assert eventually(lambda: figure(bank, "samplebank_leases_lost_total") > before)
