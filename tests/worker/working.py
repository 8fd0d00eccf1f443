"""A worker that runs beside the test, as in a separate process."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samplebank.worker.loop import Pace, run

HERE = Path(__file__).parent
#: how long a stopping worker waits for a claim under way
CLAIM_SECONDS = 1


class Names:
    """Names of the workers of staged_analysers.py for one test: `names["Measuring"]`."""

    def __init__(self) -> None:
        self.suffix = f"-{secrets.token_hex(6)}"

    def __getitem__(self, analyser: str) -> str:
        return analyser.lower() + self.suffix

    @property
    def settings(self) -> dict[str, str]:
        return {"suffix": self.suffix}


class NoAnalysers(Names):
    settings: Mapping[str, str] = {}  # type: ignore[assignment]  # there is nobody to take settings


def import_paths(*analysers: str) -> list[str]:
    return [f"staged_analysers:{analyser}" for analyser in analysers]


@contextmanager
def working(
    url: str,
    key: str,
    names: Names,
    *analysers: str,
    paths: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    parallel: int = 2,
    scratch: Path | None = None,
    hunts: bool = False,
    **pace: Any,
) -> Iterator[None]:
    """Have a worker run; leaving stops the worker as SIGTERM would, and waits for the end. `paths` lead to further analysers."""
    stop = asyncio.Event()
    begun: Future[asyncio.AbstractEventLoop] = Future()

    async def work() -> None:
        begun.set_result(asyncio.get_running_loop())
        await run(
            url,
            key,
            [*import_paths(*analysers), *paths],
            stop_event=stop,
            import_from=(HERE,),
            settings={**names.settings, **(settings or {})},
            parallel=parallel,
            scratch=scratch,
            hunts=hunts,
            pace=Pace(**{"grace_seconds": 5.0, "claim_seconds": CLAIM_SECONDS, **pace}),
        )

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(asyncio.run, work())
        try:
            yield
        finally:
            begun.result().call_soon_threadsafe(stop.set)
            worker.result(60)
