"""Services behind the balancers of docs/deployment.md."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.balancers import Session, balanced
from kit.service import Service, free_port


@pytest.fixture(scope="module", params=["haproxy", "nginx"])
def balancer(
    service: Service, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Session]:
    """A balancer before a service and a host that is away."""
    folder: Path = tmp_path_factory.mktemp("balancer")
    with balanced(request.param, folder, [service.port, free_port()]) as session:
        yield session


def test_a_host_that_is_away_fails_no_request(balancer: Session) -> None:
    answers = [balancer.ask("GET", "/readyz").status_code for _ in range(20)]

    assert answers == [200] * 20


def test_a_large_file_passes(balancer: Session, service: Service) -> None:
    content = secrets.token_bytes(3 * 1024**2)

    answer = balancer.ask("POST", "/sampledb/v2/sample", content, key=service.keys["mia"])

    assert answer.status_code in {200, 201}


def test_the_session_of_a_browser_is_for_tls_only(balancer: Session, service: Service) -> None:
    answer = balancer.sign_in(service.keys["mia"])

    assert answer.status_code == 303
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_figures_stay_inside(balancer: Session) -> None:
    assert balancer.ask("GET", "/metrics").status_code == 403
