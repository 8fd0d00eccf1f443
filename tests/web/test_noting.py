"""Notes on the page of a sample."""

import pytest

from kit.bank import Bank, Sample
from kit.visitor import Shown, Visitor
from web.conftest import Visitors

NOTES = "/samplebank/v1/sample/{}/notes"


@pytest.fixture
def sample(bank: Bank) -> Sample:
    return bank.submitted(user="mia")


def page_of(visitor: Visitor, sample: Sample) -> Shown:
    return visitor.get(f"/sample/{sample.sha256}")


def key_on(shown: Shown) -> str:
    return str(shown.all("input[name=key]")[0].attributes["value"])


def add(visitor: Visitor, sample: Sample, text: str, **fields: str) -> Shown:
    form = {"key": key_on(page_of(visitor, sample)), "text": text, "tlp": "amber", **fields}
    return visitor.post(f"/sample/{sample.sha256}/notes", form)


def stored(bank: Bank, sample: Sample) -> list[str]:
    return [note["text"] for note in bank.data(bank.get(NOTES.format(sample.sha256), "mia"))]


def test_a_note_is_shown_with_its_author(visitor: Visitors, sample: Sample) -> None:
    shown = add(visitor("mia"), sample, "same lure as\r\nlast week <b>")

    assert "mia for mill" in shown.text(".note")
    assert shown.text(".note bdi") == "same lure as last week <b>"


def test_a_form_that_is_sent_twice_adds_one_note(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    mia = visitor("mia")
    key = key_on(page_of(mia, sample))

    statuses = [add(mia, sample, "once", key=key).status for _ in range(2)]

    assert statuses == [200, 200]
    assert stored(bank, sample) == ["once"]


def test_a_form_that_is_changed_and_sent_again_is_refused(visitor: Visitors, sample: Sample) -> None:
    mia = visitor("mia")
    key = key_on(page_of(mia, sample))
    add(mia, sample, "first", key=key)

    assert add(mia, sample, "second", key=key).status == 409


@pytest.mark.parametrize("fields", [{"text": " "}, {"tlp": "odd"}, {"key": ""}, {"text": "a\0b"}])
def test_a_note_with_a_mistake_is_refused(
    bank: Bank, visitor: Visitors, sample: Sample, fields: dict[str, str]
) -> None:
    refused = add(visitor("mia"), sample, **{"text": "fine", **fields})

    assert refused.status == 400
    assert stored(bank, sample) == []


def test_the_tlp_says_who_reads(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    bank.submit(sample, "quinn")
    mia, quinn = visitor("mia"), visitor("quinn")
    add(mia, sample, "for the mill")
    add(mia, sample, "for all", tlp="clear")

    assert page_of(quinn, sample).text(".note bdi") == "for all"


def test_an_own_note_can_be_withdrawn(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    mia = visitor("mia")
    action = str(add(mia, sample, "a mistake").all(".note form")[0].attributes["action"])

    shown = mia.post(f"/sample/{action.removeprefix('../sample/')}")

    assert shown.status == 200
    assert not shown.all(".note")
    assert stored(bank, sample) == []


def test_a_note_of_others_cannot_be_withdrawn(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    add(visitor("mia"), sample, "stays")
    (note,) = bank.data(bank.get(NOTES.format(sample.sha256), "mia"))
    chief = visitor("chief")

    refused = chief.post(f"/sample/{sample.sha256}/notes/{note['id']}/withdraw")

    assert not page_of(chief, sample).all(".note form")
    assert refused.status == 403
    assert stored(bank, sample) == ["stays"]


def test_who_may_not_write_is_offered_no_form(visitor: Visitors, sample: Sample) -> None:
    assert not page_of(visitor("viewer"), sample).all("textarea")


def test_old_notes_stand_behind_the_newest(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    for number in range(21):
        assert bank.post(NOTES.format(sample.sha256), {"text": f"note {number}."}, "mia").ok
    mia = visitor("mia")

    newest = page_of(mia, sample)
    (older,) = newest.all("#notes a[rel=next]")
    last = mia.get(f"/sample/{str(older.attributes['href']).removeprefix('../sample/')}")

    assert (len(newest.all("article.note")), "note 0." in newest.text("#notes")) == (20, False)
    assert [note.css("p")[1].text().strip() for note in last.all("article.note")] == ["note 0."]
    assert len(last.all("#notes a[rel=prev]")) == 1
