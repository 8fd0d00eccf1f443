"""The OpenAPI document, made from the declarations of the routes."""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import msgspec
from litestar.routes import HTTPRoute

from samplebank.api.envelope import JSON
from samplebank.api.published.schemas import (
    REFUSAL,
    Schema,
    components_of,
    envelope_name,
    parameters_of,
    reference,
)
from samplebank.http.operation import NOT_MODIFIED, Operation
from samplebank.http.repeats import NAME

SCHEME = "ApiKeyScheme"
ABOUT = (
    "A database of malware samples with analysis jobs. Every JSON answer is a result set with `data` in it, and every "
    "refusal says in `messages` what is wrong. Lists answer 25 items at a time; `limit` 0 asks for all of them."
)
UUID: Schema = {"type": "string", "format": "uuid"}
TEXT: Schema = {"type": "string"}
#: the parameters of paths: the name in the contract, the schema and the description of each
IN_PATH: dict[str, tuple[str, Schema, str]] = {
    "sha256": ("sha256", TEXT, "The SHA-256 of the sample, in hex."),
    "job_id": ("jobID", UUID, "The id of the job."),
    "task_id": ("taskID", UUID, "The id of the task."),
    "submission_id": ("submissionID", UUID, "The id of the submission."),
    "analysis_id": ("analysisID", UUID, "The id of the analysis."),
    "evidence_id": ("evidenceID", UUID, "The id of the evidence."),
    "link_id": ("linkID", UUID, "The id of the link."),
    "note_id": ("noteID", UUID, "The id of the note."),
    "hunt_id": ("huntID", UUID, "The id of the hunt."),
    "number": ("number", {"type": "integer"}, "The number of the batch."),
    "id": ("id", UUID, "The id of the rule."),
    "worker": ("idOrShortName", TEXT, "The id or the short name of the worker."),
    "key_id": ("keyID", UUID, "The id of the key."),
    "short_name": ("shortName", TEXT, "The short name of the user, group or customer."),
    "user": ("user", TEXT, "The short name of the user."),
    "role": ("role", TEXT, "The role."),
    "customer": ("customer", TEXT, "The short name of the customer, `*` for every customer."),
    "file_name": ("fileName", {**TEXT, "pattern": r"[a-zA-Z0-9_:\-\.]*"}, "The name of the file."),
}
PROCESS = {"Samplebank-Process": "A name of the process that works, such as its host and process id."}
LANE = {
    "Samplebank-Lane": "`waiting`: somebody waits for the verdict; `bulk`: lets pass what comes in; else `ordinary`."
}
#: headers that an operation reads besides the key
IN_HEADER: dict[str, dict[str, str]] = {
    "addSubmission": LANE,
    "submitFile": LANE,
    "addChild": {"Samplebank-Lease": "The lease token of the task; needed."},
    "updateJobTask": {
        "Samplebank-Lease": "The lease token of a claim: the update is refused once it is lost."
    },
    "claimTasks": {
        **PROCESS,
        "User-Agent": "The name and the version of the worker, such as `urls/1.0`.",
        "Samplebank-Remark": "What operators should know about the process, such as the state of its rules.",
    },
    "extendLease": PROCESS,
    "readFeed": {
        "Accept": "`text/event-stream` for a stream of events in place of a page.",
        "Last-Event-ID": "In a stream, the id of the last event that was read; wins over `after`.",
    },
    "downloadHuntBatch": {"Samplebank-Lease": "The lease token of the batch."},
    "uploadEvidence": {"Content-Type": "The media type of the evidence."},
    "downloadRawSample": {
        "Range": "A single range of the bytes, such as `bytes=0-1023`; answered by 206.",
        "If-None-Match": "The ETag of the bytes that the caller has; answered by 304 without the bytes.",
        "If-Range": "The ETag that the range is meant for.",
    },
}
#: the header of keyed operations
KEY = {
    NAME: "A text of up to 200 characters of the caller's own, for this one request. The same request with the same key "
    "within 24 hours gets the first answer again, and nothing is done again. Another request with the key is refused."
}
REFUSALS = {
    400: "The body is not JSON.",
    401: "The API key is missing, unknown, expired or revoked.",
    403: "The caller lacks the permission.",
    404: "It is not there, or the caller may not see it.",
    410: "Events behind the cursor are not kept any more; `messages` say what to do.",
    412: "The request is invalid; `messages` name every field that is.",
    413: "The body is too large.",
    415: "The body is a form, or encoded; it is taken as it is only.",
    416: "The range lies outside of the bytes.",
    422: "The bytes that the challenge would be about are not there.",
    429: "The caller has too many such requests under way; try again later.",
    503: "The service lacks a part that it needs at the moment; try again.",
}
ALWAYS = {401, 403, 404, 412, 503}
#: refusals of single operations, besides ALWAYS
BESIDES = {"getUploadChallenge": {422}, "downloadRawSample": {416}, "readFeed": {410, 429}}
ANSWERS = {
    200: "Done.",
    201: "Created.",
    206: "Some of the bytes.",
    NOT_MODIFIED: "The caller has the bytes already.",
    220: "The same was submitted a moment ago; it is not stored again.",
}


#: methods, in the order of the document
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS")


class DeclaredRoute(msgspec.Struct, frozen=True):
    """A route that declares an operation."""

    path: str
    method: str
    operation: Operation
    handler: Any

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def published_path(self) -> str:
        return re.sub(r"{(\w+)}", lambda found: "{" + IN_PATH[found[1]][0] + "}", self.path)

    @property
    def tag(self) -> str:
        return str(self.handler.__module__.rpartition(".")[2].replace("_", " "))


def operations_of(routes: Iterable[Any]) -> list[DeclaredRoute]:
    """List the operations of an application, in the order of the application's routes."""
    return [
        DeclaredRoute(
            path=route.path_format, method=method, operation=handler.opt["operation"], handler=handler.fn
        )
        for route in routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in sorted(
            route.route_handler_map.items(), key=lambda one: METHODS.index(one[0])
        )
        if "operation" in handler.opt
    ]


def document_of(routes: Iterable[Any]) -> Schema:
    """The OpenAPI document of an application."""
    declared = operations_of(routes)
    paths: dict[str, Schema] = {}
    for one in declared:
        paths.setdefault(one.published_path, {})[one.method.lower()] = _operation(one)
    bodies = [one.operation.body for one in declared if one.operation.body is not None]
    answers = [
        answer for one in declared for answer in _answers_of(one.operation).values() if answer is not None
    ]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Samplebank", "version": version("samplebank"), "description": ABOUT},
        "security": [{SCHEME: []}],
        "tags": list(_tags(declared)),
        "paths": paths,
        "components": {
            "schemas": components_of(bodies, answers),
            "securitySchemes": {SCHEME: {"type": "apiKey", "name": "Argus-API-Key", "in": "header"}},
        },
    }


def _tags(declared: Iterable[DeclaredRoute]) -> Iterator[Schema]:
    for tag, module in {one.tag: one.handler.__module__ for one in declared}.items():
        about = (sys.modules[module].__doc__ or "").strip().partition("\n")[0]
        yield {"name": tag, "description": about}


def _operation(one: DeclaredRoute) -> Schema:
    operation = one.operation
    published: Schema = {
        "operationId": operation.id,
        "tags": [one.tag],
        "summary": operation.summary or _summary_of(one),
        "x-required-permissions": [str(permission) for permission in operation.needs],
        "parameters": list(_parameters(one)),
        "responses": _responses(operation),
    }
    if operation.raw_body:
        published["requestBody"] = {"required": True, "content": {"*/*": {"schema": {}}}}
    elif operation.body is not None:
        is_required = bool(operation.body.__struct_fields__)
        content = {JSON: {"schema": reference(operation.body.__name__)}}
        published["requestBody"] = {"required": is_required, "content": content}
    return published


def _summary_of(one: DeclaredRoute) -> str:
    """The first line of the handler's docstring, else the id of the operation as words."""
    said = (one.handler.__doc__ or "").strip().partition("\n")[0]
    return said or re.sub(r"(?<!^)(?=[A-Z])", " ", one.operation.id).capitalize() + "."


def _parameters(one: DeclaredRoute) -> Iterator[Schema]:
    for name in one.parameters:
        published, schema, said = IN_PATH[name]
        yield {"name": published, "in": "path", "required": True, "schema": schema, "description": said}
    headers = {**IN_HEADER.get(one.operation.id, {}), **(KEY if one.operation.keyed else {})}
    for name, said in headers.items():
        yield {"name": name, "in": "header", "required": False, "schema": TEXT, "description": said}
    if one.operation.query is not None:
        yield from parameters_of(one.operation.query)


def _answers_of(operation: Operation) -> dict[int, Any]:
    return {operation.status: operation.answers, **operation.also}


def _responses(operation: Operation) -> Schema:
    answers = {
        str(status): {"description": ANSWERS[status], "content": _content(operation, status, answer)}
        for status, answer in _answers_of(operation).items()
    }
    refused = ALWAYS | BESIDES.get(operation.id, set())
    if operation.raw_body:
        refused |= {413, 415}
    elif operation.body is not None:
        refused |= {400, 413, 415}
    refusals = {
        str(status): {"description": REFUSALS[status], "content": {JSON: {"schema": reference(REFUSAL)}}}
        for status in sorted(refused)
    }
    # The contract describes answers under `default`, and clients generated from the contract look for answers there.
    return {"default": answers[str(operation.status)], **dict(sorted(answers.items())), **refusals}


def _content(operation: Operation, status: int, answer: Any) -> Schema:
    if status == NOT_MODIFIED:
        return {}
    schema = {} if answer is None else {"schema": reference(envelope_name(answer))}
    return {operation.media_type: schema}
