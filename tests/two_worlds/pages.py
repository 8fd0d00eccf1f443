"""The pages, and what may be asked of each. A page that is not in these tables fails the test."""

import re
from collections.abc import Mapping
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
    "showHunts": NoQuery,
    "showHunt": hunts.HitQuery,
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


def _plain(path: str) -> str:
    return re.sub(r"{(\w+):\w+}", r"{\1}", path)


def _page(route: Any, path: str) -> Operation:
    declared = route.opt.get("operation")
    name = declared.id if declared else path
    schema = msgspec.json.schema(QUERIES[name])
    definition = schema["$defs"][QUERIES[name].__name__]
    query = [
        Field(one, inner, one in definition.get("required", ()))
        for one, inner in definition.get("properties", {}).items()
    ]
    path = path.replace("/retry/{task_id}", "/retry/{retryID}")
    return Operation(name, "GET", path, re.findall(r"{(\w+)}", path), query)


def schemas() -> dict[str, Any]:
    """What the schemas of the queries refer to."""
    found: dict[str, Any] = {}
    for query in QUERIES.values():
        found |= msgspec.json.schema(query)["$defs"]
    return found
