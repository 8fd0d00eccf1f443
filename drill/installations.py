"""Services with an installation that has started once: a first start takes several times as long as the copy."""

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from bench.service import Service


def installed(folder: Path, settings: Mapping[str, str], *, with_workers: bool = False) -> Service:
    """A service to be started, with a copy of an installation as its data."""
    service = Service(folder, settings=dict(settings), with_workers=with_workers)
    # `cp` keeps the owner of the database, and shares the blocks where the file system can.
    subprocess.run(["cp", "-a", "--reflink=auto", _installation(folder.parent), service.data], check=True)
    return service


@cache
def _installation(parent: Path) -> Path:
    """The data of a service that has started once and stopped. Removed when the drill ends."""
    folder = Path(tempfile.mkdtemp(prefix="samplebank-drill-", dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    first = Service(folder)
    first.start()
    first.stop()
    return first.data
