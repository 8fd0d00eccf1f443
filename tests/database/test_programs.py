"""Programs of PostgreSQL fit the server, and get no password on their command line."""

from pathlib import Path

import pytest

from samplebank.database.embedded import BINARIES
from samplebank.database.programs import address_of, find_newest, find_program, version_of
from samplebank.errors import Unavailable

OWN = version_of(str(BINARIES / "pg_dump"))


def on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, version: int) -> Path:
    """Put a `pg_dump` of the version on the PATH."""
    program = folder / "pg_dump"
    program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}.4 (Debian {version}.4-1)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program


@pytest.mark.parametrize(
    ("path", "server", "is_from_path"),
    [(OWN - 1, OWN - 1, True), (OWN + 1, OWN, False), (OWN + 1, OWN + 1, True), (OWN - 2, OWN - 1, False)],
    ids=["same on the path", "same of our own", "newer than our own", "too old on the path"],
)
def test_the_program_of_the_version_of_the_server_is_taken_else_the_next_newer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: int, server: int, *, is_from_path: bool
) -> None:
    program = on_path(monkeypatch, tmp_path, path)

    assert find_program("pg_dump", server) == str(program if is_from_path else BINARIES / "pg_dump")


@pytest.mark.parametrize(("path", "is_from_path"), [(OWN - 1, False), (OWN + 1, True)])
def test_the_newest_program_is_found_for_what_any_version_has_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: int, *, is_from_path: bool
) -> None:
    program = on_path(monkeypatch, tmp_path, path)

    assert find_newest("pg_dump", OWN - 1) == str(program if is_from_path else BINARIES / "pg_dump")


def test_a_line_says_what_to_install_where_no_program_fits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on_path(monkeypatch, tmp_path, OWN)

    with pytest.raises(Unavailable, match=f"such as the package postgresql-client-{OWN + 1}"):
        find_program("pg_dump", OWN + 1)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://bank:s%40crets@one:5432,two:5432/bank", "postgresql://bank@one:5432,two:5432/bank"),
        ("postgresql://bank@one/bank?password=s%40crets", "postgresql://bank@one/bank"),
    ],
)
def test_a_password_goes_into_the_environment(url: str, shown: str) -> None:
    address = address_of(url)

    assert (address.url, address.environment["PGPASSWORD"]) == (shown, "s@crets")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///bank?host=/run/postgresql",
        "postgresql:///bank",
        "postgresql://",
        "postgresql://bank@one:5432,two/bank?options=-c%20search_path%3Dbank&target_session_attrs=read-write",
    ],
)
def test_an_address_stays_as_the_programs_read_it(url: str) -> None:
    assert address_of(url).url == url
