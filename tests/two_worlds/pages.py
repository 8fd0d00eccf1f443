"""The pages, and what may be asked of each. A page that is not in these tables fails the test."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from samplebank.http.shapes import NoQuery
from samplebank.web.app import ROUTES
from samplebank.web.pages import (
    accounts,
    audit,
    batch,
    compare,
    completion,
    export,
    facets,
    failures,
    hexview,
    hunts,
    jobs,
    known,
    live,
    login,
    oidc,
    sample,
    samples,
    strings,
)
from samplebank.web.sample_head import PartQuery
from two_worlds.questions import Field, Operation

#: the query of each page, by the operation, or by the path where the page needs no session
QUERIES: Mapping[str, type[Any]] = {
    "showToday": NoQuery,
    "showSamples": samples.SamplesQuery,
    "showFacets": facets.FacetsQuery,
    "exportSamples": export.ExportQuery,
    "completeQuery": completion.CompletionQuery,
    "showFind": NoQuery,
    "showSample": sample.SampleQuery,
    "downloadSafeByPage": NoQuery,
    "showFindings": PartQuery,
    "downloadResult": NoQuery,
    "downloadEvidenceByPage": NoQuery,
    "showSightings": PartQuery,
    "showSimilar": NoQuery,
    "showRelations": PartQuery,
    "showHistory": PartQuery,
    "showBytes": hexview.BytesQuery,
    "showStrings": strings.StringsQuery,
    "chooseTwo": compare.CompareQuery,
    "compareTwo": NoQuery,
    "showRaw": NoQuery,
    "showJobs": jobs.JobsQuery,
    "showJob": NoQuery,
    "showWorkers": NoQuery,
    "showWorker": NoQuery,
    "showFailures": failures.FailureQuery,
    "showRetry": NoQuery,
    "showHunts": hunts.OffsetQuery,
    "showHunt": hunts.OffsetQuery,
    "showPolicy": NoQuery,
    "showAccounts": accounts.AccountsQuery,
    "showAccountOf": NoQuery,
    "showAudit": audit.AuditPageQuery,
    "showSubmit": NoQuery,
    "tellKnown": known.KnownQuery,
    "showBatch": batch.BatchQuery,
    "followChanges": live.LiveQuery,
    "/login": login.LoginQuery,
    "/login/oidc": oidc.BeginQuery,
    "/login/oidc/back": oidc.BackQuery,
    "showAccount": NoQuery,
    "showHelp": NoQuery,
}
KEYS = tuple(f"{number:032x}" for number in range(3))
HUNTED = ('rule seen { strings: $a = "seen" condition: $a }', "rule broken {")
#: the fields of each form, by the operation, or by the path where the form needs no session. The first value may name words.
FORMS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "reanalyseSelected": {"sha256": ("sha256",)},
    "reanalyseMatches": {"q": ("q",), "key": KEYS},
    "findPasted": {"text": ("text",)},
    "downloadRawByPage": {},
    "judgeByPage": {
        "seen": ("",),
        "status": ("malicious", "benign", "withdrawn", "x"),
        "comment": ("value",),
    },
    "reanalyseByPage": {},
    "addNoteByPage": {"text": ("text",), "tlp": ("amber", "green", "x"), "key": KEYS},
    "withdrawNoteByPage": {},
    "retryJobs": {"job": ("job",), "key": KEYS},
    "retryMatchingJobs": {"q": ("q",), "key": KEYS},
    "retryFailures": {"cause": ("value",), "days": ("1", "7", "x"), "key": KEYS},
    "abortRetry": {},
    "huntByPage": {
        "rules": HUNTED,
        "query": ("query",),
        "since": ("", "1 day"),
        # no name of a hidden customer: docs/security.md lists what guesses of names tell
        "customer": ("", "mill", "nowhere"),
        "key": KEYS,
    },
    "cancelHuntByPage": {},
    "saveQuery": {"kind": ("samples", "jobs", "x"), "name": ("name",), "q": ("q",)},
    "removeQuery": {},
    "/theme": {"theme": ("dark", "light", "", "x"), "next": ("next",)},
}
#: forms with files, which come as the interface's uploads do, and forms by which sessions begin and end
OTHER_FORMS = {"submitForm", "submitBatchFile", "/login", "signOut", "endSession"}
#: files that are the same for everybody
SAME_FOR_ALL = {"/-/{digest}/{name}", "/-/{digest}/vendor/{vendored}"}


def pages() -> list[Operation]:
    """Every page that is read. Raises KeyError for a page without an entry."""
    return [
        _page(route, path)
        for route in ROUTES
        for path in map(_plain, sorted(route.paths))
        if "GET" in route.http_methods and path not in SAME_FOR_ALL
    ]


def forms() -> list[Operation]:
    """Every form that changes something for some customers. Raises KeyError for a form without an entry."""
    return [
        _form(route, path, FORMS[name_of(route, path)])
        for route, path in _forms_of_pages()
        if not is_for_all_customers(route)
    ]


def forms_for_all() -> list[Operation]:
    """Every form for all customers. The forms need no entries: whoever asks here is refused before a form is read."""
    return [_form(route, path, {}) for route, path in _forms_of_pages() if is_for_all_customers(route)]


def _forms_of_pages() -> list[tuple[Any, str]]:
    return [
        (route, path)
        for route in ROUTES
        for path in map(_plain, sorted(route.paths))
        if "POST" in route.http_methods and name_of(route, path) not in OTHER_FORMS
    ]


def _form(route: Any, path: str, fields: Mapping[str, Sequence[str]]) -> Operation:
    name, place = name_of(route, path), _of_retries(path)
    return Operation(name, "POST", place, re.findall(r"{(\w+)}", place), form=fields)


def is_for_all_customers(route: Any) -> bool:
    """Whether only those who may do something for every customer get in, and these see everything."""
    return "operation" in route.opt and route.opt["operation"].everywhere


def name_of(route: Any, path: str) -> str:
    declared = route.opt.get("operation")
    return declared.id if declared else path


def _of_retries(path: str) -> str:
    return path.replace("/retry/{task_id}", "/retry/{retryID}")


def _plain(path: str) -> str:
    return re.sub(r"{(\w+):\w+}", r"{\1}", path)


def _page(route: Any, path: str) -> Operation:
    name = name_of(route, path)
    schema = msgspec.json.schema(QUERIES[name])
    definition = schema["$defs"][QUERIES[name].__name__]
    query = [
        Field(one, inner, one in definition.get("required", ()))
        for one, inner in definition.get("properties", {}).items()
    ]
    path = _of_retries(path)
    return Operation(name, "GET", path, re.findall(r"{(\w+)}", path), query)


def schemas() -> dict[str, Any]:
    """What the schemas of the queries refer to."""
    found: dict[str, Any] = {}
    for query in QUERIES.values():
        found |= msgspec.json.schema(query)["$defs"]
    return found
