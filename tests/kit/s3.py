"""A real S3 server for the tests, on ports that no other test takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.seaweed import BUCKET, S3Server

from kit.service import free_port

__all__ = ["BUCKET", "S3Server", "s3_server"]


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    server = S3Server(folder, free_port).start()
    try:
        yield server
    finally:
        server.kill()
