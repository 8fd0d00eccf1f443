"""What questions ask about: the names of things in both worlds, by the parameters of paths."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

#: parameters of the paths of pages, and the same in the document of the interface
OF_PAGES = {
    "a": "sha256",
    "b": "sha256",
    "job_id": "jobID",
    "task_id": "taskID",
    "submission_id": "submissionID",
    "analysis_id": "analysisID",
    "evidence_id": "evidenceID",
    "link_id": "linkID",
    "note_id": "noteID",
    "hunt_id": "huntID",
    "worker": "idOrShortName",
    "file_name": "fileName",
    "batch_id": "batchID",
    "query_id": "queryID",
    "session_id": "sessionID",
    "short_name": "shortName",
    "key_id": "keyID",
}
NOTHING = {"sha256": "0" * 64, "number": "7", "idOrShortName": "nobody", "fileName": "nothing.txt"}
NO_ID = "00000000-0000-0000-0000-000000000000"


class Names:
    """Names by parameter. A name comes with the names that belong to the same thing, such as a job with the sample."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []
        #: the bytes of samples that askers see, by SHA-256, and the samples among them that others have, too
        self.stored: dict[str, bytes] = {}
        self.shared: set[str] = set()
        #: metadata by which the policy chooses the worker
        self.plan: dict[str, str] = {}
        #: texts that occur in the worlds, for searches
        self.words: list[str] = []
        #: moments between the steps by which the worlds were made
        self.times: list[int] = []

    def add(self, **row: Any) -> None:
        self.rows.append({name: str(value) for name, value in row.items()})

    def all(self, name: str) -> list[str]:
        """Every name for a parameter, and the name of nothing."""
        found = dict.fromkeys(row[name] for row in self.rows if name in row)
        return [*found, NOTHING.get(name, NO_ID)]

    def paths(self, names: Sequence[str]) -> list[dict[str, str]]:
        """The values of the parameters of a path: of each thing that has all of them."""
        wanted = [OF_PAGES.get(name, name) for name in names]
        found = [
            {name: row[of_row] for name, of_row in zip(names, wanted, strict=True)}
            for row in self.rows
            if all(of_row in row for of_row in wanted)
        ]
        if len(names) == 1:
            found += [{names[0]: value} for value in self.all(wanted[0])]
        nothing = {name: NOTHING.get(of_row, NO_ID) for name, of_row in zip(names, wanted, strict=True)}
        return [*found, nothing]

    def pools(self) -> dict[str, list[str]]:
        """All names by parameter."""
        pools: dict[str, dict[str, None]] = defaultdict(dict)
        for row in self.rows:
            for name, value in row.items():
                pools[name][value] = None
        return {name: list(values) for name, values in pools.items()}
