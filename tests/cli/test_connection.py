"""Which service a command speaks to. A key goes only to the service that the key belongs to."""

from pathlib import Path

import pytest

from samplebank.cli import connection
from samplebank.cli.connection import Connection
from samplebank.errors import Invalid, Unavailable

CREDENTIALS = """\
url = "http://127.0.0.1:8080"

[admin]
user = "admin"
key = "admin-key"

[workers]
user = "samplebank-workers"
key = "workers-key"
"""


@pytest.fixture
def credentials(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = data_folder / "credentials.toml"
    path.write_text(CREDENTIALS)
    monkeypatch.setenv("SAMPLEBANK_DATA_DIR", str(data_folder))
    return path


@pytest.mark.usefixtures("credentials")
def test_a_local_service_is_found_by_its_credentials() -> None:
    assert connection.find(None, None) == Connection("http://127.0.0.1:8080", "admin-key")


@pytest.mark.usefixtures("credentials")
def test_workers_have_an_account_of_their_own() -> None:
    assert connection.find(None, None, account="workers").key == "workers-key"


@pytest.mark.usefixtures("credentials")
def test_the_address_of_the_local_service_may_be_given() -> None:
    assert connection.find("http://127.0.0.1:8080/", None) == Connection("http://127.0.0.1:8080", "admin-key")


@pytest.mark.usefixtures("credentials")
def test_a_key_may_be_given_for_the_local_service() -> None:
    assert connection.find(None, "mine") == Connection("http://127.0.0.1:8080", "mine")


@pytest.mark.usefixtures("credentials")
def test_the_local_key_is_not_given_to_another_service() -> None:
    with pytest.raises(Invalid, match="There is no key for https://elsewhere"):
        connection.find("https://elsewhere.example", None)


@pytest.mark.usefixtures("credentials")
def test_what_is_given_in_full_needs_no_credentials() -> None:
    assert connection.find("https://elsewhere.example/", "mine") == Connection(
        "https://elsewhere.example", "mine"
    )


def test_a_damaged_credentials_file_is_named(credentials: Path) -> None:
    credentials.write_text("url = ")

    with pytest.raises(Invalid, match=f"{credentials} is damaged"):
        connection.find(None, None)


def test_a_credentials_file_without_keys_is_damaged(credentials: Path) -> None:
    credentials.write_text('url = "http://127.0.0.1:8080"')

    with pytest.raises(Invalid, match="missing required field `admin`"):
        connection.find(None, None)


def test_a_credentials_file_that_cannot_be_read_is_named(credentials: Path) -> None:
    credentials.unlink()
    credentials.mkdir()

    with pytest.raises(Unavailable, match="cannot be read"):
        connection.find(None, None)
