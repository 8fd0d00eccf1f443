"""Everything that the first start makes survives a loss of power."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("observed_start.py")


def test_everything_that_the_first_start_writes_is_on_the_disk(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
