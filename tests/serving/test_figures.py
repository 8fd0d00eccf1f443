"""GET /metrics: what an operator watches, each figure explained in the documents."""

import http.client
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.program import ROOT
from kit.bank import Bank, eventually
from kit.service import Service

#: figures without a line before the first event
SELDOM = {
    "samplebank_damaged_blobs_total",
    "samplebank_sink_waiting",
    "samplebank_sink_dead",
    "samplebank_sink_lag_seconds",
}


#: figures by worker, customer and cause, for callers with a key
NAMED = "/samplebank/v1/metrics"
MONITORING = ROOT / "deploy/monitoring"


def figure(bank: Bank, name: str, path: str = "/metrics", user: str | None = None) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", bank.get(path, user).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def told(bank: Bank) -> set[str]:
    """The names of all figures of a served service."""
    text = bank.get("/metrics", None).text + bank.get(NAMED, "chief").text
    names = re.findall(r"^# TYPE (samplebank_\w+)", text, re.MULTILINE)
    return {name.removesuffix("_created") for name in names} | SELDOM


@pytest.mark.parametrize("path", ["/metrics/", "/%6detrics", "/metrics%2f"])
def test_no_other_spelling_leads_past_a_proxy_to_the_figures(service: Service, path: str) -> None:
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    line.request("GET", path)

    assert line.getresponse().status == 404
    line.close()


@pytest.mark.parametrize("path", ["/metrics", NAMED])
def test_figures_come_as_text_whose_charset_is_named_once(bank: Bank, path: str) -> None:
    """Readers that are strict about media types refuse a parameter that comes twice."""
    media_type, *parameters = bank.get(path, "chief").headers["Content-Type"].split("; ")

    assert media_type == "text/plain"
    assert sorted(parameters) == ["charset=utf-8", "version=1.0.0"]


def test_every_figure_is_in_the_operations_page(bank: Bank) -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    documented = set(re.findall(r"`(samplebank_[a-z_]+)`", page))

    assert eventually(lambda: told(bank) == documented) or told(bank) ^ documented == set()


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_monitoring_asks_for_figures_that_there_are(bank: Bank, file: str) -> None:
    asked = set(re.findall(r"\bsamplebank_[a-z_]+", (MONITORING / file).read_text("utf-8")))
    assert asked

    def unknown() -> set[str]:
        return {name.removesuffix("_bucket") for name in asked} - told(bank)

    assert eventually(lambda: unknown() == set()) or unknown() == set()


def test_every_alert_says_in_the_operations_page_what_to_do() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    alerts = re.findall(r"alert: (\w+)", (MONITORING / "alerts.yaml").read_text("utf-8"))

    assert re.findall(r"^\| `(Samplebank\w+)` \|", page, re.MULTILINE) == alerts


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


def test_tasks_that_wait_for_a_worker_that_nobody_runs_are_figures_without_names(bank: Bank) -> None:
    before = figure(bank, "samplebank_tasks_waiting"), figure(bank, "samplebank_workers_missing")

    worker = bank.worker()["shortName"]
    bank.planned(worker)

    after = figure(bank, "samplebank_tasks_waiting"), figure(bank, "samplebank_workers_missing")
    assert (after[0] > before[0], after[1] > before[1]) == (True, True)
    assert worker not in bank.get("/metrics", None).text


def test_a_key_tells_who_waits_for_which_worker(bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    bank.planned(worker)

    text = bank.get(NAMED, "chief").text

    assert f'samplebank_worker_waiting_tasks{{worker="{worker}"}} 1.0' in text
    assert f'samplebank_worker_processes{{state="alive",worker="{worker}"}} 0.0' in text
    assert re.search(
        rf'^samplebank_customer_waiting_tasks{{customer="\w+",worker="{worker}"}} 1.0$', text, re.MULTILINE
    )


def test_a_key_tells_failures_by_cause(bank: Bank) -> None:
    def failed() -> float:
        told = re.findall(
            r"^samplebank_failed_tasks_day\{cause=.* (\S+)$", bank.get(NAMED).text, re.MULTILINE
        )
        return sum(map(float, told))

    worker = bank.worker()["shortName"]
    _, job, tasks = bank.planned(worker)
    before = failed()

    bank.update(job, tasks[worker], "failed", message="The file is odd.")

    assert failed() == before + 1


def test_figures_tell_nothing_of_customers_whose_jobs_the_caller_may_not_see(bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    bank.planned(worker)

    text = bank.get(NAMED, "hank").text

    assert f'samplebank_worker_waiting_tasks{{worker="{worker}"}} 0.0' in text
    assert f'customer_waiting_tasks{{worker="{worker}"' not in text


def test_a_housekeeper_without_room_for_its_figures_says_why(tmp_path: Path) -> None:
    in_the_way = tmp_path / "metrics"
    in_the_way.touch()
    own = {
        "SAMPLEBANK_DATABASE_URL": "postgresql://127.0.0.1:9/nowhere",
        "SAMPLEBANK_DATA_DIR": str(tmp_path / "data"),
        "PROMETHEUS_MULTIPROC_DIR": str(in_the_way),
    }
    command = [sys.executable, "-m", "samplebank.serving.housekeeper_process"]

    with subprocess.Popen(
        command, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.kill()

    assert "WARNING figures.own why='Not a directory'" in first
