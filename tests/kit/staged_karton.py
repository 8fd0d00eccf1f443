"""A service of Karton that does what the sample tells: run by the Python of Karton, not by that of the tests.

A sample says `#staged WORD ARGUMENT`. Other samples are left alone.
"""

import sys
import time
from pathlib import Path
from typing import Any, ClassVar

from karton.core import Karton, RemoteResource, Resource, Task

FAMILY = "ember"


class Staged(Karton):  # type: ignore[misc]  # Karton is installed elsewhere
    """Does what the sample tells."""

    identity = "karton.staged"
    version = "7.1"
    filters: ClassVar[list[dict[str, str]]] = [
        {"type": "sample", "stage": "recognized"},
        {"type": "sample", "stage": "unrecognized"},
    ]

    def process(self, task: Any) -> None:
        sample = task.get_resource("sample")
        words = sample.content.decode("latin-1").split()
        if words[:1] == ["#staged"]:
            getattr(self, words[1])(sample, words[2])

    def family(self, sample: Any, _: str) -> None:
        told = {"type": FAMILY, "c2": ["203.0.113.7"]}
        self.send_task(Task({"type": "config", "family": FAMILY}, {"config": told, "parent": sample}))
        self.tell(
            sample, tags=["ripped:ember"], attributes={"campaign": ["north"]}, comments=["Seen in a mail."]
        )

    def crash(self, _sample: Any, _: str) -> None:
        raise ValueError("the header has no end")

    def bucket(self, sample: Any, _: str) -> None:
        self.tell(RemoteResource("stolen.bin", bucket="secrets", sha256="a" * 64), parent=sample)

    def places(self, sample: Any, _: str) -> None:
        """Bring children whose bytes lie where no bucket has bytes."""
        told = {"sha256": "a" * 64}
        self.tell(RemoteResource("steps.bin", uid="a//..", **told), parent=sample)
        self.tell(RemoteResource("many.bin", bucket=["secrets"], **told), parent=sample)

    def stranger(self, _sample: Any, _: str) -> None:
        self.tell(Resource("stranger.bin", b"bytes that come from nowhere"), tags=["stranger"])

    def parent(self, sample: Any, sha256: str) -> None:
        self.tell(Resource("child.bin", sample.content + b" inside"), parent=sha256)

    def other_bytes(self, sample: Any, _: str) -> None:
        self.tell(Resource("child.bin", sample.content + b" inside", sha256="b" * 64), parent=sample)

    def odd(self, sample: Any, _: str) -> None:
        """Tell a name that is no UTF-8, as Python reads such a name from a folder."""
        name = b"caf\xe9".decode("utf-8", "surrogateescape")
        self.tell(Resource(name, sample.content + b" inside"), parent=sample, tags=[name])
        self.tell(sample, tags=[name], attributes={name: [name]}, comments=[name])

    def named(self, sample: Any, _: str) -> None:
        """Tell the same under names that services may have, too."""
        for name in ("karton." + 100 * "x", "karton.two\nlines", "karton.prüfer"):
            self.called(sample, name)

    def called(self, sample: Any, name: str) -> None:
        """Tell something under the name."""
        own, self.identity = self.identity, name
        self.tell(sample, tags=["named"])
        self.identity = own

    def hang(self, sample: Any, name: str) -> None:
        """Bring a child. The first time, stay at work until the service is killed."""
        self.tell(Resource("child.bin", sample.content + b" inside"), parent=sample, tags=["inside"])
        begun = Path(name)
        if not begun.exists():
            begun.touch()
            time.sleep(600)
        self.tell(sample, tags=["done"])

    def tell(self, sample: Any, **payload: Any) -> None:
        self.send_task(Task({"type": "sample", "stage": "analyzed"}, {"sample": sample, **payload}))


if __name__ == "__main__":
    sys.argv[1:] = []
    Staged.main()
