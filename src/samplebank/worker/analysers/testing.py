"""For authors of analysers: runs an analyser on a file as the worker would, and checks the answer against the contract."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from samplebank.errors import path_of
from samplebank.samples.fact_kinds import Fact, violations_of
from samplebank.worker import wire
from samplebank.worker.assignment import Receipt
from samplebank.worker.children import entry_of
from samplebank.worker.contract import Result, SampleFile
from samplebank.worker.sandboxed import SandboxedAnalyser

#: bytes that a service takes of a result as JSON, unless its settings say otherwise
MOST_OF_RESULT = 1024 * 1024


def sample_file(path: Path, options: Mapping[str, str] | None = None) -> SampleFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return SampleFile(
        path=path.resolve(),
        sha256=digest.hexdigest(),
        size=path.stat().st_size,
        options=dict(options or {}),
        submission={"fileName": os.fsencode(path.name).decode("utf-8", "replace")},
    )


async def analysed(
    import_path: str,
    path: Path,
    *,
    settings: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    import_from: tuple[Path, ...] = (),
) -> Result:
    """Run the analyser ("module:Class") on the file inside the sandbox.

    Raises the errors that the worker would get, and AssertionError for an answer that the service would refuse.
    """
    sample = sample_file(path, options)
    opened = await SandboxedAnalyser.open(import_path, settings=settings, import_from=import_from)
    async with opened as analyser:
        result = await analyser.analyse(sample)
        for violation in violations(result, analyser.description.schema):
            raise AssertionError(f"The service would refuse the result at {violation}")
    return result


def violations(
    result: Result, schema: Mapping[str, object] | None, *, most: int = MOST_OF_RESULT
) -> list[str]:
    """The reasons why the service would refuse a result, each with the path of the wrong field: its size, schema and facts.

    `most` is how many bytes the service takes of a result as JSON.
    """
    request = wire.analysis_request(
        _with_children(result), customer="test", tlp="amber", agent={"name": "test", "version": "1"}
    )
    value = msgspec.json.decode(msgspec.json.encode(request["analysisResult"]))
    excess = wire.excess(value, most)
    broken = [f"analysisResult: {excess}"] if excess else _breaches(value, schema)
    facts = msgspec.convert(request.get("facts", []), list[Fact])
    return broken + [f"{wrong.field}: {wrong.message}" for wrong in violations_of(facts, "facts")]


def _with_children(result: Result) -> Result:
    """The result as sent where the service stores all children."""
    if not result.children:
        return result
    told = [entry_of(child, Receipt("stored")) for child in result.children]
    return msgspec.structs.replace(result, result={**result.result, "children": told})


def _breaches(value: Any, schema: Mapping[str, object] | None) -> list[str]:
    try:
        validator = jsonschema_rs.validator_for(dict(schema or {}), retriever=_refused)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        return [f"schema: The schema is not a JSON Schema: {str(error).splitlines()[0]}."]
    return [
        f"{path_of(['analysisResult', *error.instance_path])}: {error.message}."
        for error in validator.iter_errors(value)
    ]


def _refused(uri: str) -> Any:
    raise ValueError(f"it refers to {uri}, and schemas are not fetched from elsewhere")
