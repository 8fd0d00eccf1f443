"""The feed tells of everything that happens to what the reader may see, and of nothing else."""

import asyncio
import json
import threading
from itertools import islice, takewhile
from typing import get_args

import pytest
from jsonschema_rs import Draft202012Validator
from msgspec.structs import replace

from kit.bank import AGENT, ROBOT, Bank, Sample, eventually, fields_of, name_of, together
from kit.feed import ENDED, PATH, EventStream, Follower, finished, latest, types_of
from kit.service import Service
from samplebank.accounts.caller import Scope
from samplebank.accounts.model import Permission
from samplebank.api.feed import Silence, Type
from samplebank.database import Database
from samplebank.events import feed
from samplebank.feed import reading
from samplebank.feed.cloud_events import INSTALLATION
from samplebank.feed.kinds import KINDS
from samplebank.feed.reading import MOST_BYTES, read_page

#: what CloudEvents 1.0 demands of an event as JSON
CLOUD_EVENT = {
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "format": "uri", "minLength": 1},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "minLength": 1},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"type": "string", "minLength": 1},
        "data": {"type": "object"},
    },
    "patternProperties": {"^[a-z0-9]+$": {}},
    "additionalProperties": False,
}
#: so many more events that a submission of the sample was stored
REPEATED = """
    INSERT INTO outbox (sample_id, kind, payload, created_time)
    SELECT o.sample_id, o.kind, o.payload, o.created_time
      FROM outbox o JOIN sample s ON s.id = o.sample_id CROSS JOIN generate_series(1, $2)
     WHERE s.sha256 = $1 AND o.kind = 'submission'
"""
DELETE, VIEW = Permission.DELETE_SAMPLE, Permission.VIEW_SAMPLES


def link(bank: Bank, sample: Sample, reference: str, tlp: str = "amber") -> None:
    body = {"reference": reference, "tlp": tlp, "type": "child", "userAgent": AGENT}
    bank.data(bank.post(f"{sample.path}/link", body, ROBOT))


def test_the_kinds_of_events_and_the_types_of_the_interface_are_the_same() -> None:
    assert {kind.type for kind in KINDS.values()} == set(get_args(Type))


@pytest.fixture
async def begin(bank: Bank, database: Database) -> feed.Place:
    """A place before the events of a finished job."""
    async with database.connection() as db:
        place = await feed.end_of(db, await feed.look(db))
    reader = Follower(bank, "chief")
    sample, _ = finished(bank)
    reader.until(sample, "verdict.settled")
    return place


async def test_a_page_with_several_kinds_of_events_takes_two_statements(
    begin: feed.Place, database: Database
) -> None:
    statements: list[str] = []

    async with database.connection() as db:
        with db.query_logger(lambda record: statements.append(record.query)):
            page = await read_page(db, INSTALLATION, begin, 2, KINDS)
            await asyncio.sleep(0)  # the logger is called in the next turn of the loop

    assert [event.kind for event in page.events] == ["submission", "job"]
    assert len([text for text in statements if "outbox" in text]) == 2


async def test_a_page_for_a_stream_ends_with_the_first_events_that_are_found(
    begin: feed.Place, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "AT_ONCE", 1)

    async with database.connection() as db:
        whole = await read_page(db, INSTALLATION, begin, 3, KINDS)
        first = await read_page(db, INSTALLATION, begin, 3, KINDS, promptly=True)

    assert len(whole.events) == 3
    assert first.events == whole.events[:1]
    assert not first.is_last


def test_every_kind_of_event_comes_in_order_as_a_cloud_event(bank: Bank) -> None:
    reader = Follower(bank, "chief")
    sample, analysis = finished(bank, 95)
    reader.until(sample, "alert.raised")
    link(bank, sample, "0" * 64)
    path = f"{sample.path}/analysis/{analysis}/evidence/a.txt"
    bank.data(bank.call("POST", path, ROBOT, data=b"seen", params={"internal": "true"}))
    # What is not read by then goes with the sample.
    reader.until(sample, "evidence.added")
    bank.data(bank.delete(sample.path))

    events = reader.until(sample, "sample.deleted")

    assert types_of(events, sample) == [
        *ENDED,
        "alert.raised",
        "link.added",
        "evidence.added",
        "audit.recorded",
        "sample.deleted",
        "audit.recorded",
    ]
    validator = Draft202012Validator(CLOUD_EVENT, validate_formats=True)
    assert [list(validator.iter_errors(event)) for event in events] == [[]] * len(events)
    assert len({(event["source"], event["id"]) for event in events}) == len(events)


def test_the_data_of_an_event_say_what_it_is_about(bank: Bank) -> None:
    reader = Follower(bank, "mia")
    sample, _ = finished(bank, 95, fileName="invoice.exe")

    told = {event["type"]: event["data"] for event in reader.until(sample, "alert.raised")}

    assert told["samplebank.submission.stored"]["fileName"] == "invoice.exe"
    assert told["samplebank.job.ended"]["state"] == "done"
    assert told["samplebank.job.ended"]["submission"] == told["samplebank.submission.stored"]
    assert told["samplebank.verdict.settled"]["score"] == 95
    assert told["samplebank.alert.raised"]["event"] == "alerted"


def test_a_reader_sees_the_events_of_what_it_may_see_and_no_other(bank: Bank) -> None:
    users = ["mia", "hana", "quinn", "viewer"]
    readers = [Follower(bank, user) for user in users]
    own, _ = finished(bank)
    green, _ = finished(bank, tlp="green")
    clear, _ = finished(bank, tlp="clear")
    last = [bank.submitted(user) for user in users[:3]]

    for reader, until in zip(readers, [*last, last[0]], strict=True):
        reader.until(until, "submission.stored")

    seen = [[types_of(reader.events, sample) for sample in (own, green, clear)] for reader in readers]
    # who reads the submission sees sample and verdict; jobs are their customer's
    foreign = ["submission.stored", "verdict.settled"]
    assert seen == [
        [ENDED, ENDED, ENDED],
        [[], [], foreign],
        [[], foreign, foreign],
        [ENDED, ENDED, ENDED],
    ]


async def test_who_may_delete_for_one_customer_is_not_told_of_deletions_of_another_that_it_may_view(
    bank: Bank, begin: feed.Place, database: Database
) -> None:
    reader = Follower(bank, "chief")
    sample = bank.submitted("quinn")
    bank.data(bank.delete(sample.path))
    reader.until(sample, "sample.deleted")

    async with database.connection() as db:
        customers: dict[str, int] = dict(await db.fetch("SELECT short_name, id FROM customer"))
        mill, quarry = (Scope(customers=frozenset({customers[name]})) for name in ("mill", "quarry"))
        told = [
            [event.sha256.hex() for event in (await read_page(db, caller, begin, 1000, {"deletion"})).events]
            for caller in (
                replace(INSTALLATION, scopes={DELETE: mill, VIEW: quarry}),
                replace(INSTALLATION, scopes={DELETE: quarry}),
            )
        ]

    assert told == [[], [sample.sha256]]


def test_a_link_for_everybody_tells_nothing_of_a_sample_that_the_reader_may_not_see(bank: Bank) -> None:
    reader = Follower(bank, "hana")
    sample = bank.submitted("mia")
    link(bank, sample, Sample().sha256, tlp="clear")

    reader.until(bank.submitted("hana"), "submission.stored")

    assert types_of(reader.events, sample) == []


def test_what_somebody_may_not_see_is_not_told_inside_of_other_events(bank: Bank) -> None:
    hidden = bank.submitted("hana")
    reader, boss = Follower(bank, "mia"), Follower(bank, "boss")
    sample, analysis = finished(bank)
    link(bank, sample, hidden.sha256)
    path = f"{sample.path}/analysis/{analysis}/evidence/inside.txt"
    bank.data(bank.call("POST", path, ROBOT, data=b"x", params={"internal": "true"}))
    last = bank.submitted("mia")

    told = {event["type"]: event["data"] for event in reader.until(sample, "link.added")}
    reader.until(last, "submission.stored")

    assert told["samplebank.link.added"]["referencedSha256"] is None
    assert "evidence.added" not in types_of(reader.events, sample)
    assert boss.until(sample, "evidence.added")


def test_a_reader_who_waits_is_told_at_once(bank: Bank) -> None:
    reader = Follower(bank, "quinn")
    waiting = threading.Thread(target=reader.page, kwargs={"wait": 30})
    waiting.start()

    sample = bank.submitted("quinn")
    waiting.join(20)

    assert not waiting.is_alive()
    assert types_of(reader.events, sample)[0] == "submission.stored"


def test_pages_of_any_size_have_the_same_events(bank: Bank) -> None:
    large, small = Follower(bank, "mia"), Follower(bank, "mia", limit=1)
    sample, _ = finished(bank)
    large.until(sample, "verdict.settled")

    small.until(sample, "verdict.settled")

    assert [event["id"] for event in small.events] == [event["id"] for event in large.events]


def test_a_page_of_large_events_ends_early_and_says_that_there_are_more(bank: Bank) -> None:
    """Any user may submit large metadata. A page holds some of such events in memory, and not a thousand."""
    cursor = latest(bank, "quinn")
    samples = [bank.submitted("quinn", metaData={"note": "x" * 60_000}) for _ in range(25)]

    pages, more = [], True
    while more:
        pages.append(bank.get(PATH, "quinn", after=cursor, limit=1000))
        cursor, more = (pages[-1].json()["metaData"][name] for name in ("next", "more"))

    stored = [
        event["subject"] for page in pages for event in page.json()["data"] if "stored" in event["type"]
    ]
    assert stored == [sample.sha256 for sample in samples]
    assert max(len(page.content) for page in pages) < MOST_BYTES + 100_000


def test_types_choose_the_events(bank: Bank) -> None:
    reader = Follower(bank, "mia", type=["samplebank.verdict.settled", "samplebank.job.opened"])
    sample, _ = finished(bank)

    reader.until(sample, "verdict.settled")

    assert types_of(reader.events, sample) == ["job.opened", "verdict.settled"]


def test_a_stream_tells_events_and_goes_on_behind_the_last_one_that_was_read(bank: Bank) -> None:
    with EventStream(bank, "quinn") as stream:
        sample, _ = finished(bank, user="quinn")
        first = [stream.next(), stream.next()]

    with EventStream(bank, "quinn", **{"Last-Event-ID": first[-1][0]}) as stream:
        rest = [stream.next(), stream.next()]

    assert types_of([event for _, event in first + rest], sample) == ENDED


def test_a_stream_ends_with_its_key(bank: Bank, service: Service) -> None:
    issued = service.run("key", "create", "mia", "--json").stdout
    key = issued.split('"key": "')[1].split('"')[0]
    id_ = issued.split('"id": "')[1].split('"')[0]

    with EventStream(bank, "mia", key=key) as stream:
        service.run("key", "revoke", id_)
        blocks = list(stream.blocks())

    # a sign of life would come 15 s later
    assert all("data" in block for block in blocks)
    # another process may remember the key a little longer
    assert eventually(lambda: bank.call("GET", PATH, None, headers={"Argus-API-Key": key}).status_code == 401)


def test_a_stream_ends_with_the_last_right_of_its_reader_to_see_events(bank: Bank, service: Service) -> None:
    user = name_of("reader")
    service.run("accounts", "add-user", user, "mill")
    service.run("accounts", "add-grant", user, "SAMPLEDB-VIEWER", "mill")
    key = json.loads(service.run("key", "create", user, "--json").stdout)["key"]

    with EventStream(bank, user, key=key) as stream:
        service.run("accounts", "remove-grant", user, "SAMPLEDB-VIEWER", "mill")
        bank.submitted("mia")  # wakes the stream, also where no sign of life is due
        list(islice(stream.blocks(), 5))
        has_ended = next(stream.blocks(), None) is None

    assert has_ended
    assert eventually(lambda: bank.call("GET", PATH, None, headers={"Argus-API-Key": key}).status_code == 403)


def test_a_sign_of_life_comes_when_it_is_due_whatever_happens_to_others() -> None:
    """Events of others wake a stream that has nothing to tell."""
    silence = Silence(15.0, now=100.0)

    woken = [silence.left(now) for now in (103.0, 107.0, 115.0)]
    silence.break_at(115.0)

    assert woken == [12.0, 8.0, 0.0]
    assert silence.left(115.0) == 15.0


def test_names_of_media_types_are_written_in_letters_of_any_case(bank: Bank) -> None:
    headers = {"Accept": "TEXT/Event-Stream"}

    with bank.call("GET", f"{PATH}?after=latest", "mia", headers=headers, stream=True) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")


async def test_a_stream_ends_where_events_are_forgotten_before_it_has_told_them(
    bank: Bank, database: Database
) -> None:
    cursor = latest(bank, "mia")
    many = bank.submitted("mia")
    async with database.connection() as db:
        # more than the buffers between service and reader hold, so that the stream waits for its reader
        await db.execute(REPEATED, bytes.fromhex(many.sha256), 8000)

    with EventStream(bank, "mia", cursor) as stream:
        async with database.connection() as db:
            await feed.forget(db, before=2**62, most=100_000)
        behind = bank.submitted("mia")
        told = list(takewhile(lambda block: behind.sha256 not in block.get("data", ""), stream.blocks()))
        has_ended = next(stream.blocks(), None) is None

    again = bank.get(PATH, "mia", after=told[-1]["id"])
    assert has_ended
    assert again.status_code == 410, again.text


@pytest.mark.parametrize(
    ("field", "value"),
    [("limit", 0), ("limit", 1001), ("wait", -1), ("wait", 31), ("type", "job"), ("since", 1)],
)
def test_a_parameter_out_of_bounds_is_refused_by_name(bank: Bank, field: str, value: object) -> None:
    answer = bank.get(PATH, "mia", **{field: value})

    assert answer.status_code == 412
    assert {name.split("[")[0] for name in fields_of(answer)} == {field}


def test_a_user_has_a_bounded_number_of_waiting_readers(bank: Bank) -> None:
    """64 in each of two processes."""
    cursor = latest(bank, "gus")

    answers = together([lambda: bank.get(PATH, "gus", after=cursor, wait=2)] * 130)

    assert {answer.status_code for answer in answers} == {200, 429}
