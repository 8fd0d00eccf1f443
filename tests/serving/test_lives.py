"""The service comes back by itself from the deaths of parts."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from hunts.hunting import claimed, end, found_in, hunt_of, now
from kit.bank import Bank, Sample, eventually
from kit.processes import children
from kit.service import Service, copy_prepared, running
from samplebank.hunts.model import FIRST_BATCH

#: seconds in which everything is whole again
WHOLE = 30.0


@pytest.fixture(scope="module")
def alive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("lives")) as service:
        yield service


def kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def is_whole(service: Service) -> bool:
    """Whether every web process answers as ready: each new connection goes to any web process."""
    try:
        return all(requests.get(f"{service.url}/readyz", timeout=5).status_code == 200 for _ in range(12))
    except requests.RequestException:
        return False


def whole_again(service: Service, has_begun: Callable[[], bool]) -> bool:
    return eventually(has_begun, WHOLE) and eventually(lambda: is_whole(service), WHOLE)


def test_two_deaths_of_web_processes_do_not_end_the_service(alive: Service) -> None:
    first = children(alive, "serve")
    kill(first)
    second = eventually(lambda: [pid for pid in children(alive, "serve") if pid not in first])
    kill(second)

    assert whole_again(alive, lambda: bool(set(children(alive, "serve")) - {*first, *second}))
    assert Bank(alive.url, alive.keys).submit(Sample())


def test_an_interrupt_from_a_terminal_is_for_the_service_that_stops_its_processes_in_order(
    alive: Service,
) -> None:
    def have_groups_of_their_own() -> bool:
        started = [pid for said in ("serve", "housekeeper_process") for pid in children(alive, said)]
        return len(started) >= 2 and os.getpgid(alive.pid) not in {os.getpgid(pid) for pid in started}

    assert eventually(have_groups_of_their_own)


def test_a_database_that_was_killed_is_started_again(alive: Service) -> None:
    lock = alive.folder / "data" / "postgres" / "data" / "postmaster.pid"
    before = int(lock.read_text().split()[0])
    kept = Bank(alive.url, alive.keys).submitted()

    os.kill(before, signal.SIGKILL)

    assert whole_again(alive, lambda: lock.exists() and int(lock.read_text().split()[0]) != before)
    assert Bank(alive.url, alive.keys).get(kept.path).status_code == 200


def test_a_hunt_outlives_the_service_and_counts_each_batch_once(alive: Service) -> None:
    bank = Bank(alive.url, alive.keys)
    hunt, samples = hunt_of(bank, FIRST_BATCH + 2)
    first, newest, oldest = claimed(bank, hunt), samples[0].sha256, samples[-1].sha256
    end(bank, first, newest)
    second = claimed(bank, hunt)

    alive.kill()
    alive.start()
    again, ended = end(bank, first, newest), end(bank, second, oldest)

    done = now(bank, hunt, "quinn")
    assert (again.status_code, ended.status_code, done["state"]) == (200, 200, "done")
    assert (done["samples"], done["scanned"], done["hits"]) == (len(samples), len(samples), 2)
    assert found_in(bank, hunt, "quinn") == [newest, oldest]


def test_a_second_service_at_the_same_port_is_refused_in_one_line(alive: Service) -> None:
    metrics = alive.folder / "data" / "metrics"
    before = set(metrics.rglob("*"))

    second = alive.run("serve", "--no-workers")

    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert "already" in second.stderr
    assert before  # a process started again a moment ago may add a file
    assert before <= set(metrics.rglob("*"))


def test_figures_outlive_the_process_that_counted_them(alive: Service) -> None:
    def answered() -> float:
        text = requests.get(f"{alive.url}/metrics", timeout=10).text
        counts = [line for line in text.splitlines() if line.startswith("samplebank_requests_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in counts)

    for _ in range(20):
        requests.get(f"{alive.url}/healthz", timeout=10)
    before = answered()
    web = children(alive, "serve")
    kill(web)
    assert whole_again(alive, lambda: bool(set(children(alive, "serve")) - set(web)))

    assert answered() > before


def test_figures_have_their_room_on_the_disk_in_advance(alive: Service) -> None:
    files = list((alive.folder / "data" / "metrics").rglob("*.db"))

    sparse = [path for path in files if path.stat().st_blocks * 512 < path.stat().st_size]

    assert files
    assert sparse == []


#: the line of a process with the waiting signals, and the place of SIGTERM in the number there
PENDING, TERMINATION = "ShdPnd:", 1 << signal.SIGTERM - 1


def is_told_to_stop(pid: int) -> bool:
    """Whether SIGTERM waits for a stopped process."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    (pending,) = (line for line in lines if line.startswith(PENDING))
    return bool(int(pending.split()[1], 16) & TERMINATION)


def test_web_processes_answer_until_workers_and_housekeeper_have_stopped(alive: Service) -> None:
    (housekeeper,) = children(alive, "housekeeper_process")
    os.kill(housekeeper, signal.SIGSTOP)
    os.kill(alive.pid, signal.SIGTERM)
    assert eventually(lambda: is_told_to_stop(housekeeper))

    answers = [requests.get(f"{alive.url}/healthz", timeout=10).status_code for _ in range(12)]
    os.kill(housekeeper, signal.SIGCONT)

    assert answers == [200] * 12
    assert alive.stop() == 0


@pytest.fixture
def stale(tmp_path: Path) -> Iterator[Service]:
    """A killed service, whose lock file names another living process."""
    service = Service(tmp_path)
    copy_prepared(tmp_path / "data")
    service.start()
    service.kill()
    lock = tmp_path / "data" / "postgres" / "data" / "postmaster.pid"
    os.kill(int(lock.read_text().split()[0]), signal.SIGKILL)
    other = subprocess.Popen(["sleep", "120"])
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
    yield service
    other.kill()
    assert other.wait() == -signal.SIGKILL  # and by nobody before


def test_a_stale_lock_file_does_not_keep_the_database_down(stale: Service) -> None:
    stale.start()

    assert is_whole(stale)
    assert stale.stop() == 0
