"""Whether a backup can be restored: of a release that this release reads, undamaged, and with all files."""

from collections.abc import Callable
from pathlib import Path

from samplebank.backups import manifest
from samplebank.backups.listing import read_list
from samplebank.backups.making import Progress
from samplebank.backups.manifest import BLOBS, DUMP, NEWER, Manifest
from samplebank.backups.place import BackupFolder
from samplebank.database.migrations import HEAD
from samplebank.errors import Damaged, Invalid

LACKING = (
    "{} cannot be restored: {} of its {} stored files are missing or have another size, such as {}. Restore another backup "
    "with --at."
)


def check_backup(backups: BackupFolder, path: Path, tell: Callable[[Progress], None]) -> Manifest:
    """Check all that can be checked without a look into each stored file. Raises `Invalid` and `Damaged`."""
    said = manifest.read(path)
    if said.revision > HEAD:
        raise Invalid(NEWER.format(path, said.release))
    manifest.check(path, DUMP, said.dump)
    manifest.check(path, BLOBS, said.list)
    store, progress, lacking, example = backups.store(), Progress(files=said.files), 0, ""
    for batch in read_list(path / BLOBS):
        for one in batch:
            if not one.is_in(store):
                lacking, example = lacking + 1, example or one.name
        progress.done += len(batch)
        tell(progress)
    if lacking:
        raise Damaged(LACKING.format(path, lacking, said.files, example))
    return said
