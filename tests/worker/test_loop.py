"""The worker's loop over real HTTP, with analysers in real children; only the service is staged."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from samplebank.sandbox import SandboxError
from samplebank.worker.errors import WorkerError
from samplebank.worker.loop import run
from worker.staged_service import StagedService, listening

HERE = Path(__file__).parent


@pytest.fixture
def service() -> StagedService:
    service = StagedService()
    service.workers |= {"measuring", "refusing", "hanging", "broken"}
    return service


@pytest.fixture
def url(service: StagedService) -> Iterator[str]:
    with listening(service) as url:
        yield url


@asynccontextmanager
async def working(
    url: str,
    *analysers: str,
    grace_seconds: float = 5.0,
    lease_seconds: int = 60,
    parallel: int = 2,
    scratch: Path | None = None,
) -> AsyncIterator[None]:
    """Have a worker run; leaving stops it as SIGTERM would."""
    stop = asyncio.Event()
    paths = [f"staged_analysers:{analyser}" for analyser in analysers]
    settings = {"depth": "2"}
    work = asyncio.create_task(
        run(
            url,
            "key",
            paths,
            stop_event=stop,
            parallel=parallel,
            settings=settings,
            import_from=(HERE,),
            grace_seconds=grace_seconds,
            lease_seconds=lease_seconds,
            scratch=scratch,
        )
    )
    try:
        yield
    finally:
        stop.set()
        await work


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def test_a_task_ends_with_its_analysis(service: StagedService, url: str) -> None:
    task = service.offer("measuring", b"four", mode="fast")["task"]["id"]

    async with working(url, "Measuring"):
        ended = await asyncio.to_thread(service.wait_for, f"/task/{task}")

    (analysis,) = service.called("/analysis")
    assert ended["state"] == "success"
    assert len(ended["analyses"]) == 1
    assert (analysis["analysisScore"], analysis["customer"], analysis["tlp"]) == (40, "acme", "green")
    assert analysis["userAgent"] == {"name": "measuring", "version": "1.2"}
    assert analysis["tags"] == [{"type": "family", "value": "Staged _1_"}]


async def test_the_analyser_gets_bytes_options_and_settings(service: StagedService, url: str) -> None:
    offered = service.offer("measuring", b"four", mode="fast")

    async with working(url, "Measuring"):
        analysis = await asyncio.to_thread(service.wait_for, "/analysis")

    assert analysis["analysisResult"] == {
        "size": 4,
        "options": {"mode": "fast"},
        "settings": {"depth": "2"},
        "sha256": offered["sample"]["id"],
    }


async def test_evidence_goes_up_before_the_task_ends(service: StagedService, url: str) -> None:
    task = service.offer("measuring", b"four")["task"]["id"]

    async with working(url, "Measuring"):
        await asyncio.to_thread(service.wait_for, f"/task/{task}")

    assert service.called("/evidence/a_size.txt") == [b"4"]


async def test_a_rejected_file_fails_its_task_with_the_reason(service: StagedService, url: str) -> None:
    task = service.offer("refusing", b"four")["task"]["id"]

    async with working(url, "Refusing"):
        ended = await asyncio.to_thread(service.wait_for, f"/task/{task}")

    assert ended == {"state": "failed", "message": "There is nothing to find in 4 bytes.", "analyses": []}


async def test_a_crashing_analyser_fails_the_task_with_its_last_words(
    service: StagedService, url: str
) -> None:
    task = service.offer("broken", b"four")["task"]["id"]

    async with working(url, "Broken"):
        ended = await asyncio.to_thread(service.wait_for, f"/task/{task}")

    assert ended["message"] == "The analysis crashed with exit status 1: Stopped at 4."


async def test_several_analysers_share_one_worker(service: StagedService, url: str) -> None:
    measured = service.offer("measuring", b"four")["task"]["id"]
    refused = service.offer("refusing", b"four")["task"]["id"]

    async with working(url, "Measuring", "Refusing"):
        success = await asyncio.to_thread(service.wait_for, f"/task/{measured}")
        failure = await asyncio.to_thread(service.wait_for, f"/task/{refused}")

    assert (success["state"], failure["state"]) == ("success", "failed")


async def test_a_lost_lease_posts_nothing(service: StagedService, url: str) -> None:
    lost = service.offer("measuring", b"lost")["task"]["id"]
    service.refusals[f"/{lost}/heartbeat"] = [412]

    async with working(url, "Measuring"):
        await asyncio.to_thread(service.wait_for, f"/{lost}/heartbeat")

    assert service.called("/analysis") == service.called(f"/task/{lost}") == []
    assert service.called(f"/{lost}/release") == []


async def test_a_lease_lost_on_the_way_ends_the_analysis_and_makes_room(
    service: StagedService, url: str
) -> None:
    lost = service.offer("hanging", b"lost")["task"]["id"]
    service.refusals[f"/{lost}/heartbeat"] = [412]

    async with working(url, "Hanging", "Measuring", lease_seconds=1, parallel=1):
        await asyncio.to_thread(service.wait_for, f"/{lost}/heartbeat")
        task = service.offer("measuring", b"four")["task"]["id"]
        ended = await asyncio.to_thread(service.wait_for, f"/task/{task}")

    assert ended["state"] == "success"
    assert service.called(f"/task/{lost}") == service.called(f"/{lost}/release") == []


async def test_a_long_analysis_keeps_its_lease(service: StagedService, url: str) -> None:
    task = service.offer("hanging", b"four")["task"]["id"]

    async with working(url, "Hanging", lease_seconds=1, grace_seconds=0.1):
        await asyncio.to_thread(service.wait_for, f"/{task}/heartbeat", 3)

    assert len(service.called(f"/{task}/heartbeat")) >= 3


async def test_a_damaged_download_is_given_back(service: StagedService, url: str) -> None:
    offered = service.offer("measuring", b"whole")
    service.samples[offered["sample"]["id"]] = b"half"

    async with working(url, "Measuring"):
        release = await asyncio.to_thread(service.wait_for, "/release")

    assert release["leaseToken"] == offered["leaseToken"]
    assert release["reason"].endswith("has other bytes than the sample.")
    assert release["delaySeconds"] > 0


async def test_a_worker_that_stops_gives_its_tasks_back(service: StagedService, url: str) -> None:
    offered = service.offer("hanging", b"four")

    async with working(url, "Hanging", grace_seconds=0.1):
        await asyncio.to_thread(service.wait_for, "/raw")

    assert service.called("/release") == [
        {"leaseToken": offered["leaseToken"], "reason": "The worker is shutting down.", "delaySeconds": 0}
    ]


async def test_a_stopping_worker_finishes_what_it_soon_can(service: StagedService, url: str) -> None:
    task = service.offer("measuring", b"four")["task"]["id"]

    async with working(url, "Measuring", grace_seconds=20):
        await asyncio.to_thread(service.wait_for, "/raw")

    assert [end["state"] for end in service.called(f"/task/{task}")] == ["success"]


async def test_a_write_is_repeated_until_the_service_is_back(service: StagedService, url: str) -> None:
    task = service.offer("measuring", b"four")["task"]["id"]
    service.refusals["/analysis"] = [503, 500]

    async with working(url, "Measuring"):
        ended = await asyncio.to_thread(service.wait_for, f"/task/{task}")

    assert ended["state"] == "success"
    assert len(service.called("/analysis")) == 3


async def test_an_analysis_that_the_service_refuses_is_given_back(service: StagedService, url: str) -> None:
    service.offer("measuring", b"four")
    service.refusals["/analysis"] = [412]

    async with working(url, "Measuring"):
        release = await asyncio.to_thread(service.wait_for, "/release")

    assert release["reason"].endswith("/analysis: It was staged.")


async def test_an_unknown_worker_registers_itself(service: StagedService, url: str) -> None:
    service.workers.clear()

    async with working(url, "Measuring"):
        registration = await asyncio.to_thread(service.wait_for, "/sampledb/v2/worker")

    assert registration["shortName"] == "measuring"
    assert registration["localizedNames"] == {"english": "Measuring"}
    assert registration["schema"] == {"type": "object", "required": ["size"]}


async def test_a_worker_that_may_not_register_says_so(service: StagedService, url: str) -> None:
    service.workers.clear()
    service.refusals["/sampledb/v2/worker"] = [403]

    with pytest.raises(
        WorkerError, match="does not know the analysis worker measuring, and this key may not"
    ):
        await run(url, "key", ["staged_analysers:Measuring"], stop_event=asyncio.Event(), import_from=(HERE,))


async def test_a_worker_without_a_service_waits_and_can_be_stopped() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.5, stop.set)

    async with asyncio.timeout(20):
        await run(
            "http://127.0.0.1:9", "key", ["staged_analysers:Measuring"], stop_event=stop, import_from=(HERE,)
        )

    assert stop.is_set()


async def test_a_wrong_analyser_is_named_before_anything_is_claimed(service: StagedService, url: str) -> None:
    with pytest.raises(SandboxError, match="has no attribute 'Missing'"):
        await run(url, "key", ["staged_analysers:Missing"], stop_event=asyncio.Event(), import_from=(HERE,))

    assert service.calls == []


async def test_samples_lie_in_the_scratch_folder_while_they_are_needed(
    service: StagedService, url: str, tmp_path: Path
) -> None:
    task = service.offer("hanging", b"four")["task"]["id"]

    async with working(url, "Hanging", lease_seconds=1, grace_seconds=0.1, scratch=tmp_path):
        await asyncio.to_thread(service.wait_for, f"/{task}/heartbeat")
        during = contents(tmp_path)

    assert during == [b"four"]
    assert contents(tmp_path) == []
