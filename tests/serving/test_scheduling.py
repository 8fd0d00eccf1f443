"""How the processes of the service share the processors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.service import Service, running
from samplebank.serving import scheduling

SAY = f"""
import os
from {scheduling.__name__} import finish_before_others_begin
os.sched_setscheduler(0, os.{{before}}, os.sched_param(0))
finish_before_others_begin()
print(os.sched_getscheduler(0) == os.{{after}})
"""


def policy_of_database(service: Service) -> int:
    pid_file = service.folder / "data" / "postgres" / "data" / "postmaster.pid"
    return os.sched_getscheduler(int(pid_file.read_text().split("\n", 1)[0]))


def test_the_database_finishes_before_others_begin(service: Service) -> None:
    assert policy_of_database(service) == os.SCHED_BATCH


def test_an_operator_may_want_single_answers_sooner(tmp_path: Path) -> None:
    with running(tmp_path, {"SAMPLEBANK_SCHEDULING": "normal"}) as service:
        assert policy_of_database(service) == os.SCHED_OTHER


@pytest.mark.parametrize(
    ("before", "after"),
    [("SCHED_OTHER", "SCHED_BATCH"), ("SCHED_IDLE", "SCHED_IDLE")],
    ids=["usual", "chosen"],
)
def test_a_policy_that_the_operator_chose_stays(before: str, after: str) -> None:
    program = SAY.format(before=before, after=after)

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "True", done.stderr
