"""Hosts of one installation: services with separate data folders, on one PostgreSQL and one blob folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kit.service import Service


@contextmanager
def host(folder: Path, database_url: str, blobs: Path, **settings: str) -> Iterator[Service]:
    """A host, not started yet. The end of the block stops the host."""
    folder.mkdir()
    shared: Mapping[str, str] = {
        "SAMPLEBANK_DATABASE_URL": database_url,
        "SAMPLEBANK_BLOB_URL": f"file://{blobs}",
        "SAMPLEBANK_PROCESSES": "1",
        **settings,
    }
    service = Service(folder, shared)
    try:
        yield service
    finally:
        service.end()


def refusal(service: Service, *arguments: str) -> str:
    """The one line at the end of a start without success."""
    done = service.run("serve", *(arguments or ("--no-workers",)))
    assert done.returncode == 1, done.stderr
    return done.stderr.strip().splitlines()[-1]


def blobs_of(service: Service) -> Path:
    """The shared blob folder of the hosts."""
    return Path(service.environment["SAMPLEBANK_BLOB_URL"].removeprefix("file://"))
