"""The operations of the interface, as the service publishes them."""

from typing import Any

from two_worlds.questions import JSON, Field, Operation

#: operations that change nothing although their method is not GET
SEARCHES = frozenset({
    "advancedSearch", "searchJobs", "submissionAdvancedSearch", "submissionStatistics", "searchSamplesBehind",
    "searchSubmissionsBehind", "searchJobsBehind", "querySamplesByBody", "queryJobsByBody", "searchTasks",
})  # fmt: skip
#: answers of other kinds than usual that callers may ask for
ACCEPTS = {"readFeed": ("", "", "", "text/event-stream")}
#: paths that are no operations and need no key. `/metrics` counts for all customers together, as docs/security.md lists.
OPEN = ("/healthz", "/readyz", "/openapi.json", "/docs", "/samplebank/v1/receipts/keys")
#: paths that are no operations and are not asked: the figures, and the way to a key by a browser, which has codes of chance
NOT_ASKED = {"/metrics", "/samplebank/v1/sign-in", "/samplebank/v1/sign-in/key"}
BYTES = (b"GIF89a of nobody", b"GIF89a of somebody", b"")


def operations_of(document: dict[str, Any]) -> list[Operation]:
    return [
        _operation(method.upper(), path, declared)
        for path, methods in sorted(document["paths"].items())
        for method, declared in sorted(methods.items())
    ]


def open_paths() -> list[Operation]:
    return [Operation(path, "GET", path) for path in OPEN]


def changes_nothing(operation: Operation) -> bool:
    return operation.method == "GET" or operation.id in SEARCHES


def _operation(method: str, path: str, declared: dict[str, Any]) -> Operation:
    parameters = declared.get("parameters", ())
    of_service = "/servicetask/" in path
    content = declared.get("requestBody", {}).get("content", {})
    return Operation(
        id=declared["operationId"],
        method=method,
        path=path.replace("{taskID}", "{serviceTaskID}") if of_service else path,
        in_path=["serviceTaskID" if of_service else one["name"] for one in parameters if one["in"] == "path"],
        query=[
            Field(one["name"], one["schema"], one.get("required", False))
            for one in parameters
            if one["in"] == "query"
        ],
        body=content[JSON]["schema"] if JSON in content else None,
        raw=BYTES if content and JSON not in content else (),
        accepts=ACCEPTS.get(declared["operationId"], ("",)),
    )
