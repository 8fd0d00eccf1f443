"""What the bridge decides by itself: who takes samples, which task is abandoned, which crash passes, what a task is about."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from samplebank.karton import config, findings, results
from samplebank.karton.binds import Bind, bind_of, takes_raw
from samplebank.karton.bridge import LEADER, SILENT, leads
from samplebank.karton.broker import Connection
from samplebank.karton.ender import MOST_OF_TASK, Stored, ids_of, keys_of, left_out
from samplebank.karton.errors import KartonError, Misreported
from samplebank.karton.findings import read, subject_of
from samplebank.karton.healer import ROUTER, Circumstances, is_abandoned, lacks_router
from samplebank.karton.results import WORKER, Request
from samplebank.karton.tasks import DEEPEST, RESOURCE, State, Task, encoded, first_task, root_of
from samplebank.karton.trees import Look, Tree, is_passing
from samplebank.karton.watcher import is_quiet, told_root
from samplebank.worker import wire
from samplebank.worker.assignment import Assignment

NOW, STARTED = 1000.0, 900.0
SERVICE = "karton.service"
COMPLETE = "[redis]\nhost = one\n[s3]\naddress = http://two\naccess_key = k\nsecret_key = s\nbucket = b\n"


def task(headers: dict[str, Any] | None = None, **payload: Any) -> Task:
    raw = {
        "uid": "{r}:t",
        "root_uid": "r",
        "status": "Started",
        "last_update": STARTED,
        "headers": {"receiver": SERVICE, "type": "sample", "stage": "analyzed", **(headers or {})},
        "payload": payload,
    }
    return Task.of(encoded(raw))


def bytes_of(letter: str) -> dict[str, Any]:
    return {RESOURCE: {"uid": "u", "bucket": "b", "name": "n", "sha256": letter * 64}}


@pytest.mark.parametrize(
    ("filters", "takes"),
    [
        ('[{"type": "sample", "kind": "raw"}]', True),
        ('[{"type": "sample"}]', True),
        ('[{"type": "sample", "kind": "r*"}]', True),
        ('[{"type": "sample", "kind": {"$in": ["raw"]}}]', True),
        ('[{"type": "sample", "kind": "!raw"}]', False),
        ('[{"type": "sample", "stage": "recognized"}]', False),
        ("[]", False),
    ],
)
def test_a_service_takes_raw_samples_by_its_filters(filters: str, *, takes: bool) -> None:
    assert takes_raw(bind_of(f'{{"filters": {filters}, "version": "5.9.1"}}')) is takes
    assert takes_raw(bind_of(filters)) is takes


def test_a_bind_that_cannot_be_read_takes_nothing() -> None:
    assert not takes_raw(bind_of("no JSON"))


@pytest.mark.parametrize(
    ("connections", "abandoned"),
    [
        ([], True),
        ([Connection(1, SERVICE, 50, is_idle=False)], True),  # came after the start
        ([Connection(1, SERVICE, 150, is_idle=False)], False),  # may be at work
        ([Connection(1, SERVICE, 150, is_idle=True)], True),  # waits for a task
        ([Connection(1, SERVICE, 150, is_idle=True), Connection(2, SERVICE, 150, is_idle=False)], False),
        ([Connection(1, "karton.other", 150, is_idle=False)], True),
    ],
)
def test_a_task_is_abandoned_when_nobody_can_be_at_work_on_it(
    connections: list[Connection], *, abandoned: bool
) -> None:
    assert is_abandoned(task(), Circumstances(connections, {}, NOW)) is abandoned


def test_a_service_with_many_tasks_at_once_may_wait_and_work() -> None:
    idle = [Connection(1, SERVICE, 150, is_idle=True)]

    assert not is_abandoned(task(), Circumstances(idle, {SERVICE: Bind(is_async=True)}, NOW))


def test_a_task_that_takes_longer_than_any_may_is_abandoned() -> None:
    busy = [Connection(1, SERVICE, 150, is_idle=False)]

    assert is_abandoned(task(), Circumstances(busy, {}, NOW, longest=99.0))
    assert not is_abandoned(task(), Circumstances(busy, {}, NOW, longest=101.0))


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        ("redis.exceptions.ConnectionError: Connection closed by server.", True),
        (
            'botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL: "http://x"',
            True,
        ),
        (
            "botocore.exceptions.ClientError: An error occurred (404) when calling HeadObject: Not Found",
            False,
        ),
        ("botocore.errorfactory.NoSuchKey: An error occurred (NoSuchKey)", False),
        ("ValueError: redis.exceptions.ConnectionError", False),
    ],
)
def test_crashes_for_want_of_a_server_pass(error: str, *, passing: bool) -> None:
    assert is_passing(error) is passing


@pytest.mark.parametrize(("name", "lacks"), [(ROUTER, False), (SERVICE, True)])
def test_a_task_that_waits_for_the_router_tells_that_no_router_is_there(name: str, *, lacks: bool) -> None:
    waiting = Task.of(task().moved(State.DECLARED))
    there = Circumstances([Connection(1, name, 150, is_idle=True)], {}, NOW)

    assert lacks_router([task(), waiting], there) is lacks
    assert not lacks_router([task()], there)


@pytest.mark.parametrize(
    ("name", "silence", "follows"),
    [(LEADER, 1, True), (LEADER, SILENT, False), (SERVICE, 1, False)],
)
def test_a_bridge_follows_an_older_bridge_that_is_alive(name: str, silence: int, *, follows: bool) -> None:
    older, own = (
        Connection(1, name, 900, is_idle=False, silence=silence),
        Connection(2, LEADER, 9, is_idle=False),
    )

    assert leads(own.number, [own, older]) is not follows


def test_a_child_is_about_itself_and_names_its_parent() -> None:
    subject = subject_of(task(sample=bytes_of("a"), parent=bytes_of("b")))

    assert (subject.sha256, subject.parent) == ("a" * 64, "b" * 64)


def test_a_sample_that_names_itself_as_parent_is_no_child() -> None:
    assert subject_of(task(sample=bytes_of("a"), parent="A" * 64)).parent is None


def test_a_configuration_is_about_the_parent() -> None:
    found = task({"type": "config", "family": "ember"}, parent=bytes_of("a"), config={"c2": []})

    assert subject_of(found).sha256 == "a" * 64
    assert read(found, "a" * 64, "1").family == "ember"


def test_a_task_that_names_no_sample_is_refused() -> None:
    with pytest.raises(Misreported, match="names no sample"):
        subject_of(task(sample="no digest"))


def test_an_analysis_is_found_again_by_the_id_of_the_task() -> None:
    first, again = (first_task(root_of("id"), {}, {}, {}) for _ in range(2))

    assert (first.uid, first.root) == (again.uid, again.root)
    assert root_of("id") != root_of("other")


def test_variables_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "karton.ini"
    file.write_text(COMPLETE)

    read_config = config.load({"KARTON_REDIS_PORT": "7000", "KARTON_S3_BUCKET": "other"}, file)

    assert (read_config.redis_url, read_config.bucket) == ("redis://one:7000/0", "other")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COMPLETE.replace("bucket", "pail"), "The option bucket of the section [s3] is missing"),
        (COMPLETE + "[samplebank]\ngrace = soon\n", "grace is 'soon'"),
        (COMPLETE.replace("one", "one\nport = abc"), "[redis] port is 'abc'"),
        (COMPLETE.replace("one", "one\nport = 65536"), "[redis] port is '65536'"),
        (COMPLETE.replace("one", "one\nport = 0"), "The option host of the section [redis] gives no address"),
        (COMPLETE.replace("one", "one\ndb = first"), "[redis] db is 'first'"),
        (COMPLETE.replace("one", "::1"), "The option host of the section [redis] gives no address"),
        (
            COMPLETE.replace("host = one", "url = redis://:secret@one:x/0"),
            "The option url of the section [redis]",
        ),
        (COMPLETE.replace("host = one", "url = one:6379"), "The option url of the section [redis]"),
        (COMPLETE + "[samplebank]\nsamples = b\n", "names the bucket b of Karton itself"),
        ("no section", "cannot be read"),
    ],
)
def test_a_wrong_configuration_is_told(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "karton.ini"
    file.write_text(text)

    with pytest.raises(KartonError) as refusal:
        config.load({}, file)

    assert said in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_port_and_a_database_may_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "karton.ini"
    file.write_text(COMPLETE)

    assert (config.load({}, file).redis_url, config.load({}, file).redis_place) == (
        "redis://one:6379/0",
        "one:6379",
    )


@pytest.mark.parametrize(
    ("key", "root"),
    [
        ("karton.task:{root}:task", "root"),
        ("karton.task:{task}:task", None),  # as a service writes a task that it sends
        ("karton.task:task", None),  # before Karton 5.4
    ],
)
def test_the_key_of_a_sent_task_does_not_tell_its_root(key: str, root: str | None) -> None:
    assert told_root(key) == root


def look(*uids: str, still: tuple[str, ...] = ()) -> Look:
    tasks = tuple(Task.of(encoded({**task().raw, "uid": uid})) for uid in still)
    return Look(frozenset(uids), tasks, ())


@pytest.mark.parametrize(
    ("before", "now", "quiet"),
    [
        (look("a", "b"), look("a", "b"), True),
        (look("a"), look("a", "b"), False),  # a task that came during the first scan
        (look("a", "b", still=("b",)), look("a", "b"), False),  # the first scan saw a task at work
        (look("a", "b"), look("a", "b", still=("b",)), False),
        (
            look("a", "b", still=("a",)),
            look("a", "b", still=("a",)),
            True,
        ),  # a waits in the hand of the reporter
    ],
)
def test_an_analysis_is_over_when_two_scans_find_the_same_and_nothing_open(
    before: Look, now: Look, *, quiet: bool
) -> None:
    assert is_quiet(before, now, {"a"}) is quiet


@pytest.mark.parametrize(("state", "over"), [("Crashed", False), ("Finished", True)])
def test_a_crash_that_passes_is_over_when_the_task_was_sent_anew(state: str, *, over: bool) -> None:
    passing = {**task().raw, "status": state, "error": ["redis.exceptions.ConnectionError: gone"]}
    assignment = msgspec.convert(
        {"task": {"id": "t"}, "job": {"id": "j"}, "sample": {"id": "a" * 64}, "leaseToken": "l"}, Assignment
    )

    assert Tree(assignment).is_over(Task.of(encoded(passing))) is over


def test_families_are_kept_where_a_service_tells_more_tags_than_an_analysis_has() -> None:
    told = findings.Finding(
        sample="a",
        service=SERVICE,
        version="1",
        type="config",
        family="zeus",
        tags=[f"tag {n}" for n in range(200)],
    )
    account = results.Account("r", "1", crashes=[], tasks=1, restarted=0)

    requests = results.requests_of([told], {"a"}, "a", account, results.Terms("mill", "amber"))

    tags = requests[0].body["tags"]
    assert len(tags) == wire.MOST_TAGS
    assert {"type": "family", "value": "zeus"} in tags


def test_a_result_whose_numbers_the_service_writes_out_is_measured_as_the_service_measures() -> None:
    numbers = [float(f"{number}e300") for number in range(1, 400)]
    told = findings.Finding("a", SERVICE, "1", "sample", attributes={"moduli": numbers})
    account = results.Account("r", "1", crashes=[], tasks=1, restarted=0)

    requests = results.requests_of([told], {"a"}, "a", account, results.Terms("mill", "amber", most=100_000))

    assert set(requests[0].body["analysisResult"]) == {"tooLarge"}


def test_numbers_that_no_json_has_do_not_hide_a_task() -> None:
    text = encoded({**task().raw, "payload": {"entropy": float("nan"), "id": 2**80}})

    assert Task.of(text).payload("id") == 2**80


def nested(steps: int) -> str:
    """The text of a task with lists in each other."""
    return encoded(task(deep="steps").raw).replace('"steps"', "[" * steps + "]" * steps)


def test_a_task_that_is_read_can_be_written() -> None:
    text = Task.of(nested(DEEPEST - 2)).moved(State.FINISHED)

    assert Task.of(text).state is State.FINISHED


@pytest.mark.parametrize("steps", [DEEPEST, 980, 985, 990, 5_000])
def test_a_task_that_might_be_read_and_not_written_is_no_task(steps: int) -> None:
    with pytest.raises(KartonError, match="nested too deep"):
        Task.of(nested(steps))


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "Resting"},
        {"headers": []},
        {"payload": [["sample", 1]]},
        {"payload_persistent": 1.5},
        {"last_update": "yesterday"},
        {"parent_uid": ["{r}:p"]},
        {"orig_uid": 7},
        {"priority": {}},
        {"uid": "{r}:\ud800"},
        {"headers": {"receiver": "\ud800"}},
    ],
    ids=str,
)
def test_a_task_of_another_form_is_no_task(odd: dict[str, object]) -> None:
    with pytest.raises(KartonError, match="no task of Karton"):
        Task.of(encoded({**task().raw, **odd}))


def test_a_task_has_the_newest_of_more_analyses_than_a_task_takes_and_says_so() -> None:
    stored = [Stored("a", str(number)) for number in range(MOST_OF_TASK + 1)]
    beside = [Stored("b", "of b"), Stored("gone"), Stored("b", refusal="The result is too large.")]

    ids, told = ids_of([*beside, *stored]), left_out([*beside, *stored], "a")

    assert (len(ids["a"]), ids["a"][-1], ids["b"]) == (MOST_OF_TASK, str(MOST_OF_TASK), ["of b"])
    refusal, rest = told.splitlines()
    assert refusal == "The result is too large."
    assert rest.startswith(f"{MOST_OF_TASK + 1} analyses were stored.")


def test_each_request_has_a_key_of_its_own_also_of_a_service_with_the_name_of_the_bridge() -> None:
    names = ["karton.yara", WORKER, "karton.\n", "karton.", "karton. ", "x" * 91, "x" * 92, WORKER]

    keys = keys_of("root", [Request("sample", name, {}) for name in names])

    assert len(set(keys)) == len(keys)
    assert all(key.isprintable() and len(key) <= len("karton:root:sample:") + 91 for key in keys)
    assert (keys[0], keys[-1]) == ("karton:root:sample:karton.yara", "karton:root:sample:karton")
