"""The published document describes the service, and the page shows the document to people."""

import re
from typing import Any

import jsonschema_rs
import pytest

from kit.bank import V2, Bank, Sample, name_of
from samplebank.api.app import ROUTES
from samplebank.api.published.openapi import IN_PATH

Document = dict[str, Any]
COMPONENTS = "#/components/schemas/"


@pytest.fixture(scope="module")
def document(bank: Bank) -> Document:
    found: Document = bank.get("/openapi.json", user=None).json()
    return found


def operations_of(document: Document) -> dict[str, Document]:
    return {one["operationId"]: one for methods in document["paths"].values() for one in methods.values()}


def violations_of(document: Document, answer: Any, operation: str, status: int) -> list[str]:
    """The contradictions between an answer and the document."""
    content = operations_of(document)[operation]["responses"][str(status)]["content"]
    schema = {**content["application/json"]["schema"], "components": document["components"]}
    return [str(error) for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(answer.json())]


def field(document: Document, schema: str, name: str) -> Document:
    found: Document = document["components"]["schemas"][schema]["properties"][name]
    return found


def test_the_document_describes_every_operation_and_no_other(document: Document) -> None:
    registered = {route.opt["operation"].id for route in ROUTES if "operation" in route.opt}

    published = operations_of(document)

    assert published.keys() == registered


def test_every_reference_leads_somewhere(document: Document, bank: Bank) -> None:
    text = bank.get("/openapi.json", user=None).text

    names = set(re.findall(r'"\$ref":"#/components/schemas/([^"]*)"', text))

    assert names
    assert names <= document["components"]["schemas"].keys()


def test_every_schema_of_the_document_is_a_json_schema(document: Document) -> None:
    every = {"$defs": document["components"]["schemas"]}

    jsonschema_rs.meta.validate({**every, "$schema": "https://json-schema.org/draft/2020-12/schema"})

    assert document["openapi"] == "3.1.0"


def test_no_two_schemas_compete_for_a_name(document: Document) -> None:
    names = document["components"]["schemas"].keys()

    qualified = [name for name in names if "." in name]

    assert qualified == []


def test_parameters_of_paths_have_the_names_of_the_interface(document: Document) -> None:
    written = set(re.findall(r"{(\w+)}", " ".join(document["paths"])))

    known = {name for name, _, _ in IN_PATH.values()}

    assert {"sha256", "jobID", "taskID", "analysisID", "idOrShortName"} <= written <= known


def test_every_operation_names_the_permissions_it_needs(document: Document) -> None:
    operations = operations_of(document)

    download = operations["downloadRawSample"]

    assert download["x-required-permissions"] == ["downloadRawSample", "downloadSampleUnrestricted"]
    assert all("x-required-permissions" in one for one in operations.values())


def test_parameters_come_with_their_defaults_and_bounds(document: Document) -> None:
    parameters = {one["name"]: one for one in operations_of(document)["listJobs"]["parameters"]}

    limit, sort = parameters["limit"]["schema"], parameters["sortBy"]["schema"]

    assert (limit["default"], limit["minimum"], limit["maximum"]) == (25, 0, 10_000)
    assert sort["default"] == ["-enqueuedTimestamp"]
    assert "-state" in sort["items"]["enum"]


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/sampledb/v2/sample/{sha256}/submission", "Samplebank-Lane"),
        ("/samplebank/v1/sample", "Samplebank-Lane"),
        ("/samplebank/v1/job/{jobID}/task/{taskID}/child", "Samplebank-Lease"),
    ],
)
def test_headers_that_a_call_reads_are_described(document: Document, path: str, header: str) -> None:
    parameters = document["paths"][path]["post"]["parameters"]

    assert header in {parameter["name"] for parameter in parameters if parameter["in"] == "header"}


def test_fields_of_a_request_may_be_null_and_those_of_an_answer_are_left_out(document: Document) -> None:
    asked = field(document, "JobSearchRequest", "state")
    answered = field(document, "JobResponse", "endTimestamp")

    required = document["components"]["schemas"]["JobResponse"]["required"]

    assert asked["type"] == ["array", "null"]
    assert answered == {"type": "integer", "format": "int64"}
    assert "endTimestamp" not in required


def test_patterns_are_published_as_the_interface_writes_them(document: Document) -> None:
    name = field(document, "UserAgentRequest", "name")

    pattern = name["pattern"]

    assert pattern == r"[a-zA-Z0-9_:\-\.]*"


def test_a_submission_that_is_not_stored_again_has_a_status_of_its_own(document: Document) -> None:
    answers = operations_of(document)["addSubmission"]["responses"]

    schema = answers["220"]["content"]["application/json"]["schema"]

    assert schema == {"$ref": COMPONENTS + "Result_SubmissionRateLimitedResponse"}


def test_an_upload_takes_bytes_of_any_kind(document: Document) -> None:
    body = operations_of(document)["addSample"]["requestBody"]

    content = body["content"]

    assert content == {"*/*": {"schema": {}}}


def test_the_answer_to_a_submission_is_as_published(bank: Bank, document: Document) -> None:
    sample = Sample()
    body = bank.submission_body(bank.token(sample), metaData={"from": "a mail"}, acl=["mia"])

    answer = bank.post(f"{sample.path}/submission", body, "mia")

    assert violations_of(document, answer, "addSubmission", 201) == []


def test_jobs_and_their_tasks_are_as_published(bank: Bank, document: Document) -> None:
    worker = bank.worker()["shortName"]
    sample, job, tasks = bank.planned(worker)
    analysis = bank.analyse(sample, worker, 90, tags=[{"type": "family", "value": "emotet"}])
    bank.update(job, tasks[worker], "executing")
    bank.update(job, tasks[worker], "success", analyses=[analysis])

    answer, listed = bank.get(f"{V2}/job/{job}"), bank.get(f"{V2}/job/{job}/tasks")

    assert violations_of(document, answer, "getJob", 200) == []
    assert violations_of(document, listed, "listJobTasks", 200) == []


def test_what_is_known_of_an_analysed_sample_is_as_published(bank: Bank, document: Document) -> None:
    worker = bank.worker()["shortName"]
    sample, job, tasks = bank.planned(worker)
    found = [{"name": "rule", "assessment": "malicious"}]
    analysis = bank.analyse(sample, worker, 90, triggeredDetections=[*found, *found])
    bank.update(job, tasks[worker], "success", analyses=[analysis])

    known, analyses = bank.get(sample.path), bank.get(f"{sample.path}/analysis")
    verdicts = bank.get(f"{sample.path}/verdict")

    assert violations_of(document, known, "getSampleMetaData", 200) == []
    assert violations_of(document, analyses, "listAnalysis", 200) == []
    assert violations_of(document, verdicts, "listVerdicts", 200) == []


def test_workers_and_rules_are_as_published(bank: Bank, document: Document) -> None:
    bank.plan(bank.worker()["shortName"])

    workers = bank.get(f"{V2}/worker", includeDeleted="true", limit=0)
    rules = bank.get(f"{V2}/policy/default/rule", includeDeleted="true", limit=0)

    assert violations_of(document, workers, "listAnalysisWorkers", 200) == []
    assert violations_of(document, rules, "searchAnalysisRules", 200) == []


@pytest.mark.parametrize(
    ("user", "path", "status"),
    [
        (None, f"{V2}/job", 401),
        ("chief", f"{V2}/job/{name_of('no')}", 404),
        ("chief", f"{V2}/job?colour=red", 412),
    ],
    ids=["without a key", "of what is not there", "of an unknown parameter"],
)
def test_a_refusal_is_as_published(
    bank: Bank,
    document: Document,
    user: str | None,
    path: str,
    status: int,
) -> None:
    answer = bank.get(path, user)

    assert answer.status_code == status
    assert violations_of(document, answer, "listJobs", status) == []


def test_the_page_shows_every_operation(bank: Bank, document: Document) -> None:
    page = bank.get("/docs", user=None).text

    shown = set(re.findall(r'<details class="entry" id="(\w+)"', page))

    assert shown == operations_of(document).keys()


def test_every_link_within_the_page_leads_somewhere(bank: Bank) -> None:
    page = bank.get("/docs", user=None).text

    linked = set(re.findall(r'href="#([^"]*)"', page))

    assert linked
    assert linked <= set(re.findall(r' id="([^"]*)"', page))


def test_the_page_loads_nothing_and_runs_only_its_own_script(bank: Bank) -> None:
    answer = bank.get("/docs", user=None)

    policy = answer.headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', answer.text) == ["openapi.json"]


def test_the_page_offers_no_value_that_is_always_refused(bank: Bank, document: Document) -> None:
    page = bank.get("/docs", user=None).text

    (taken,) = re.findall(
        r'id="schema-SubmissionAddRequest".*?<code>tlp</code>.*?<td>(.*?)</td>', page, re.DOTALL
    )

    assert re.findall(r"<code>(\w+)</code>", taken) == ["amber", "clear", "green"]
    assert "`red` is refused" in field(document, "SubmissionAddRequest", "tlp")["description"]
