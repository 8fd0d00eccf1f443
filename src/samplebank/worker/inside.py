"""Runs inside the sandbox child: makes an analyser from its import path and lets it answer."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from samplebank.worker.contract import JSON, Analyser, Rejected, Result, SampleFile


class Choice(msgspec.Struct, frozen=True):
    """Which analyser ("module:Class"), with which settings."""

    import_path: str
    settings: Mapping[str, str]


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Ask for the Description."""


class Analyse(msgspec.Struct, frozen=True, tag=True):
    sample: SampleFile


class Description(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What the worker must know of an analyser without importing it."""

    short_name: str
    version: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    schema: Mapping[str, JSON] | None
    memory_bytes: int
    seconds: float
    folders: tuple[Path, ...]


class Finished(msgspec.Struct, frozen=True, tag=True):
    result: Result


class Rejection(msgspec.Struct, frozen=True, tag=True):
    reason: str


Question = Describe | Analyse
Reply = Description | Finished | Rejection


def encoded(message: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(message, enc_hook=str)


def decoded_reply(message: bytes) -> Reply:
    reply: Reply = msgspec.msgpack.decode(message, type=Reply, dec_hook=_path)
    return reply


def open_analyser(argument: str) -> Callable[[bytes], bytes]:
    choice = msgspec.json.decode(argument, type=Choice)
    analyser = made_analyser(choice)

    def answer(message: bytes) -> bytes:
        question: Question = msgspec.msgpack.decode(message, type=Question, dec_hook=_path)
        match question:
            case Describe():
                return encoded(_description(analyser))
            case Analyse(sample):
                return encoded(_analysed(analyser, sample))

    return answer


def made_analyser(choice: Choice) -> Analyser:
    module_name, _, class_name = choice.import_path.partition(":")
    made = getattr(importlib.import_module(module_name), class_name)(choice.settings)
    if not isinstance(made, Analyser):
        raise TypeError(f"{choice.import_path} is not an Analyser.")
    return made


def _description(analyser: Analyser) -> Description:
    return Description(
        short_name=analyser.short_name,
        version=analyser.version,
        names=analyser.names,
        descriptions=analyser.descriptions,
        schema=analyser.schema,
        memory_bytes=analyser.memory_bytes,
        seconds=analyser.seconds,
        folders=analyser.folders(),
    )


def _analysed(analyser: Analyser, sample: SampleFile) -> Reply:
    try:
        return Finished(analyser.analyse(sample))
    except Rejected as rejected:
        return Rejection(rejected.reason)


def _path(kind: type, value: str) -> Path:
    if kind is not Path:
        raise TypeError(f"{kind} cannot be read from a message.")
    return Path(value)
