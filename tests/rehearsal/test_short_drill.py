"""A few kills of the cheap kinds, as `make drill` gives thousands: nothing is lost, and nothing is doubled."""

import subprocess
import sys

import msgspec
from drill.rows import Row

from kit.pages import ROOT

KINDS = ("sessions", "children")
#: seconds after which the drill is told to stop, and stops its services
PATIENCE = 240


def test_a_few_kills_lose_nothing() -> None:
    chosen = [word for kind in KINDS for word in ("--only", kind)]
    command = [sys.executable, "-m", "drill", *chosen, "--rounds", "2", "--json"]

    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as drill:
        try:
            out, _ = drill.communicate(timeout=PATIENCE)
        finally:
            drill.terminate()

    rows = msgspec.json.decode(out, type=list[Row])
    assert [row.seen for row in rows if not row.met] == []
    assert (drill.returncode, len(rows)) == (0, len(KINDS))
    assert sum(row.toll.kills for row in rows) > 2 * len(KINDS)
