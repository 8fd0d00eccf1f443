"""Children: what a worker finds inside of a sample becomes a sample with submission, links and job, once."""

import pytest

from kit.bank import Bank, Sample, eventually, fields_of, name_of, together
from kit.children import Parent, links_of, planned_path, sha256_of, some_bytes
from samplebank.database import Connection

TOILER = "toiler"
#: the metadata of the submissions of children
ABOUT = ("extractionRoot", "extractionParent", "extractionPath", "extractionDepth", "extractionHow")


@pytest.fixture
def parent(bank: Bank) -> Parent:
    return Parent(bank)


def test_a_child_is_a_sample_with_the_access_of_its_parent(bank: Bank) -> None:
    parent = Parent(bank, tlp="green", acl=["hana"], retention="now + 1 day")
    child = Sample(data=some_bytes())

    receipt = parent.add(child.data, path="mail/a.exe", fileName="a.exe", how="zip")

    (own,) = bank.data(bank.get(f"{parent.sample.path}/submission", "mia"))
    (submission,) = bank.data(bank.get(f"{child.path}/submission", "mia"))
    assert (receipt["outcome"], receipt["depth"], receipt["submissionID"]) == ("stored", 1, submission["id"])
    for field in ("tlp", "customer", "expiryTimestamp", "observedTimestamp"):
        assert submission[field] == own[field], field
    assert [one["subject"]["shortName"] for one in submission["acl"]] == ["hana"]
    assert (submission["fileName"], submission["userAgent"]) == (
        "a.exe",
        {"name": parent.worker, "version": "1.0"},
    )
    expected = (own["id"], parent.sample.sha256, "mail/a.exe", "1", "zip")
    assert tuple(submission["metaData"][name] for name in ABOUT) == expected
    assert bank.call("GET", f"{child.path}/raw", "mia").content == child.data


def test_parent_and_child_link_to_each_other(bank: Bank, parent: Parent) -> None:
    child = Sample(data=some_bytes())

    parent.add(child.data)

    assert parent.links() == [("child", child.sha256)]
    assert links_of(bank, child) == [("parent", parent.sample.sha256)]


def test_the_same_child_again_changes_nothing(bank: Bank, parent: Parent) -> None:
    child = Sample(data=some_bytes())

    first = parent.add(child.data)
    again = [parent.add(child.data, path=path) for path in ("inner/file.bin", "another/place")]

    assert again == [first, first]
    assert len(bank.data(bank.get(f"{child.path}/submission", "mia"))) == 1
    assert (len(parent.links()), len(links_of(bank, child))) == (1, 1)


def test_a_child_that_comes_many_times_at_once_is_stored_once(bank: Bank, parent: Parent) -> None:
    child = Sample(data=some_bytes())

    receipts = together([lambda: parent.add(child.data) for _ in range(8)])

    assert len({one["submissionID"] for one in receipts}) == 1
    assert len(bank.data(bank.get(f"{child.path}/submission", "mia"))) == 1
    assert (len(parent.links()), len(links_of(bank, child))) == (1, 1)


def test_the_policy_opens_the_job_of_a_child(bank: Bank, parent: Parent) -> None:
    (worker,) = bank.workers(1)
    child = Sample(data=some_bytes())

    receipt = parent.add(child.data, path=planned_path(bank, worker))

    (job,) = bank.jobs_of(child, user="mia")
    assert (job["id"], list(bank.tasks_of(job["id"]))) == (receipt["jobID"], [worker])


def test_a_child_of_a_child_belongs_to_the_same_root(bank: Bank) -> None:
    outer = Parent(bank)
    inner_data, deepest = some_bytes(), Sample(data=some_bytes())
    inner = outer.found(inner_data)

    receipt = inner.add(deepest.data)

    (root,) = bank.data(bank.get(f"{outer.sample.path}/submission", "mia"))
    (submission,) = bank.data(bank.get(f"{deepest.path}/submission", "mia"))
    assert receipt["depth"] == 2
    assert submission["metaData"]["extractionRoot"] == root["id"]
    assert submission["metaData"]["extractionParent"] == sha256_of(inner_data)


def test_a_child_that_is_its_own_ancestor_is_linked_and_nothing_else(bank: Bank) -> None:
    outer = Parent(bank)
    inner_data = some_bytes()
    inner = outer.found(inner_data)

    receipts = [inner.add(data) for data in (outer.sample.data, inner_data)]

    assert [one["outcome"] for one in receipts] == ["known", "known"]
    assert "jobID" not in receipts[0]
    pairs = [("child", outer), ("child", inner), ("parent", outer), ("parent", inner)]
    assert sorted(inner.links()) == sorted((type_, one.sample.sha256) for type_, one in pairs)
    assert len(bank.data(bank.get(f"{outer.sample.path}/submission", "mia"))) == 1


def test_steps_from_the_root_are_bounded(bank: Bank) -> None:
    parent = Parent(bank)
    for _ in range(6):
        parent = parent.found(some_bytes())
    child = Sample(data=some_bytes())

    receipt = parent.add(child.data)

    assert (receipt["outcome"], receipt["reason"], receipt["depth"]) == ("refused", "depth", 7)
    assert bank.get(child.path, "chief").status_code == 404


def test_a_child_of_two_customers_is_seen_by_each_as_its_own(bank: Bank) -> None:
    ours, theirs = Parent(bank), Parent(bank, user="hana")
    child = Sample(data=some_bytes())

    for parent in (ours, theirs):
        assert parent.add(child.data)["outcome"] == "stored"

    for user, parent in (("mia", ours), ("hana", theirs)):
        (submission,) = bank.data(bank.get(f"{child.path}/submission", user))
        assert submission["metaData"]["extractionParent"] == parent.sample.sha256
        assert links_of(bank, child, user) == [("parent", parent.sample.sha256)]


def test_a_leaf_that_was_analysed_is_not_analysed_again(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    path = planned_path(bank, worker)
    child = Sample(data=some_bytes())
    first = Parent(bank).add(child.data, path=path)
    (task,) = bank.tasks_of(first["jobID"]).values()
    bank.data(bank.update(first["jobID"], task, "success"))

    second = Parent(bank).add(child.data, path=path)

    assert second["outcome"] == "stored"
    assert "jobID" not in second
    assert len(bank.jobs_of(child)) == 1


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_leaf_that_a_worker_could_not_look_at_is_analysed_again(bank: Bank, end: str) -> None:
    first, second = Parent(bank), Parent(bank)
    data, (good, bad) = some_bytes(), bank.workers(2)
    job = first.add(data, path=planned_path(bank, good, bad))["jobID"]
    tasks = bank.tasks_of(job)
    bank.data(bank.update(job, tasks[good], "success"))
    bank.data(bank.update(job, tasks[bad], end))

    receipt = second.add(data, path=planned_path(bank, good, bad))
    third = Parent(bank).add(data, path=planned_path(bank, good))

    assert receipt["jobID"] != job
    assert (bank.job(receipt["jobID"])["state"], third.get("jobID")) == ("enqueued", None)


def test_a_worker_without_other_permissions_brings_children_by_its_claim(bank: Bank) -> None:
    parent = Parent(bank, claimant=TOILER)

    receipt = parent.add(some_bytes())

    assert receipt["outcome"] == "stored"


def test_a_child_needs_the_lease_of_the_task(bank: Bank, parent: Parent) -> None:
    child = Sample(data=some_bytes())
    stale = parent.claim["leaseToken"]
    bank.release(parent.claim)
    (parent.claim,) = bank.claim(parent.worker)

    refused = [parent.send(child.data, lease=lease) for lease in (stale, "nonsense")]

    assert [one.status_code for one in refused] == [412, 412]
    assert bank.get(child.path, "chief").status_code == 404


def test_a_task_of_others_looks_like_none(parent: Parent) -> None:
    child = some_bytes()

    assert parent.send(child, user="hana").status_code == 403
    assert parent.send(child, user=TOILER).status_code in {403, 404}
    parent.job = name_of("job")
    assert parent.send(child).status_code == 404


def test_everything_wrong_with_a_child_is_told_at_once(parent: Parent) -> None:
    refused = parent.send(some_bytes(), path="", relation="cousin", how="x" * 300)

    assert refused.status_code == 412
    assert fields_of(refused) == {"path", "relation", "how"}


def test_a_child_without_bytes_is_refused(parent: Parent) -> None:
    assert parent.send(b"").status_code == 412


def test_a_child_of_a_job_whose_submission_has_gone_is_refused(bank: Bank) -> None:
    parent = Parent(bank, retention="now + 2 seconds")
    assert eventually(lambda: bank.get(parent.sample.path, "mia").status_code == 404)

    receipt = parent.add(some_bytes())

    assert (receipt["outcome"], receipt["reason"]) == ("refused", "gone")


async def test_a_sample_that_is_deleted_leaves_no_place_among_children(
    bank: Bank, db: Connection, parent: Parent
) -> None:
    child = Sample(data=some_bytes())
    parent.add(child.data)
    count = """
        SELECT count(*) FROM extracted e JOIN sample s ON s.id = e.sample_id OR s.id = e.parent_id WHERE s.sha256 = $1
    """
    assert await db.fetchval(count, bytes.fromhex(child.sha256)) == 1

    bank.data(bank.delete(child.path))

    assert eventually(lambda: bank.get(child.path, "mia").status_code == 404)
    assert await db.fetchval(count, bytes.fromhex(child.sha256)) == 0


def test_a_child_of_a_child_lies_below_the_child(bank: Bank, parent: Parent) -> None:
    child, inner = Sample(data=some_bytes()), Sample(data=some_bytes())
    parent.add(child.data)

    receipt = parent.add(inner.data, parent=child.sha256)

    assert (receipt["outcome"], receipt["depth"]) == ("stored", 2)
    assert parent.links() == [("child", child.sha256)]
    assert links_of(bank, inner) == [("parent", child.sha256)]
    assert sorted(links_of(bank, child)) == sorted(
        [("child", inner.sha256), ("parent", parent.sample.sha256)]
    )


def test_the_sample_of_the_task_may_be_named_as_the_parent(parent: Parent) -> None:
    child = Sample(data=some_bytes())

    receipt = parent.add(child.data, parent=parent.sample.sha256)

    assert (receipt["depth"], parent.links()) == (1, [("child", child.sha256)])


@pytest.mark.parametrize("owner", ["mia", "quinn"])
def test_a_parent_from_elsewhere_is_refused(bank: Bank, parent: Parent, owner: str) -> None:
    stranger, child = bank.submitted(owner), Sample(data=some_bytes())

    refused = parent.send(child.data, parent=stranger.sha256)

    assert (refused.status_code, fields_of(refused)) == (412, {"parent"})
    assert links_of(bank, stranger, owner) == []
    assert bank.get(child.path).status_code == 404


def test_a_parent_that_is_no_digest_is_refused(parent: Parent) -> None:
    refused = parent.send(some_bytes(), parent="somewhere")

    assert (refused.status_code, fields_of(refused)) == (412, {"parent"})
