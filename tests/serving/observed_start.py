"""A program that prepares an installation as `samplebank serve` does, and prints the files that a loss of power would take.

Every written file has to be synced afterwards, and every folder after a new name. Files of other programs
(PostgreSQL) do not count here, nor do locks, sockets and files that each start makes anew.
"""

import os
import sys
from pathlib import Path
from typing import Any

from samplebank.assembly import make_data_folder
from samplebank.serving.start import prepared_database
from samplebank.settings import Settings
from samplebank.stores import NO_TOKENS, blob_store

WRITING = os.O_WRONLY | os.O_RDWR
VOLATILE = {"run", "users.lock", "start.lock"}


class Observer:
    """Listens to the operations of Python on files in a folder. `pending` are the unsynced paths."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.pending: dict[Path, str] = {}
        self._sync = os.fsync
        os.fsync = self._fsync
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and arguments[2] & WRITING:
            path = self._own(arguments[0])
            if path is not None and not arguments[2] & os.O_SYNC:
                self.pending[path] = "was written"
            if path is not None and not path.exists():
                self._note_name(path)
        elif event == "os.mkdir":
            path = self._own(arguments[0])
            if path is not None and not path.exists():
                self._note_name(path)
        elif event == "os.rename":
            source, target = self._own(arguments[0]), self._own(arguments[1])
            if source is not None and target is not None:
                self._move(source, target)

    def _own(self, path: object) -> Path | None:
        """The path, if the path has to survive."""
        if not isinstance(path, str | os.PathLike):
            return None
        absolute = Path(path).absolute()
        if not absolute.is_relative_to(self._root) or VOLATILE & set(absolute.relative_to(self._root).parts):
            return None
        return absolute

    def _note_name(self, path: Path) -> None:
        self.pending[path.parent] = f"got {path.name}"

    def _move(self, source: Path, target: Path) -> None:
        """A file unsynced under the old name is unsynced under the new name, too."""
        for path in [path for path in self.pending if path.is_relative_to(source)]:
            self.pending[target / path.relative_to(source)] = self.pending.pop(path)
        self._note_name(target)

    def _fsync(self, fd: Any) -> None:
        self._sync(fd)
        self.pending.pop(Path(f"/proc/self/fd/{fd}").readlink(), None)


def main(root: Path) -> None:
    observer = Observer(root)
    settings = Settings(data_dir=root / "data", processes=1)
    make_data_folder(settings)
    blob_store(settings, NO_TOKENS)
    with prepared_database(settings):
        pass
    for path, why in observer.pending.items():
        sys.stdout.write(f"{path} {why}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
