"""The tree of a sample: what came out of the sample, and nothing that the caller may not see."""

from itertools import pairwise
from typing import Any

import pytest

from kit.bank import AGENT, ROBOT, Bank, Sample, eventually
from kit.children import Parent, sha256_of, some_bytes
from kit.service import Service
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import find_caller
from samplebank.database import Connection, Database
from samplebank.search import tree as trees

NOW = 4_000_000_000_000


def tree(bank: Bank, sample: Sample, user: str = "mia") -> dict[str, Any]:
    found: dict[str, Any] = bank.data(bank.get(f"/samplebank/v1/sample/{sample.sha256}/tree", user))
    return found


def shape(bank: Bank, sample: Sample, user: str = "mia") -> list[tuple[int, str]]:
    return [(node["depth"], node["sample"]["sha256"]) for node in tree(bank, sample, user)["nodes"]]


def link(bank: Bank, sample: Sample, other: Sample, **fields: Any) -> None:
    body = {"reference": other.sha256, "type": "child", "tlp": "amber", "userAgent": AGENT, **fields}
    bank.data(bank.post(f"{sample.path}/link", body, ROBOT))


def test_a_sample_that_holds_nothing_is_a_tree_of_itself(bank: Bank) -> None:
    sample = bank.submitted(fileName="alone.bin")

    (node,) = tree(bank, sample)["nodes"]

    assert (node["depth"], node["fileName"], node["flags"]) == (0, "alone.bin", [])
    assert node["sample"]["sha256"] == sample.sha256


def test_each_parent_stands_before_its_children(bank: Bank) -> None:
    parent = Parent(bank)
    inner = parent.found(some_bytes())
    deep, flat = some_bytes(), some_bytes()
    inner.add(deep, path="in/a.exe", fileName="a.exe")
    parent.add(flat, path="z.exe", fileName="z.exe")

    nodes = tree(bank, parent.sample)["nodes"]

    expected = [
        (0, parent.sample.sha256),
        (1, inner.sample.sha256),
        (2, sha256_of(deep)),
        (1, sha256_of(flat)),
    ]
    assert [(node["depth"], node["sample"]["sha256"]) for node in nodes] == expected
    assert [node.get("parentSha256") for node in nodes[1:]] == [
        parent.sample.sha256, inner.sample.sha256, parent.sample.sha256,
    ]  # fmt: skip
    assert [node["relation"] for node in nodes[1:]] == ["child"] * 3


def test_a_sample_that_holds_itself_is_told_once_more_and_no_further(bank: Bank) -> None:
    parent = Parent(bank)
    inner = parent.found(some_bytes())
    inner.add(parent.sample.data)

    nodes = tree(bank, parent.sample)["nodes"]

    assert [node["depth"] for node in nodes] == [0, 1, 2]
    assert [node["flags"] for node in nodes] == [[], [], ["repeated"]]


def test_a_child_that_the_caller_may_not_see_is_not_told(bank: Bank) -> None:
    sample, secret, beyond = bank.submitted(tlp="clear"), bank.submitted("hana"), bank.submitted()
    link(bank, sample, secret, tlp="clear")
    link(bank, secret, beyond, tlp="clear", customer="harbour")
    link(bank, sample, Sample(), tlp="clear")

    assert shape(bank, sample) == [(0, sample.sha256)]
    assert shape(bank, sample, "hana") == [(0, sample.sha256), (1, secret.sha256)]


def test_a_link_that_the_caller_may_not_see_leads_nowhere(bank: Bank) -> None:
    sample, child = bank.submitted(tlp="clear"), bank.submitted(tlp="clear")
    link(bank, sample, child, tlp="red")

    assert shape(bank, sample, "hana") == [(0, sample.sha256)]
    assert shape(bank, sample) == [(0, sample.sha256), (1, child.sha256)]


def test_an_invisible_sample_has_no_tree(bank: Bank) -> None:
    secret = bank.submitted("hana")

    hidden, missing = (
        bank.get(f"/samplebank/v1/sample/{sha256}/tree", "mia") for sha256 in (secret.sha256, Sample().sha256)
    )

    assert (hidden.status_code, hidden.json()["messages"]) == (404, missing.json()["messages"])


def test_a_child_that_is_deleted_leaves_the_tree(bank: Bank) -> None:
    sample, child = bank.submitted(), bank.submitted()
    link(bank, sample, child)
    assert len(shape(bank, sample)) == 2

    bank.data(bank.delete(child.path))

    assert eventually(lambda: shape(bank, sample) == [(0, sample.sha256)])


@pytest.mark.parametrize(("bound", "value", "depths"), [("DEEPEST", 2, [0, 1, 2]), ("MOST", 1, [0, 1])])
async def test_a_tree_that_is_too_large_is_cut_and_says_so(
    bank: Bank,
    service: Service,
    database: Database,
    db: Connection,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    value: int,
    depths: list[int],
) -> None:
    samples = [bank.submitted() for _ in range(4)]
    for upper, lower in pairwise(samples):
        link(bank, upper, lower)
    directory = Directory(database)
    await directory.refresh()
    caller = await find_caller(db, directory, service.keys["mia"], now=NOW)
    assert caller is not None
    top = bytes.fromhex(samples[0].sha256)
    whole = await trees.tree_of(db, caller, top)

    monkeypatch.setattr(trees, bound, value)
    cut = await trees.tree_of(db, caller, top)

    assert ([node.depth for node in whole.nodes], whole.is_whole) == ([0, 1, 2, 3], True)
    assert ([node.depth for node in cut.nodes], cut.is_whole) == (depths, False)
