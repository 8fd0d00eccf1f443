"""How the processes of the service share the processors."""

import os
import subprocess
import sys

import pytest

from kit.service import Service
from samplebank.serving import scheduling

SAY = f"""
import os
from {scheduling.__name__} import finish_before_others_begin
os.sched_setscheduler(0, os.{{before}}, os.sched_param(0))
finish_before_others_begin()
print(os.sched_getscheduler(0) == os.{{after}})
"""


def test_the_database_finishes_before_others_begin(service: Service) -> None:
    pid_file = service.folder / "data" / "postgres" / "data" / "postmaster.pid"

    postmaster = int(pid_file.read_text().split("\n", 1)[0])

    assert os.sched_getscheduler(postmaster) == os.SCHED_BATCH


@pytest.mark.parametrize(
    ("before", "after"),
    [("SCHED_OTHER", "SCHED_BATCH"), ("SCHED_IDLE", "SCHED_IDLE")],
    ids=["usual", "chosen"],
)
def test_a_policy_that_the_operator_chose_stays(before: str, after: str) -> None:
    program = SAY.format(before=before, after=after)

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "True", done.stderr
