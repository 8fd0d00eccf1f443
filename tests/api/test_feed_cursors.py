"""Cursors of the feed: good for one installation as long as events are kept, and silent about others."""

import base64

import pytest

from kit.bank import Bank, fields_of
from kit.feed import ENDED, PATH, Follower, finished, latest, types_of
from samplebank.api.feed_cursors import MARK, PLACE, cursor_at
from samplebank.api.seals import PROOF
from samplebank.database import Database
from samplebank.events import feed
from samplebank.events.feed import Place
from samplebank.feed.cloud_events import keyed


def test_a_cursor_tells_nothing_of_what_happens_to_others(bank: Bank) -> None:
    """A cursor that stays the same while nothing happens tells when something happens to others."""
    quiet = [latest(bank, "hana") for _ in range(3)]
    finished(bank, user="quinn")
    busy = latest(bank, "hana")

    assert len({*quiet, busy}) == 4
    assert len({len(cursor) for cursor in (*quiet, busy)}) == 1
    assert [bank.get(PATH, "hana", after=cursor).json()["data"] for cursor in (*quiet, busy)] == [[]] * 4


async def test_a_cursor_of_an_earlier_release_is_still_good(bank: Bank, database: Database) -> None:
    """Until 0.3 a cursor had no random bytes."""
    async with database.connection() as db:
        known = await feed.look(db)
        place = await feed.end_of(db, known)
    plain = PLACE.pack(place.since, place.until, place.id, place.last)
    proof = keyed(known.secret, b"proof", plain, PROOF)
    mask = keyed(known.secret, b"mask", proof, len(plain))
    hidden = bytes(one ^ other for one, other in zip(plain, mask, strict=True))
    cursor = base64.urlsafe_b64encode(known.identity.bytes[:MARK] + proof + hidden).decode()

    sample, _ = finished(bank)

    assert types_of(bank.data(bank.get(PATH, "mia", after=cursor)), sample) == ENDED


def changed(cursor: str, place: int) -> str:
    """The cursor with another letter at a place."""
    return f"{cursor[:place]}{'A' if cursor[place] != 'A' else 'B'}{cursor[place + 1 :]}"


@pytest.mark.parametrize("after", ["", "x", "latest ", "bnVsbA==", "A" * 500, "\N{SNOWMAN}"])
def test_a_malformed_cursor_is_refused(bank: Bank, after: str) -> None:
    answer = bank.get(PATH, "mia", after=after)

    assert answer.status_code == 412
    assert fields_of(answer) == {"after"}


@pytest.mark.parametrize("place", [8, 20, 40, 71])
def test_a_forged_cursor_is_refused(bank: Bank, place: int) -> None:
    answer = bank.get(PATH, "mia", after=changed(latest(bank, "mia"), place))

    assert answer.status_code == 412
    assert fields_of(answer) == {"after"}


def test_a_cursor_of_another_installation_is_refused_and_says_what_to_do(bank: Bank) -> None:
    foreign = changed(latest(bank, "mia"), 0)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": foreign}

    answers = [bank.get(PATH, "mia", after=foreign), bank.call("GET", PATH, "mia", headers=headers)]

    assert [answer.status_code for answer in answers] == [412, 412]
    assert "another installation" in answers[0].json()["messages"][0]["message"]


async def test_a_cursor_whose_events_are_forgotten_is_gone_and_says_what_to_do(
    bank: Bank, database: Database
) -> None:
    cursor = latest(bank, "mia")
    reader = Follower(bank, "mia")
    reader.until(bank.submitted("mia"), "submission.stored")
    async with database.connection() as db:
        await feed.forget(db, before=2**62, most=100_000)

    empty = Follower(bank, "mia")
    empty.page()
    pages = [bank.get(PATH, "mia", after=after) for after in (cursor, reader.cursor, None)]
    again = bank.get(PATH, "mia", after=pages[-1].json()["metaData"]["next"])
    stream = bank.call(
        "GET", f"{PATH}?after={cursor}", "mia", headers={"Accept": "text/event-stream"}, stream=True
    )

    assert [page.status_code for page in (*pages, again, stream)] == [410, 200, 200, 200, 410]
    assert "read on from `latest`" in pages[0].json()["messages"][0]["message"]


async def test_a_cursor_of_a_later_time_than_the_database_is_gone_and_says_what_to_do(
    bank: Bank, database: Database
) -> None:
    async with database.connection() as db:
        known = await feed.look(db)
    later = known.open_xid + 1_000_000

    gone = bank.get(PATH, "mia", after=cursor_at(known, Place(later, later)))

    assert gone.status_code == 410
    assert "has come back from a backup" in gone.json()["messages"][0]["message"]
