"""What a child prints: into a file without a name, which tells what a call died of."""

import fcntl
import os
import tempfile

LAST_WORDS_BYTES = 2000


class Diagnostics:
    """The standard output and the standard errors of a child. The file lives as long as the child."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 close() closes the file

    def fileno(self) -> int:
        return self._file.fileno()

    def forget(self) -> None:
        """Empty the file. The child shares the file position with us, and so writes on from the start.

        The flags are shared as well: a call could set O_DIRECT, so that later calls write nothing.
        """
        fcntl.fcntl(self.fileno(), fcntl.F_SETFL, 0)
        os.lseek(self.fileno(), 0, os.SEEK_SET)
        os.ftruncate(self.fileno(), 0)

    def last_words(self, most: int = LAST_WORDS_BYTES) -> str:
        """The end of what was printed, at most so many bytes; nothing once the child has ended."""
        if self._file.closed:
            return ""
        size = os.fstat(self.fileno()).st_size
        return os.pread(self.fileno(), most, max(0, size - most)).decode(errors="replace")

    def close(self) -> None:
        self._file.close()
