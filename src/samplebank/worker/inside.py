"""Runs inside the sandbox child: makes an analyser from an import path and lets the analyser answer."""

import importlib
import traceback
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from samplebank.sandbox.limits import check_json, made_path, plain
from samplebank.worker.checking import WrongAnswer, checked, facts_of
from samplebank.worker.contract import JSON, Analyser, Child, Evidence, Rejected, Result, SampleFile
from samplebank.worker.output import Output
from samplebank.worker.wire import message, storable

NO_REASON = "The analyser rejects the file, and gives no reason."
LONGEST_TRACE = 16 * 1024
#: bytes of a reply besides the data of evidence and children
MOST_HEAD = 1024 * 1024
#: as the service takes the name of a worker
SHORT_NAME = r"^[a-zA-Z0-9_:\-.]{1,255}$"
#: of an analysis: a week
MOST_SECONDS = 604_800


class Choice(msgspec.Struct, frozen=True):
    """An analyser ("module:Class") and its settings."""

    import_path: str
    settings: Mapping[str, str]


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Ask for the Description."""


class Analyse(msgspec.Struct, frozen=True, tag=True):
    sample: SampleFile


class Check(msgspec.Struct, frozen=True, tag=True):
    """Ask for the current Problems of the analyser."""


class Description(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The facts about an analyser that the worker needs without importing the analyser."""

    short_name: Annotated[str, Meta(pattern=SHORT_NAME)]
    version: Annotated[str, Meta(min_length=1)]
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    schema: Mapping[str, JSON] | None
    memory_bytes: Annotated[int, Meta(gt=0)]
    seconds: Annotated[float, Meta(gt=0, le=MOST_SECONDS)]
    folders: tuple[Path, ...]
    known_settings: frozenset[str] | None = None
    answer_bytes: Annotated[int, Meta(gt=0)] = Analyser.answer_bytes


class Problems(msgspec.Struct, frozen=True, tag=True):
    """Problems with the files that the analyser reads: sentences for the operator."""

    problems: tuple[str, ...] = ()


class Finished(msgspec.Struct, frozen=True, tag=True):
    """While a message is under way, `sizes` holds the size of the data of each evidence and each child, in bytes."""

    result: Result
    printed: str = ""
    problems: tuple[str, ...] = ()
    sizes: tuple[Annotated[int, Meta(ge=0)], ...] = ()


class Rejection(msgspec.Struct, frozen=True, tag=True):
    """The file or the analyser is to blame. `trace` and `printed` are for the author of the analyser."""

    reason: str
    trace: str = ""
    printed: str = ""
    problems: tuple[str, ...] = ()


class Outdated(msgspec.Struct, frozen=True, tag=True):
    """A folder of the analyser is missing or was replaced since this child started. The analyser must be made anew."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """A reply in `head`, and the joined data of its evidence and children in `contents`.

    In the worst case, decoding makes an object of each byte of the head. So the size of the head is bounded.
    The contents are never decoded.
    """

    head: bytes
    contents: bytes = b""


Question = Describe | Analyse | Check
Reply = Description | Problems | Finished | Rejection | Outdated
#: made here, as a decoder takes longer to make than a call has to decode
QUESTIONS: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question, dec_hook=made_path)
MESSAGES = msgspec.msgpack.Decoder(Message)
REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply, dec_hook=made_path)


def encoded(message: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(message, enc_hook=plain)


def encoded_reply(reply: Reply) -> bytes:
    contents: list[bytes] = []
    if isinstance(reply, Finished):
        contents = [part.data for part in _parts(reply.result)]
        reply = _with_data(reply, [b""] * len(contents), tuple(map(len, contents)))
    head = encoded(reply)
    if len(head) > MOST_HEAD:
        size = f"The Result has {len(head)} bytes besides the data of its evidence and children"
        return encoded(Message(encoded(Rejection(f"{size}, more than the {MOST_HEAD} allowed."))))
    return encoded(Message(head, b"".join(contents)))


def decoded_reply(message: bytes) -> Reply:
    """Decode a reply at little cost. Raises msgspec.MsgspecError for a message that no honest child sends."""
    parts = MESSAGES.decode(message)
    if len(parts.head) > MOST_HEAD:
        raise msgspec.ValidationError("The head is too large.")
    try:
        reply = REPLIES.decode(parts.head)
    except RecursionError:
        raise msgspec.ValidationError("The head is nested too deeply.") from None
    if not isinstance(reply, Finished):
        return reply
    check_json(reply.result)
    if len(reply.sizes) != len(_parts(reply.result)) or sum(reply.sizes) != len(parts.contents):
        raise msgspec.ValidationError("The data is not as announced.")
    ends = list(accumulate(reply.sizes))
    data = [parts.contents[end - size : end] for end, size in zip(ends, reply.sizes, strict=True)]
    return _with_data(reply, data, ())


def _parts(result: Result) -> "list[Evidence | Child]":
    """The parts of a result that have data, in the order of the data."""
    return [*result.evidence, *result.children]


def _with_data(reply: Finished, data: list[bytes], sizes: tuple[int, ...]) -> Finished:
    result, count = reply.result, len(reply.result.evidence)
    evidence = [
        msgspec.structs.replace(part, data=own)
        for part, own in zip(result.evidence, data[:count], strict=True)
    ]
    children = [
        msgspec.structs.replace(part, data=own)
        for part, own in zip(result.children, data[count:], strict=True)
    ]
    filled = msgspec.structs.replace(result, evidence=evidence, children=children)
    return msgspec.structs.replace(reply, result=filled, sizes=sizes)


class OpenedAnalyser:
    """The answerer of the sandbox. `prepare` runs outside of the processes that see samples."""

    def __init__(self, argument: str) -> None:
        self._output = Output.install()
        self._analyser = made_analyser(msgspec.json.decode(argument, type=Choice))
        self._folders = _identities(self._analyser)
        self._unprepared: tuple[str, ...] = ()
        _rehearse()

    def prepare(self) -> None:
        self._unprepared = ()
        try:
            self._analyser.prepare()
        except (Exception, SystemExit) as error:
            self._unprepared = (storable(f"prepare() stopped with {_named(error)}"),)
            raise

    def __call__(self, message: bytes) -> bytes:
        question = QUESTIONS.decode(message)
        match question:
            case Describe():
                return encoded_reply(_described(self._analyser))
            case _ if not self._analyser.renews_folders and _identities(self._analyser) != self._folders:
                return encoded_reply(Outdated())
            case Check():
                return encoded_reply(Problems((*self._unprepared, *_problems(self._analyser))))
            case Analyse(sample):
                answer = _analysed(self._analyser, sample, self._output)
                problems = (*self._unprepared, *answer.problems)
                return encoded_reply(msgspec.structs.replace(answer, problems=problems))


def _rehearse() -> None:
    """Make what encoding the first Result makes: here once, instead of in the process of each call."""
    encoded_reply(Finished(checked(Result())))


def made_analyser(choice: Choice) -> Analyser:
    module_name, _, class_name = choice.import_path.partition(":")
    made = getattr(importlib.import_module(module_name), class_name)(choice.settings)
    if not isinstance(made, Analyser):
        raise TypeError(f"{choice.import_path} is not an Analyser.")
    return made


def _described(analyser: Analyser) -> Description | Rejection:
    try:
        return facts_of(analyser, Description)
    except WrongAnswer as wrong:
        return Rejection(message(str(wrong)))


def _analysed(analyser: Analyser, sample: SampleFile, output: Output) -> Finished | Rejection:
    output.taken()
    trace = ""
    try:
        result = checked(analyser.analyse(sample))
        return Finished(result, output.taken(), _problems(analyser))
    except (Rejected, WrongAnswer) as refusal:
        reason = str(refusal) or NO_REASON
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- an error of foreign code fails the analysis of one file only
        reason = f"The analysis stopped with {_named(error)}"
        trace = "".join(traceback.format_exception(error))[-LONGEST_TRACE:]
    return Rejection(message(reason), storable(trace), output.taken(), _problems(analyser))


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _problems(analyser: Analyser) -> tuple[str, ...]:
    """The problems that the analyser names. An error in naming problems is a problem as well, and costs no analysis."""
    try:
        told: Any = analyser.problems()
        problems = [told] if isinstance(told, str) else list(told or ())
        return tuple(storable(str(problem)) for problem in problems)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- foreign code
        return (storable(f"problems() stopped with {_named(error)}"),)


def _identities(analyser: Analyser) -> list[tuple[int, int] | None]:
    """Device and inode of each folder of the analyser now.

    A difference to the start means a replaced folder: the analyser may still hold what the old folder contained.
    """
    told: Any = analyser.folders()
    return [_identity(folder) for folder in told] if isinstance(told, Iterable) else []


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = Path(folder).stat()
    except (OSError, TypeError, ValueError):  # what is no folder is told with the other facts
        return None
    return found.st_dev, found.st_ino
