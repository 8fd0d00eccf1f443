"""More clients at once than the database has connections: all clients are served, and no client is sent away."""

from collections import Counter
from collections.abc import Iterator

import pytest

from kit.bank import V2, Bank, Sample, together
from kit.postgres import own_postgres
from kit.service import Service, running

#: connections of the database, of which the four processes would like to take 60
CONNECTIONS, CLIENTS = 16, 48


@pytest.fixture(scope="module")
def crowded(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:  # noqa: ARG001 which makes the account
    """A service with more processes than its database is made for."""
    folder = tmp_path_factory.mktemp("crowded")
    with own_postgres(folder) as server:
        server.order(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}")
        server.stop()
        server.start()
        settings = {"SAMPLEBANK_DATABASE_URL": server.url, "SAMPLEBANK_PROCESSES": "4"}
        with running(folder, settings) as crowded:
            yield Bank(crowded.url, crowded.keys)


def test_a_burst_of_uploads_and_submissions_is_served(crowded: Bank) -> None:
    stored = together([lambda: crowded.submit(Sample())["sampleSha256"] for _ in range(CLIENTS)])

    assert len(set(stored)) == CLIENTS


def test_a_burst_of_lists_is_served(crowded: Bank) -> None:
    answers = together([lambda: crowded.get(f"{V2}/job", "mia").status_code for _ in range(3 * CLIENTS)])

    assert Counter(answers) == {200: 3 * CLIENTS}
