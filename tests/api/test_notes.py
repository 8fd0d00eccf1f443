"""Notes on samples: who reads a note, who withdraws it, and when it goes."""

from typing import Any
from uuid import uuid4

import pytest
import requests

from kit.bank import Bank, Sample, eventually, fields_of


def place(sample: Sample) -> str:
    return f"/samplebank/v1/sample/{sample.sha256}/notes"


def say(bank: Bank, sample: Sample, text: str, user: str = "mia", **fields: Any) -> dict[str, Any]:
    note: dict[str, Any] = bank.data(bank.post(place(sample), {"text": text, **fields}, user))
    return note


def withdraw(bank: Bank, sample: Sample, note: dict[str, Any], user: str = "mia") -> requests.Response:
    return bank.delete(f"{place(sample)}/{note['id']}", user)


def texts(bank: Bank, sample: Sample, user: str = "mia", **parameters: Any) -> list[str]:
    return [note["text"] for note in bank.data(bank.get(place(sample), user, **parameters))]


def shared(bank: Bank, *others: str) -> Sample:
    """A sample of mia that others have submitted, too."""
    sample = bank.submitted("mia")
    for user in others:
        bank.submit(sample, user)
    return sample


def test_a_note_tells_its_author_and_is_for_the_author_s_customer(bank: Bank) -> None:
    note = say(bank, sample := bank.submitted(), "same lure as case 2024-17")

    (listed,) = bank.data(bank.get(place(sample), "viewer"))

    assert listed == note
    assert (note["sampleSha256"], note["text"], note["tlp"]) == (
        sample.sha256,
        "same lure as case 2024-17",
        "amber",
    )
    assert (note["createdByUser"]["shortName"], note["customer"]["shortName"]) == ("mia", "mill")


def test_a_note_may_be_any_text(bank: Bank) -> None:
    hostile = "\u202egpj.exe <script>alert(1)</script> 'OR 1=1 \x1b[2J\n\t é 🦠" + "x" * 9_900

    note = say(bank, sample := bank.submitted(), hostile)

    assert note["text"] == hostile
    assert texts(bank, sample) == [hostile]


def test_notes_come_newest_first_a_page_at_a_time(bank: Bank) -> None:
    sample = bank.submitted()
    for number in range(4):
        say(bank, sample, str(number))

    first, second = texts(bank, sample, limit=3), texts(bank, sample, limit=3, offset=3)

    assert (first, second) == (["3", "2", "1"], ["0"])
    assert texts(bank, sample, limit=0) == ["3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("fields", "readers"),
    [
        ({}, {"mia"}),
        ({"tlp": "red"}, {"mia"}),
        ({"tlp": "green"}, {"mia", "quinn"}),
        ({"tlp": "clear"}, {"mia", "quinn", "hana"}),
        ({"acl": ["hana"]}, {"mia", "hana"}),
    ],
    ids=["amber", "red", "green", "clear", "by name"],
)
def test_a_note_is_read_by_whom_its_author_means(
    bank: Bank, fields: dict[str, Any], readers: set[str]
) -> None:
    sample = shared(bank, "quinn", "hana")
    say(bank, sample, "for some", **fields)

    found = {user for user in ("mia", "quinn", "hana") if texts(bank, sample, user)}

    assert found == readers


def test_a_note_for_everybody_is_for_those_who_see_the_sample(bank: Bank) -> None:
    sample = bank.submitted()
    say(bank, sample, "for all", tlp="clear")

    refused = bank.get(place(sample), "hana")

    assert refused.status_code == 404
    assert refused.json() == bank.get(place(Sample()), "hana").json()


def test_hidden_notes_are_not_counted(bank: Bank) -> None:
    sample = shared(bank, "hana")
    say(bank, sample, "ours")

    seen = bank.get(place(sample), "hana").json()

    assert (seen["count"], seen["size"], seen["data"]) == (0, 0, [])


def test_a_note_needs_a_sample_that_its_author_sees(bank: Bank) -> None:
    body = {"text": "hello"}

    refused = [bank.post(place(sample), body, "mia") for sample in (bank.submitted("hana"), Sample())]

    assert [answer.status_code for answer in refused] == [404, 404]
    assert refused[0].json() == refused[1].json()


def test_a_note_needs_the_permission_for_its_customer(bank: Bank) -> None:
    sample = bank.submitted()

    refused = bank.post(place(sample), {"text": "t", "customer": "harbour"}, "mia")

    assert refused.status_code == 403
    assert texts(bank, sample, "chief") == []


@pytest.mark.parametrize("user", ["viewer", "uploader", "toiler"])
def test_who_only_reads_brings_or_works_writes_no_notes(bank: Bank, user: str) -> None:
    refused = bank.post(place(bank.submitted()), {"text": "t"}, user)

    assert refused.status_code == 403


def test_everything_wrong_with_a_note_is_told_at_once(bank: Bank) -> None:
    body = {"text": "x" * 10_001, "tlp": "blue", "colour": "red"}

    refused = bank.post(place(bank.submitted()), body, "mia")

    assert (refused.status_code, fields_of(refused)) == (412, {"text", "tlp", "colour"})


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"text"}),
        ({"text": ""}, {"text"}),
        ({"text": "a\x00b"}, {"text"}),
        ({"text": "t", "customer": "nobody-known", "acl": ["mia", "unknown"]}, {"customer", "acl[1]"}),
    ],
)
def test_what_is_no_note_is_refused_with_its_fields(
    bank: Bank, body: dict[str, Any], fields: set[str]
) -> None:
    refused = bank.post(place(bank.submitted()), body, "mia")

    assert (refused.status_code, fields_of(refused)) == (412, fields)


def test_a_withdrawn_note_is_gone_with_its_text(bank: Bank) -> None:
    note = say(bank, sample := bank.submitted(), "a mistake")

    withdrawn = bank.data(withdraw(bank, sample, note))

    assert (withdrawn["id"], withdrawn["text"]) == (note["id"], "")
    assert withdrawn["withdrawnTimestamp"] >= note["createdTimestamp"]
    assert texts(bank, sample) == []


def test_a_note_withdrawn_again_stays_as_it_was(bank: Bank) -> None:
    note = say(bank, sample := bank.submitted(), "a mistake")
    first = withdraw(bank, sample, note)

    again = withdraw(bank, sample, note)

    assert (again.status_code, again.json()) == (200, first.json())


def test_only_the_author_withdraws_a_note(bank: Bank) -> None:
    note = say(bank, sample := bank.submitted(), "mine")

    refused = withdraw(bank, sample, note, "analyzer")

    assert refused.status_code == 403
    assert texts(bank, sample) == ["mine"]


def test_a_note_that_the_caller_may_not_read_is_not_there(bank: Bank) -> None:
    sample = shared(bank, "hana")
    hidden, gone = say(bank, sample, "hidden"), say(bank, sample, "gone", tlp="clear")
    withdraw(bank, sample, gone)

    refused = [withdraw(bank, sample, note, "hana") for note in (hidden, gone, {"id": uuid4()}, {"id": "x"})]

    assert [answer.status_code for answer in refused] == [404] * 4
    assert len({answer.text for answer in refused}) == 1


def test_a_note_of_another_sample_is_not_there(bank: Bank) -> None:
    note = say(bank, bank.submitted(), "mine")

    refused = withdraw(bank, bank.submitted(), note)

    assert refused.status_code == 404


def test_notes_do_not_come_back_with_the_bytes_of_a_deleted_sample(bank: Bank) -> None:
    sample = bank.submitted()
    say(bank, sample, "before")
    correlation = bank.data(bank.delete(sample.path))["correlationID"]
    criteria = {"correlationID": [correlation]}
    search = "/sampledb/v2/servicetask/search"
    assert eventually(lambda: bank.data(bank.post(search, criteria))[0]["state"] == "done")

    bank.submit(sample)

    assert texts(bank, sample) == []
