"""Analysers with a known answer, for tests of the code that runs analysers."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from samplebank.worker.contract import (
    Analyser,
    Child,
    Detection,
    Evidence,
    Fact,
    Rejected,
    Result,
    SampleFile,
    Tag,
)

MIB = 1024 * 1024


class Measuring(Analyser):
    """Report the size of the sample, and all that the task says of the sample."""

    short_name = "measuring"
    version = "1.2"
    names: ClassVar[Mapping[str, str]] = {"english": "Measuring"}
    descriptions: ClassVar[Mapping[str, str]] = {"english": "Measures."}
    schema: ClassVar[Mapping[str, object]] = {"type": "object", "required": ["size"]}
    seconds = 5.0

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Take a name of one's own, as tests share the service."""
        super().__init__(settings)
        type(self).short_name += settings.get("suffix", "")

    def analyse(self, sample: SampleFile) -> Result:
        size = len(sample.path.read_bytes())
        told = {"options": sample.options, "settings": dict(self.settings), "sha256": sample.sha256}
        return Result(
            score=40,
            result={"size": size, **told},
            tags=[Tag("family", "Staged <1>")],
            detections=[Detection("Measured", "informational")],
            possible_detections=1,
            evidence=[
                Evidence(
                    file_name="a size.txt", data=str(size).encode(), mime_type="text/plain", internal=True
                )
            ],
        )


class Misdescribed(Measuring):
    """Say of oneself what the setting `says` names."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        for name, value in MISTAKES[settings["says"]].items():
            setattr(type(self), name, value)


MISTAKES: dict[str, dict[str, Any]] = {
    "number as version": {"version": 1},
    "float as memory": {"memory_bytes": 5e8},
    "no time": {"seconds": 0},
    "endless": {"seconds": float("inf")},
    "text as names": {"names": "Measuring"},
    "other language": {"names": {"norwegian": "Måling"}},
    "text as settings": {"known_settings": "depth"},
    "text as schema": {"schema": '{"type": "object"}'},
    "blank in name": {"short_name": "my worker"},
    "text as folders": {"folders": lambda _: "/etc"},
    "no folders": {"folders": lambda _: None},
    "number as folder": {"folders": lambda _: (1,)},
}


class Nameless(Analyser):
    """Lack what a class has to say of itself."""

    version = "1"

    def analyse(self, sample: SampleFile) -> Result:
        return Result(result={"size": sample.size})


class Bringing(Measuring):
    """Bring a child, with the schema that the setting `schema` names."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        type(self).schema = SCHEMAS[settings["schema"]]

    def analyse(self, sample: SampleFile) -> Result:
        return Result(result={"size": sample.size}, children=[Child(name="a.exe", data=b"MZ", how="zip")])


SIZE = {"size": {"type": "integer"}}
SCHEMAS: dict[str, dict[str, object]] = {
    "without children": {"properties": SIZE, "additionalProperties": False},
    "needs children": {"required": ["children"]},
    "no schema": {"type": "objekt"},
    "elsewhere": {"$ref": "http://schemas.invalid/one.json"},
}


class Unprepared(Measuring):
    """Fail to prepare what all analyses share."""

    short_name = "unprepared"

    def prepare(self) -> None:
        raise {"error": OSError, "exit": SystemExit}[self.settings["by"]]("no list of words")


class Worried(Measuring):
    """Name problems in the way that the setting `by` names, unseen by a type checker."""

    short_name = "worried"

    def problems(self) -> Any:
        match self.settings["by"]:
            case "text":
                return "The list is old."
            case "error":
                raise OSError("no list of words")


class Silent(Measuring):
    """Reject a file, and say nothing."""

    short_name = "silent"

    def analyse(self, sample: SampleFile) -> Result:
        raise Rejected("" if sample.size else "It is empty.")


class Remembering(Measuring):
    """Remember what a folder held when the analyser was made."""

    short_name = "remembering"

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._folder = Path(settings["folder"])
        self._held = sorted(path.name for path in self._folder.iterdir())

    def folders(self) -> tuple[Path, ...]:
        return (self._folder,)

    def analyse(self, sample: SampleFile) -> Result:
        return Result(result={"size": sample.size, "held": self._held})


class Refusing(Measuring):
    short_name = "refusing"

    def analyse(self, sample: SampleFile) -> Result:
        raise Rejected(f"There is nothing to find in {sample.size} bytes.")


class Prying(Measuring):
    """Read the files beside the sample."""

    short_name = "prying"

    def analyse(self, sample: SampleFile) -> Result:
        return Result(result={"size": len((sample.path.parent / "other").read_bytes())})


class Talkative(Measuring):
    short_name = "talkative"

    def analyse(self, sample: SampleFile) -> Result:
        data = [Evidence(file_name="large", data=bytes(4 * MIB))]
        return Result(result={"size": sample.size, "text": "x" * int(self.settings["length"])}, evidence=data)


class Hanging(Measuring):
    short_name = "hanging"
    seconds = 600.0

    def analyse(self, sample: SampleFile) -> Result:
        sys.stdout.write(f"looking at {sample.size}\n")
        time.sleep(600)
        return super().analyse(sample)


class Slow(Hanging):
    short_name = "slow"
    seconds = 1.0


class Broken(Measuring):
    short_name = "broken"

    def analyse(self, sample: SampleFile) -> Result:
        sys.stdout.write(f"looking at {sample.size}\n")
        sys.exit(f"Stopped at {sample.size}.")


class Dumping(Measuring):
    """Write past the streams of Python, to the file behind the standard error."""

    short_name = "dumping"

    def analyse(self, sample: SampleFile) -> Result:
        os.write(sys.stderr.fileno(), f"looking at {sample.size}\n".encode())
        os._exit(3)


class Asking(Measuring):
    """Ask somebody who is not there."""

    short_name = "asking"

    def analyse(self, sample: SampleFile) -> Result:
        return Result(result={"size": sample.size, "answer": input("What is this? ")})


class Killed(Measuring):
    """Be killed, as the kernel kills for want of memory."""

    short_name = "killed"

    def analyse(self, sample: SampleFile) -> Result:
        signal.raise_signal(signal.SIGKILL)
        return super().analyse(sample)


class Schemaless(Measuring):
    """Answer a result that the schema of the analyser forbids."""

    short_name = "schemaless"
    schema: ClassVar[Mapping[str, object]] = {
        "properties": {"sizes": {"items": {"type": "integer"}}},
    }

    def analyse(self, sample: SampleFile) -> Result:
        return Result(result={"sizes": [sample.size, "two"]})


class Lamenting(Measuring):
    short_name = "lamenting"

    def analyse(self, sample: SampleFile) -> Result:
        sys.stdout.write(f"looking at {sample.size}\n")
        raise ValueError(f"\0\ud800 in {sample.size} bytes")


class Quoting(Measuring):
    """Print more than a stream takes, and characters that neither JSON nor a database takes."""

    short_name = "quoting"

    def analyse(self, sample: SampleFile) -> Result:
        for _ in range(3000):
            sys.stdout.write("\ud800" + "x" * 1000 + "\n")
        return Result(
            result={"text": "\ud800\0", "serial": 2**70, "ratio": float("nan"), "size": sample.size},
            tags=[Tag("family", "\ud800")],
        )


class Huge(Measuring):
    """Answer a result that is small on the way from the sandbox, and too large for the service as JSON."""

    short_name = "huge"

    def analyse(self, sample: SampleFile) -> Result:
        return Result(result={"size": sample.size, "text": "\n" * 700_000})


class Careless(Measuring):
    """Answer what the setting `answer` says, unseen by a type checker."""

    short_name = "careless"

    def analyse(self, sample: SampleFile) -> Result:
        answers: dict[str, Any] = {
            "dict": {"size": sample.size},
            "nothing": None,
            "score": Result(score=500),
            "truth": Result(score=True),
            "tag": Result(tags=[Tag("colour", "red")]),  # type: ignore[arg-type]  # that is the mistake
            "fact": Result(result={"size": 1}, facts=[Fact("imphash", "none")]),
            "list": Result(result=[1]),  # type: ignore[arg-type]
            "text": Result(evidence=[Evidence(file_name="a", data="text")]),  # type: ignore[arg-type]
        }
        answer: Result = answers[self.settings["answer"]]
        return answer


class NoAnalyser:
    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings
