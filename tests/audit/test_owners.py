"""What a customer is told of its samples and users, and what it is not told of others.

The boss may read the ledger for the mill and all below. The chief may read everything.
"""

from typing import Any
from uuid import uuid4

import pytest

from audit.reading import about, ask, awaited, entries
from kit.bank import Bank, Sample, eventually, name_of
from kit.visitor import Visitor

RAW = "downloadRawSample"


def fetched(bank: Bank, sample: Sample, *users: str) -> None:
    for user in users:
        assert bank.get(f"{sample.path}/raw", user).status_code == 200


def told(bank: Bank, sample: Sample, action: str = RAW) -> list[dict[str, Any]]:
    """What the boss is told of an action on a sample."""
    return about(bank, sample, action, "boss")


def names(found: list[dict[str, Any]]) -> list[str | None]:
    return [entry["actor"].get("user", {}).get("shortName") for entry in found]


@pytest.mark.parametrize("user", ["mia", "viewer", "toiler", "nobody"])
def test_who_manages_no_customer_reads_nothing(bank: Bank, user: str) -> None:
    assert ask(bank, user).status_code == 403


def test_a_customer_is_told_what_its_users_do_to_its_samples(bank: Bank) -> None:
    fetched(bank, sample := bank.submitted("mia"), "mia", "boss")

    found = told(bank, sample)

    assert names(found) == ["mia", "boss"]
    assert [[customer["shortName"] for customer in entry["customers"]] for entry in found] == [["mill"]] * 2


def test_a_customer_is_told_of_the_samples_of_customers_below(bank: Bank) -> None:
    fetched(bank, sample := bank.submitted("nora"), "nora")

    assert names(told(bank, sample)) == ["nora"]


def test_a_customer_is_told_that_others_took_a_shared_sample_and_not_who(bank: Bank) -> None:
    fetched(bank, sample := bank.submitted("mia", tlp="green"), "quinn")

    (entry,) = told(bank, sample)

    assert entry["actor"] == {"type": "other"}
    assert "details" not in entry
    assert "quinn" not in str(entry)


def test_a_customer_is_told_of_a_sample_shared_with_a_group(bank: Bank) -> None:
    fetched(bank, sample := bank.submitted("mia", acl=["guests"]), "gus")

    assert [entry["actor"] for entry in told(bank, sample)] == [{"type": "other"}]


def test_a_customer_is_not_told_of_a_download_that_others_own_submissions_allowed(bank: Bank) -> None:
    sample = bank.submitted("mia")
    bank.submit(sample, "hana")

    fetched(bank, sample, "hana")

    assert told(bank, sample) == []
    (entry,) = about(bank, sample, RAW)
    assert [customer["shortName"] for customer in entry["customers"]] == ["harbour"]


def test_who_may_see_everything_tells_every_customer_and_names_no_other(bank: Bank) -> None:
    sample = bank.submitted("mia")
    bank.submit(sample, "hana")

    fetched(bank, sample, "chief")

    (entry,) = told(bank, sample)
    assert [customer["shortName"] for customer in entry["customers"]] == ["mill"]


def test_a_customer_is_not_told_what_its_users_do_to_samples_of_others(bank: Bank) -> None:
    fetched(bank, sample := bank.submitted("hana"), "chief")

    assert told(bank, sample) == []
    assert names(about(bank, sample, RAW)) == ["chief"]


def test_a_customer_is_not_told_what_a_user_asks_who_may_see_more(bank: Bank) -> None:
    for user in ("chief", "mia"):
        bank.get("/sampledb/v2/job", user)

    awaited(bank, user="chief", action="listJobs")
    told = eventually(
        lambda: found if "mia" in (found := names(entries(bank, "boss", action="listJobs"))) else []
    )
    assert "chief" not in told


def test_a_customer_is_not_told_what_others_add_to_its_sample(bank: Bank) -> None:
    sample = bank.submitted("mia")
    bank.submit(sample, "hana")
    notes = f"/samplebank/v1/sample/{sample.sha256}/notes"

    bank.data(bank.post(notes, {"text": "of the harbour", "customer": "harbour", "tlp": "red"}, "chief"))

    assert told(bank, sample, "addNote") == []
    assert [
        entry["action"] for entry in awaited(bank, "boss", sample=sample.sha256, action="addSubmission")
    ] == ["addSubmission"]


def test_a_customer_is_told_that_its_sample_was_judged(bank: Bank) -> None:
    sample = bank.submitted("mia")
    bank.submit(sample, "hana")

    bank.data(bank.post(f"{sample.path}/verdict", {"statusOverride": "benign", "comment": "x"}, "chief"))

    assert names(told(bank, sample, "addVerdict")) == ["chief"]


def test_a_customer_is_told_of_sessions_of_its_users_alone(bank: Bank) -> None:
    for user in ("mia", "hana"):
        Visitor(bank.url).sign_in(bank.keys[user])

    found = entries(bank, "boss", action="signIn")

    assert "mia" in names(found)
    assert "hana" not in names(found)


def test_a_filter_finds_no_actor_whom_the_caller_may_not_know(bank: Bank) -> None:
    fetched(bank, sample := bank.submitted("mia", tlp="green"), "quinn")
    (entry,) = about(bank, sample, RAW)

    by_key = entries(bank, "boss", key=entry["actor"]["keyID"])
    by_user, by_nobody = ask(bank, "boss", user="quinn"), ask(bank, "boss", user="nobody-at-all")

    assert by_key == []
    assert by_user.status_code == by_nobody.status_code == 412
    assert by_user.text.replace("quinn", "") == by_nobody.text.replace("nobody-at-all", "")


def test_a_filter_by_the_own_customer_needs_the_right_to_its_ledger(bank: Bank) -> None:
    """Somebody of the quarry administers the mill. What is `other` to the mill must not be found as the quarry."""
    user = name_of("helper")
    bank.data(bank.put(f"/samplebank/v1/users/{user}", {"customer": "quarry"}))
    bank.data(bank.put(f"/samplebank/v1/accounts/{user}/grants/ADMINISTRATOR-ROLE/mill"))
    key = bank.data(bank.put(f"/samplebank/v1/keys/{uuid4()}", {"user": user}))["key"]
    helper = Bank(bank.url, {user: key})
    fetched(bank, sample := bank.submitted("mia", tlp="green"), "quinn")
    (entry,) = eventually(lambda: about(helper, sample, RAW, user))
    assert entry["actor"] == {"type": "other"}

    own, unknown = (ask(helper, user, sample=sample.sha256, customer=name) for name in ("quarry", "nowhere"))

    assert own.status_code == unknown.status_code == 412
    assert own.text.replace("quarry", "") == unknown.text.replace("nowhere", "")


def test_a_filter_by_a_user_who_has_come_over_tells_nothing_of_the_time_before(bank: Bank) -> None:
    user = name_of("mover")
    of_user = f"/samplebank/v1/users/{user}"
    bank.data(bank.put(of_user, {"customer": "quarry"}))
    bank.data(bank.put(f"/samplebank/v1/accounts/{user}/grants/SAMPLEDB-USER/quarry"))
    key = bank.data(bank.put(f"/samplebank/v1/keys/{uuid4()}", {"user": user}))["key"]
    sample = bank.submitted("mia", tlp="green")
    raw, headers = f"{sample.path}/raw", {"Argus-API-Key": key}
    assert eventually(lambda: bank.call("GET", raw, None, headers=headers).status_code == 200)
    assert [entry["actor"] for entry in told(bank, sample)] == [{"type": "other"}]

    bank.data(bank.put(of_user, {"customer": "mill"}))

    assert eventually(lambda: ask(bank, "boss", user=user).status_code == 200)
    assert entries(bank, "boss", user=user, sample=sample.sha256) == []
