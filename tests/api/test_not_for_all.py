"""The service neither takes nor shows foreign property: analyses of tasks, internal evidence, customers of rules."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from kit.bank import ROBOT, V2, Bank, Sample, fields_of, name_of

HIDDEN = {"customer": "quarry", "tlp": "red"}


@pytest.fixture
def internal(bank: Bank) -> tuple[Sample, str, str]:
    """(sample, analysis, path) of internal evidence."""
    sample = bank.submitted()
    analysis = bank.analyse(sample, name_of("w"))
    place = f"{sample.path}/analysis/{analysis}/evidence"
    stored = bank.call("POST", f"{place}/notes.txt", ROBOT, data=b"for us", params={"internal": "true"})
    return sample, analysis, f"{place}/{bank.data(stored)['id']}"


def test_internal_evidence_is_not_there_for_readers(bank: Bank, internal: tuple[Sample, str, str]) -> None:
    sample, analysis, path = internal

    shown = bank.data(bank.get(f"{sample.path}/analysis/{analysis}", "viewer"))
    listed = bank.get(path.rpartition("/")[0], "viewer", limit=0)

    assert shown["flags"] == []
    assert (bank.data(listed), listed.json()["count"]) == ([], 0)
    assert [bank.get(place, "viewer").status_code for place in (path, f"{path}/download")] == [404, 404]


def test_internal_evidence_is_there_for_those_who_analyse(
    bank: Bank, internal: tuple[Sample, str, str]
) -> None:
    sample, analysis, path = internal

    shown = bank.data(bank.get(f"{sample.path}/analysis/{analysis}", "analyzer"))
    listed = bank.data(bank.get(path.rpartition("/")[0], "analyzer"))

    assert shown["flags"] == ["hasEvidence"]
    assert [one["flags"] for one in listed] == [["internal"]]
    assert bank.get(f"{path}/download", "analyzer").content == b"for us"


def test_a_task_takes_no_analysis_that_its_updater_does_not_see(bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    sample, job, tasks = bank.planned(worker)
    hidden, unknown = bank.analyse(sample, worker, 80, **HIDDEN), str(uuid4())

    refused = [
        bank.update(job, tasks[worker], "success", "analyzer", analyses=[id_]) for id_ in (hidden, unknown)
    ]

    assert [answer.status_code for answer in refused] == [412, 412]
    assert [fields_of(answer) for answer in refused] == [{"analyses[0]"}] * 2
    texts = [answer.json()["messages"][0]["message"] for answer in refused]
    assert texts[0].replace(hidden, unknown) == texts[1]


def test_a_task_shows_each_caller_the_analyses_that_it_sees(bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    sample, job, tasks = bank.planned(worker)
    hidden, seen = bank.analyse(sample, worker, 80, **HIDDEN), bank.analyse(sample, worker, 20)
    updated = bank.update(job, tasks[worker], "success", analyses=[hidden, seen])
    path = f"{V2}/job/{job}/task/{tasks[worker]}"

    of_one = {user: bank.data(bank.get(path, user)) for user in (ROBOT, "analyzer")}
    of_list = bank.data(bank.get(f"{V2}/job/{job}/tasks", "analyzer"))[0]
    of_repeat = bank.data(bank.update(job, tasks[worker], "success", "analyzer"))

    assert {one["id"] for one in bank.data(updated)["analyses"]} == {hidden, seen}
    assert {one["id"] for one in of_one[ROBOT]["analyses"]} == {hidden, seen}
    shown = (of_one["analyzer"], of_list, of_repeat)
    assert [[one["id"] for one in task["analyses"]] for task in shown] == [[seen]] * 3


@pytest.fixture
def rule(bank: Bank) -> Iterator[str]:
    """A rule for customers of two domains."""
    body = {
        "name": name_of("rule"),
        "description": "",
        "match": {"customer": {"customerOrGroup": ["quarry", "harbour"]}},
        "action": {"workers": {"add": [bank.worker()["shortName"]]}},
    }
    id_ = bank.data(bank.post(f"{V2}/policy/default/rule", body))["id"]
    yield id_
    bank.delete(f"{V2}/policy/default/rule/{id_}")


def test_a_rule_names_the_customers_that_the_caller_may_know(bank: Bank, rule: str) -> None:
    path = f"{V2}/policy/default/rule/{rule}"

    named = {
        user: [c["shortName"] for c in bank.data(bank.get(path, user))["match"]["customer"]["customer"]]
        for user in ("chief", ROBOT)
    }

    assert named == {"chief": ["quarry", "harbour"], ROBOT: ["quarry", "harbour"]}


@pytest.mark.parametrize("user", ["analyzer", "boss"])
def test_a_rule_for_others_is_not_for_the_caller(bank: Bank, rule: str, user: str) -> None:
    path, everything = f"{V2}/policy/default/rule", {"limit": 0, "includeDeleted": True}
    known = {user: bank.get(path, user, **everything).json() for user in ("chief", user)}

    refused = [
        bank.get(f"{path}/{rule}", user),
        bank.put(f"{path}/{rule}", {"name": "mine"}, "boss"),
        bank.delete(f"{path}/{rule}", "boss"),
    ]

    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert rule in {one["id"] for one in known["chief"]["data"]}
    assert rule not in {one["id"] for one in known[user]["data"]}
    assert known[user]["count"] == len(known[user]["data"])


def test_a_rule_names_its_author_only_to_those_who_may_know_the_customer_of_the_author(
    bank: Bank, rule: str
) -> None:
    path = f"{V2}/policy/default/rule/{rule}"
    bank.data(bank.put(path, {"description": "changed"}))

    seen = {user: bank.data(bank.get(path, user)) for user in (ROBOT, "hank")}

    fields = ("createdByUser", "lastUpdatedByUser")
    assert [seen[ROBOT][field]["shortName"] for field in fields] == ["chief", "chief"]
    assert not seen["hank"].keys() & set(fields)


def test_the_plan_of_a_job_names_no_customer_of_others(bank: Bank, rule: str) -> None:
    sample = bank.submitted("quinn")
    (job,) = bank.jobs_of(sample)

    plan = bank.data(bank.get(f"/samplebank/v1/job/{job['id']}/plan", "quinn"))

    assert [one["on"] for one in plan["rules"] if one["id"] == rule] == [
        [f"customer {job['customer']['id']}"]
    ]
