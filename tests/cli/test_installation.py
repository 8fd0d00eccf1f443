"""Commands on the installation of the machine: which installation, the output, and what stays untouched."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.program import Program
from kit.bank import Bank, name_of
from kit.disks import no_room
from kit.service import Service
from samplebank.backups.note import refuse_unfinished
from samplebank.cli.events import Sink
from samplebank.errors import Unavailable
from samplebank.maintenance.relays import BROKERS, WEBHOOK

NOBODY = 65534
TENANTS = '[[domain]]\nname = "north"\n'


@pytest.fixture
def tenants(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.toml"
    path.write_text(TENANTS)
    return path


@pytest.mark.parametrize(
    "command", [["key", "list"], ["key", "create", "admin"], ["events", "dead"], ["apply"]]
)
def test_no_installation_is_made_by_the_way(
    program: Program, data_folder: Path, tenants: Path, command: list[str]
) -> None:
    ended = program.run(*command, *([tenants] if command == ["apply"] else []))

    assert (ended.status, ended.out, len(ended.complaints)) == (1, "", 1)
    assert f"There is no installation in the data folder {data_folder}." in ended.complaints[0]
    assert "Start one with `samplebank serve`" in ended.complaints[0]
    assert list(data_folder.iterdir()) == []


def test_a_start_that_its_database_refuses_makes_no_folder(
    program: Program, data_folder: Path, service: Service
) -> None:
    nowhere = service.database_url.replace("/postgres?", "/nowhere?")

    ended = program.run(
        "serve", "--no-workers", SAMPLEBANK_DATABASE_URL=nowhere, SAMPLEBANK_SCHEDULING="normal"
    )

    assert (ended.status, len(ended.complaints)) == (1, 1)
    assert "The database refused to be set up" in ended.complaints[0]
    assert list(data_folder.iterdir()) == []


@contextmanager
def without_the_rights_of_root() -> Iterator[None]:
    """Let the block run as an account that closed folders are closed to."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(own)


def test_a_data_folder_that_the_account_may_not_look_into_is_told_as_such(data_folder: Path) -> None:
    data_folder.chmod(0)

    with without_the_rights_of_root(), pytest.raises(Unavailable) as refused:
        refuse_unfinished(data_folder)

    said = f"The data folder {data_folder} is closed to this account: run the command as the account of the service"
    assert said in str(refused.value)


def test_a_database_without_a_schema_is_left_as_it_is(
    local: Program, service: Service, tenants: Path
) -> None:
    empty = service.database_url.replace("/postgres?", "/template1?")

    ended = local.run("apply", tenants, SAMPLEBANK_DATABASE_URL=empty)

    assert ended.status == 1
    assert "There is no installation in the database template1 at" in ended.complaints[0]


@pytest.mark.parametrize("command", [["key", "list"], ["events", "dead"], ["apply"]])
def test_the_address_of_the_service_stays_as_serve_wrote_it(
    local: Program, service: Service, tenants: Path, command: list[str]
) -> None:
    credentials = service.folder / "data" / "credentials.toml"
    before = credentials.read_text()

    ended = local.run(*command, *([tenants] if command == ["apply"] else []))

    assert ended.status == 0
    assert f'url = "{service.url}"' in before
    assert credentials.read_text() == before


def test_who_changes_an_installation_reads_which(local: Program, service: Service, tenants: Path) -> None:
    folder = service.folder / "data"

    applied = local.run("apply", tenants)
    made = local.run("key", "create", "mia")

    assert applied.out == f"The accounts in the data folder {folder} are as {tenants} says.\n"
    assert f"of mia in the data folder {folder}, shown only now: sb_" in made.out


def test_keys_are_listed_with_what_they_are_narrowed_to(local: Program) -> None:
    label = name_of("key")
    local.run("key", "create", "mia", "--label", label, "--role", "SAMPLEDB-VIEWER", "--customer", "quarry")

    as_table = local.run("key", "list", "--user", "mia").out
    as_json = json.loads(local.run("key", "list", "--user", "mia", "--json").out)

    (row,) = (line for line in as_table.splitlines() if label in line)
    assert row.split()[2:5] == [label, "SAMPLEDB-VIEWER", "quarry"]
    (key,) = (key for key in as_json["keys"] if key["label"] == label)
    assert (key["user"], key["roles"], key["customers"]) == ("mia", ["SAMPLEDB-VIEWER"], ["quarry"])
    assert key["createdTimestamp"] > 0
    assert (key["expiryTimestamp"], key["revokedTimestamp"]) == (None, None)


def test_a_key_for_a_role_that_its_user_lacks_is_made_with_a_complaint(local: Program) -> None:
    made = local.run("key", "create", "admin", "--role", "SAMPLEDB-ANALYZER", "--json")

    assert (made.status, json.loads(made.out)["user"]) == (0, "admin")
    (complaint,) = made.complaints
    assert "admin holds no grant of SAMPLEDB-ANALYZER" in complaint
    assert "samplebank accounts add-grant" in complaint


def test_a_key_for_a_role_that_its_user_holds_is_made_without_a_word(local: Program) -> None:
    made = local.run("key", "create", "admin", "--role", "ADMINISTRATOR-ROLE", "--role", "SAMPLEDB-USER")

    assert (made.status, made.complaints) == (0, [])


@pytest.mark.parametrize("text", [f"x = {'9' * 5000}", "[[user]", "x = '\udc80'"])
def test_a_tenants_file_that_is_none_is_named(local: Program, tenants: Path, text: str) -> None:
    tenants.write_bytes(text.encode("utf-8", "surrogateescape"))

    ended = local.run("apply", tenants)

    assert (ended.status, len(ended.complaints)) == (1, 1)
    assert f"{tenants} is not TOML" in ended.complaints[0]


def test_a_tenants_file_nested_without_end_is_refused_in_one_line(local: Program, tenants: Path) -> None:
    tenants.write_text(f"domain = {'[' * 100_000}{']' * 100_000}\n")

    ended = local.run("apply", tenants)

    assert (ended.status, len(ended.complaints)) == (1, 1)
    assert f"{tenants} is nested too deeply" in ended.complaints[0]


def test_a_refused_copy_of_the_stored_bytes_makes_nothing(local: Program, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    target = tmp_path / "target"

    for source in (tmp_path / "nowhere", tmp_path / "empty"):
        ended = local.run("blobs", "copy", f"file://{source}", f"file://{target}")

        assert (ended.status, len(ended.complaints)) == (1, 1)
        assert f"{source} is not the store of this installation, or has lost its" in ended.complaints[0]
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


@pytest.mark.parametrize("target", ["/sample/copy", "/", "/.."])
def test_a_copy_of_the_stored_bytes_into_itself_is_refused(
    local: Program, service: Service, target: str
) -> None:
    own = f"file://{service.blobs}"

    ended = local.run("blobs", "copy", own, f"{own}{target}")

    assert (ended.status, len(ended.complaints)) == (1, 1)
    assert "lie one in the other" in ended.complaints[0]


def test_the_stored_bytes_are_copied_into_another_folder(
    local: Program, service: Service, bank: Bank, tmp_path: Path
) -> None:
    sample = bank.submitted()

    ended = local.run("blobs", "copy", f"file://{service.blobs}", f"file://{tmp_path}/copy")

    # other tests remove files of their own samples
    assert not any(sample.sha256 in said for said in ended.complaints)
    assert (tmp_path / "copy/sample" / sample.sha256[:2] / sample.sha256).read_bytes() == sample.data


def test_a_copy_of_the_stored_bytes_to_a_full_disk_names_the_place_and_the_reason(
    local: Program, service: Service, bank: Bank, tmp_path: Path
) -> None:
    bank.submitted()
    target = f"file://{tmp_path}/copy"

    with no_room():
        ended = local.run("blobs", "copy", f"file://{service.blobs}", target)

    assert (ended.status, len(ended.complaints)) == (1, 1)
    assert f"The copy to {target} ended: File too large." in ended.complaints[0]


def test_a_key_whose_reader_has_gone_is_not_made_and_the_database_is_not_blamed(local: Program) -> None:
    making = local.start("key", "create", "admin", "--label", "for nobody")
    assert making.stdout is not None
    assert making.stderr is not None
    making.stdout.close()

    with making.stderr as complaints:
        assert (complaints.read(), making.wait()) == ("", 1)

    assert "for nobody" not in local.run("key", "list", "--json").out


def test_a_sink_that_is_none_is_refused_with_the_list_of_the_sinks(local: Program) -> None:
    ended = local.run("events", "retry", "--sink", "nast")

    assert (ended.status, ended.out, len(ended.complaints)) == (2, "", 1)
    assert all(f"'{sink}'" in ended.complaints[0] for sink in (WEBHOOK, *BROKERS))


def test_every_sink_of_the_service_can_be_tried_again() -> None:
    assert list(Sink) == [WEBHOOK, *BROKERS]


def test_an_event_that_was_not_given_up_is_not_tried_again(local: Program) -> None:
    ended = local.run("events", "retry", "987654321")

    assert (ended.status, ended.out, len(ended.complaints)) == (1, "", 1)
    assert "There is no event 987654321" in ended.complaints[0]
