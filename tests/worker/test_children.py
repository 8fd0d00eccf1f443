"""From a container to a tree of samples: the worker opens, the service stores, and the children are opened in turn."""

import secrets
from typing import Any

import pytest

from kit.bank import CHIEF, V2, Bank, Sample, eventually, name_of
from kit.relay import Relay
from worker.made_containers import locked, mail, zipped
from worker.made_quine import self_containing
from worker.working import Names, working

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0"
OPENING = "staged_extract:Opening"


def program() -> bytes:
    return PROGRAM + secrets.token_bytes(300)


class Opened:
    """A sample that the worker opens, and everything that came out of the sample."""

    def __init__(self, bank: Bank, worker: str, data: bytes, **fields: Any) -> None:
        self.bank, self.worker = bank, worker
        self.sample = Sample(data=data)
        self.submission = bank.submit(self.sample, metaData=bank.plan(worker), **fields)
        # the children of this submission are opened by the same worker
        match = {"submission": {"metaDataKey": ["extractionRoot"], "metaDataValue": [self.submission["id"]]}}
        action = {"workers": {"set": [worker]}}
        rule = {"name": name_of("rule"), "description": "", "match": match, "action": action}
        bank.data(bank.post(f"{V2}/policy/default/rule", rule))

    def tree(self, user: str = "mia") -> list[tuple[int, str, str]]:
        """(depth, file name, SHA-256) of each node below the sample."""
        nodes = self.bank.data(self.bank.get(f"/samplebank/v1/sample/{self.sample.sha256}/tree", user))[
            "nodes"
        ]
        return [(node["depth"], node["fileName"], node["sample"]["sha256"]) for node in nodes[1:]]

    def result(self) -> dict[str, Any]:
        """The result of the worker about the sample. The service may have told of the children already."""

        def found() -> list[dict[str, Any]]:
            analyses = self.bank.data(self.bank.get(f"{self.sample.path}/analysis", limit=0))
            return [one["analysisResult"] for one in analyses if one["userAgent"]["name"] == self.worker]

        result: dict[str, Any] = eventually(found)[0]
        return result


@pytest.fixture(scope="module")
def names() -> Names:
    return Names()


@pytest.fixture(scope="module")
def worker(bank: Bank, names: Names) -> str:
    """One worker for all tests of the file."""
    name: str = bank.worker(shortName=names["Opening"])["shortName"]
    return name


def test_what_a_mail_brings_becomes_a_tree(bank: Bank, worker: str, names: Names) -> None:
    inner = zipped({"a.exe": program(), "words.txt": b"harmless"})
    attached = locked({"inner.zip": inner}, "s3same")
    opened = Opened(bank, worker, mail(attached, "Password: s3same"), fileName="bill.eml")

    with working(bank.url, bank.keys[CHIEF], names, paths=[OPENING]):
        assert eventually(lambda: len(opened.tree()) == 3)

    assert [node[:2] for node in opened.tree()] == [(1, "bill.zip"), (2, "inner.zip"), (3, "a.exe")]
    (child,) = opened.result()["children"]
    assert (child["path"], child["outcome"], child["sha256"]) == ("bill.zip", "stored", opened.tree()[0][2])


def test_an_archive_that_is_its_own_entry_is_linked_to_itself_and_its_job_ends(
    bank: Bank, worker: str, names: Names
) -> None:
    opened = Opened(bank, worker, self_containing(), fileName="self.zip")

    with working(bank.url, bank.keys[CHIEF], names, paths=[OPENING]):
        (child,) = opened.result()["children"]
        assert eventually(lambda: [job["state"] for job in bank.jobs_of(opened.sample)] == ["done"])

    assert (child["sha256"], child["outcome"]) == (opened.sample.sha256, "known")
    assert len(bank.data(bank.get(f"{opened.sample.path}/submission", "mia"))) == 1


def test_children_arrive_over_a_line_that_breaks(bank: Bank, relay: Relay, worker: str, names: Names) -> None:
    opened = Opened(bank, worker, zipped({f"{number}.exe": program() for number in range(4)}))

    relay.cut(r"/child\?", times=3, after=100)
    with working(relay.url, bank.keys[CHIEF], names, paths=[OPENING]):
        assert len(opened.result()["children"]) == 4

    assert len(relay.found(r"/child\?")) == 7
    assert len(opened.tree()) == 4


def test_a_task_that_is_repeated_doubles_nothing(bank: Bank, worker: str, names: Names) -> None:
    opened = Opened(bank, worker, zipped({"a.exe": program(), "b.exe": program()}))
    with working(bank.url, bank.keys[CHIEF], names, paths=[OPENING]):
        assert len(opened.result()["children"]) == 2
    before = opened.tree()

    again = bank.data(bank.put(f"{opened.sample.path}/reanalyse", None, "mia"))
    with working(bank.url, bank.keys[CHIEF], names, paths=[OPENING]):
        assert eventually(lambda: bank.job(again["id"])["state"] == "done")

    assert opened.tree() == before
    assert len(bank.data(bank.get(f"{opened.sample.path}/link", limit=0))) == 2


def test_a_child_that_others_own_too_is_told_to_each_alone(bank: Bank, worker: str, names: Names) -> None:
    shared = program()
    ours = Opened(bank, worker, zipped({"ours.exe": shared, "more.exe": program()}))
    theirs = Opened(bank, worker, zipped({"theirs.exe": shared}), user="hana")

    with working(bank.url, bank.keys[CHIEF], names, paths=[OPENING]):
        assert eventually(lambda: len(ours.tree("mia")) == 2 and len(theirs.tree("hana")) == 1)

    assert {name for _, name, _ in ours.tree("mia")} == {"ours.exe", "more.exe"}
    assert [name for _, name, _ in theirs.tree("hana")] == ["theirs.exe"]
    assert bank.get(f"/samplebank/v1/sample/{theirs.sample.sha256}/tree", "mia").status_code == 404
