"""Samples that lie on the disk of a worker."""

import signal
import subprocess
import sys
from pathlib import Path

from samplebank.worker.scratch import scratch_folder

WORKER = """
import sys, time
from pathlib import Path
from samplebank.worker.scratch import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "sample").write_bytes(b"MZ")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_a_worker_removes_what_a_killed_one_left_and_leaves_what_is_in_use(tmp_path: Path) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as dead,
        scratch_folder(tmp_path) as living,
    ):
        assert dead.stdout is not None
        left = Path(dead.stdout.readline().strip())
        dead.send_signal(signal.SIGKILL)
        dead.wait()

        with scratch_folder(tmp_path):
            kept = living.exists(), left.exists()

    assert kept == (True, False)
    assert list(tmp_path.iterdir()) == []
