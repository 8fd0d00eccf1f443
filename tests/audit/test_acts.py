"""Which requests are told of, by the declaration of the route and the answer."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from audit.reading import about, entries
from kit.bank import Bank
from kit.visitor import Visitor
from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.model import Customer, Domain, Permission, Subject
from samplebank.api.app import ROUTES
from samplebank.audit.model import Kind
from samplebank.http.acts import Acts
from samplebank.http.operation import NOT_MODIFIED, Operation
from samplebank.web.app import ROUTES as PAGES

MILL = Customer(1, "mill", "The Mill", Domain(1, "here"), None)
MIA = Subject(1, "user", "mia", "Mia", MILL)
#: the words by which operations that send files are named
OF_FILES = ("download", "export", "getEvidenceData")
#: pages that offer a download, or tell of one
NO_FILES = {"showRaw"}


class Noted:
    """Keeps the entries that would be written in a batch."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def has(self, _key: object) -> bool:
        return False

    def add(self, _key: object, entry: object, _owners: object) -> None:
        self.entries.append(entry)


def noted(
    declared: Operation, status: int = 200, *, method: str = "GET", with_reads: bool = True
) -> list[Any]:
    """What is noted of a request of mia, who may look at samples."""
    scopes = {Permission.VIEW_SAMPLES: Scope(customers=frozenset({1}))}
    if declared.by_claims:
        scopes = {Permission.WORK_ON_CLAIMS: Scope(customers=frozenset({1}))}
    caller = Caller(MIA, (), scopes, key_id=UUID(int=1))
    kept: Any = Noted()
    directory: Any = SimpleNamespace(is_within=lambda _one, _other: True)
    scope = {
        "state": {"caller": caller, "now": 1, "request_id": "0"},
        "route_handler": SimpleNamespace(opt={"operation": declared}),
        "method": method,
        "path": "/",
        "query_string": b"q=%00\0",
        "client": ("127.0.0.1", 1),
        "path_params": {"sha256": "0" * 64},
    }
    Acts(kept, directory, with_reads=with_reads).note(scope, status)
    return [entry.kind for entry in kept.entries]


READ = Operation("read", (Permission.VIEW_SAMPLES,))


def test_without_reads_changes_and_downloads_are_told() -> None:
    download = Operation("fetch", (Permission.DOWNLOAD_RAW,), act=Kind.DOWNLOAD, by_claims=True)

    assert noted(READ, with_reads=False) == []
    assert noted(READ, method="POST", with_reads=False) == ["change"]
    assert noted(download, with_reads=False) == ["download"]


@pytest.mark.parametrize(
    ("status", "told"),
    [(200, ["read"]), (303, ["read"]), (403, ["read"]), (404, ["read"]), (412, []), (503, [])],
)
def test_refusals_are_told_where_a_right_or_a_thing_lacks(status: int, told: list[str]) -> None:
    assert noted(READ, status) == told


def test_what_keeps_in_touch_is_not_told() -> None:
    assert noted(Operation("claim", (), unheeded=True), method="POST") == []


def test_work_on_claims_is_told_by_the_tasks_alone() -> None:
    assert noted(Operation("result", (Permission.ADD_ANALYSIS,), by_claims=True), method="POST") == []


def test_the_headers_of_a_download_are_a_read() -> None:
    download = Operation("fetch", (Permission.VIEW_SAMPLES,), act=Kind.DOWNLOAD)

    assert noted(download, method="HEAD") == ["read"]


def test_a_download_without_bytes_for_who_has_the_bytes_is_a_read() -> None:
    download = Operation("fetch", (Permission.VIEW_SAMPLES,), act=Kind.DOWNLOAD)

    assert noted(download, NOT_MODIFIED) == ["read"]


def test_every_operation_that_sends_a_file_is_declared_a_download() -> None:
    declared: list[Operation] = [
        route.opt["operation"] for route in [*ROUTES, *PAGES] if "operation" in route.opt
    ]

    files = {one.id for one in declared if one.id.startswith(OF_FILES) and one.id not in NO_FILES}
    assert files == {one.id for one in declared if one.act is Kind.DOWNLOAD}


def test_an_export_tells_what_was_asked(bank: Bank) -> None:
    sample = bank.submitted("mia")

    Visitor(bank.url).sign_in(bank.keys["mia"]).get(f"/samples/export?q={sample.sha256}&format=csv")

    *_, told = entries(bank, action="exportSamples", user="mia")
    assert (told["kind"], told["details"]) == ("download", {"format": "csv", "asked": sample.sha256})


def test_a_download_of_evidence_tells_the_sample_and_the_evidence(bank: Bank) -> None:
    sample = bank.submitted("mia")
    analysis = bank.analyse(sample, "tests")
    path = f"{sample.path}/analysis/{analysis}/evidence"
    evidence = bank.data(bank.call("POST", f"{path}/a.txt", "robot", data=b"seen"))["id"]

    bank.get(f"{path}/{evidence}/download", "mia")

    (told,) = about(bank, sample, "getEvidenceData")
    assert told["details"] == {"evidence": evidence, "bytes": 4}
