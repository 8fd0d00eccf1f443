"""What goes with old backups: the stored bytes that only these backups name, and nothing else."""

from pathlib import Path

from samplebank.backups.manifest import BLOBS
from samplebank.backups.place import for_backup
from samplebank.backups.pruning import prune

OLD, NEW = "ab" * 32, "ab" + "cd" * 31
FOREIGN = ("README", ".nfs0001", "ef" * 32)


def test_foreign_files_among_the_stored_bytes_of_backups_stay(tmp_path: Path) -> None:
    with for_backup(tmp_path / "backups") as backups:
        backups.store().prepare()
        part = backups.blobs / "sample" / "ab"
        for day, name in enumerate((OLD, NEW), 1):
            path = backups.folder / f"2026-01-0{day}T120000Z"
            path.mkdir()
            (path / BLOBS).write_text(f"sample/{name} 5\n")
        for name in (OLD, NEW, *FOREIGN):
            (part / name).write_bytes(b"bytes")

        prune(backups, 1)

    assert {path.name for path in part.iterdir()} == {NEW, *FOREIGN}
