"""The files of the service are closed to all other accounts, and the service opens no folder of others."""

import contextlib
import errno
import os
from pathlib import Path

import pytest

from kit.bank import Bank
from kit.service import Service
from samplebank.assembly import make_data_folder
from samplebank.blobs import DiskStore
from samplebank.database import Database
from samplebank.errors import Invalid
from samplebank.files import NOT_FOR_OTHERS, make_own_folder, refuse_shared
from samplebank.settings import Settings
from samplebank.stores import NO_TOKENS, store_at

#: where root runs the service, the account of PostgreSQL may pass this folder, and do nothing else
FOR_THE_DATABASE = {Path("postgres"): 0o710}


def modes_in(folder: Path) -> dict[Path, int]:
    """The modes of a folder and of everything in it. PostgreSQL removes files of its own meanwhile."""
    modes = {}
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            modes[path.relative_to(folder)] = path.lstat().st_mode & 0o777
    return modes


def test_nothing_that_the_service_keeps_is_open_to_other_accounts(bank: Bank, service: Service) -> None:
    bank.submitted()

    modes = modes_in(service.folder / "data")
    open_ones = {path: mode for path, mode in modes.items() if mode & NOT_FOR_OTHERS}
    assert modes
    assert open_ones.items() <= FOR_THE_DATABASE.items()


def test_a_private_folder_above_the_data_stays_private(service: Service) -> None:
    assert service.folder.stat().st_mode & NOT_FOR_OTHERS == 0


async def test_the_database_is_reached_by_its_socket_only(service: Service, database: Database) -> None:
    rules = (service.folder / "data" / "postgres" / "data" / "pg_hba.conf").read_text("utf-8")
    async with database.connection() as db:
        listens = await db.fetchval("SHOW listen_addresses")

    said = [line.split() for line in rules.splitlines() if line.strip() and not line.startswith("#")]
    assert listens == ""
    assert {(words[0], words[-1]) for words in said} == {("local", "trust"), ("host", "reject")}


def test_a_folder_for_all_accounts_is_refused_and_not_closed(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)

    for make in (
        lambda: make_data_folder(Settings(data_dir=shared)),
        lambda: store_at(Settings(data_dir=tmp_path), f"file://{shared}", NO_TOKENS),
    ):
        with pytest.raises(Invalid, match="is a folder for all accounts"):
            make()

    assert (shared.stat().st_mode & 0o7777, list(shared.iterdir())) == (0o1777, [])


@pytest.mark.parametrize("root", ["/", "//", "/usr/.."])
def test_the_root_of_all_files_is_a_folder_for_all_accounts(root: str) -> None:
    with pytest.raises(Invalid, match="is a folder for all accounts"):
        refuse_shared(Path(root))


def test_folders_that_an_earlier_release_left_open_are_closed(tmp_path: Path) -> None:
    data, blobs = tmp_path / "data", tmp_path / "blobs"
    for folder in (data, blobs):
        folder.mkdir()
        folder.chmod(0o755)

    make_data_folder(Settings(data_dir=data))
    DiskStore(blobs).prepare()

    assert [folder.stat().st_mode & 0o777 for folder in (data, blobs)] == [0o700, 0o700]


def test_a_link_that_waits_for_us_among_the_folders_of_others_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o750)
    trap = tmp_path / "trap"
    trap.symlink_to(victim)

    with pytest.raises(Invalid, match="is a link"):
        make_own_folder(trap, owner=os.geteuid(), group=os.getegid(), mode=0o700, among_others=True)

    assert victim.stat().st_mode & 0o777 == 0o750


def test_a_folder_that_somebody_else_made_in_our_place_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir(mode=0o755)
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)

    with pytest.raises(Invalid, match="belongs to somebody else"):
        make_own_folder(trap, owner=stranger, group=os.getegid(), mode=0o700, among_others=True)

    assert trap.stat().st_mode & 0o777 == 0o755


def test_a_folder_of_another_account_is_refused_with_its_name_and_the_remedy() -> None:
    own, theirs = os.geteuid(), Path("/usr")
    if own == 0:
        os.seteuid(65534)  # root may set owners
    try:
        with pytest.raises(Invalid, match=r"/usr belongs to another account: .*chown -R"):
            make_own_folder(theirs, owner=os.geteuid(), group=os.getegid(), mode=0o700)
    finally:
        os.seteuid(own)


def test_a_folder_on_a_disk_that_takes_no_changes_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "fchown", refuse)

    with pytest.raises(OSError, match="Read-only file system") as refused:
        make_own_folder(tmp_path, owner=os.geteuid(), group=os.getegid(), mode=0o700)

    assert refused.value.filename == str(tmp_path)
