"""A server that seems far away: what clients and the server send arrives later."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvloop

from bench.ports import HOST, free_port, is_served

PIECE = 64 * 1024
START_SECONDS = 30


@contextmanager
def far_away(port: int, seconds: float) -> Iterator[str]:
    """Give a server on this machine another address, from which an answer comes `seconds` later than from the server."""
    own = free_port()
    relay = subprocess.Popen([sys.executable, "-m", "bench.distance", str(own), str(port), str(seconds / 2)])
    try:
        end = time.monotonic() + START_SECONDS
        while not is_served(own):
            if relay.poll() is not None or time.monotonic() > end:
                raise RuntimeError("The relay to the far server did not start.")
            time.sleep(0.01)
        yield f"http://{HOST}:{own}"
    finally:
        relay.kill()
        relay.wait()


async def _listen(own: int, port: int, delay: float) -> None:
    server = await asyncio.start_server(partial(_connect, port, delay), HOST, own)
    await server.serve_forever()


async def _connect(
    port: int, delay: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    far_reader, far_writer = await asyncio.open_connection(HOST, port)
    await asyncio.gather(_pass_on(reader, far_writer, delay), _pass_on(far_reader, writer, delay))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on each piece after the delay, and take further pieces meanwhile."""
    loop = asyncio.get_running_loop()
    try:
        while piece := await reader.read(PIECE):
            loop.call_later(delay, _write, writer, piece)
    except ConnectionError:
        pass
    loop.call_later(delay, writer.close)


def _write(writer: asyncio.StreamWriter, piece: bytes) -> None:
    if not writer.is_closing():
        writer.write(piece)


if __name__ == "__main__":
    uvloop.run(_listen(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
