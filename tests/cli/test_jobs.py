"""`samplebank jobs`: the table, following, and one job explained."""

import json
import signal

import pytest

from cli.staging import Ended, Program, Said, Staged, envelope, refusal

API = "/sampledb/v2"
SHA256 = "ab" * 32
JOB_ID = "3f2a91c0-0000-4000-8000-000000000001"
OTHER_ID = "3f2a91ff-0000-4000-8000-000000000002"
ENQUEUED = 1_700_000_000_000
JOB = {
    "id": JOB_ID,
    "state": "done",
    "customer": {"id": 7, "shortName": "acme", "name": "Acme"},
    "analysedSample": {"id": SHA256, "size": 5},
    "enqueuedTimestamp": ENQUEUED,
    "startTimestamp": ENQUEUED + 500,
    "endTimestamp": ENQUEUED + 2000,
}
TASKS = [
    {
        "id": "t1",
        "worker": "static",
        "state": "success",
        "startTimestamp": ENQUEUED,
        "endTimestamp": ENQUEUED + 250,
    },
    {"id": "t2", "worker": "yara", "state": "failed", "message": "The sample is encrypted."},
]
VERDICT = {"score": 90, "tags": [{"type": "family", "value": "emotet", "count": 1}], "job": {"id": JOB_ID}}


@pytest.fixture
def bank(staged: Staged) -> Staged:
    staged.at = {
        f"{API}/job/search": Said(200, envelope([JOB])),
        f"{API}/job/{JOB_ID}": Said(200, envelope(JOB)),
        f"{API}/job/{JOB_ID}/tasks": Said(200, envelope(TASKS)),
        f"{API}/sample/{SHA256}/verdict": Said(200, envelope([VERDICT])),
    }
    staged.says(Said(404, refusal(("There is no such thing.", None))))
    return staged


def listed(program: Program, bank: Staged, *arguments: str) -> Ended:
    return program.run("jobs", "--url", bank.url, "--key", "k", *arguments)


def test_the_table_tells_state_duration_and_progress(program: Program, bank: Staged) -> None:
    ended = listed(program, bank)

    assert ended.status == 0
    assert ended.out.splitlines()[1].split() == [
        *["000000000001", "done", SHA256[:16], "acme", "2023-11-14T22:13:20.000Z", "1.5", "s", "2/2"]
    ]


def test_filters_become_criteria(program: Program, bank: Staged) -> None:
    listed(
        program,
        bank,
        *[
            "--state",
            "done",
            "--state",
            "timeout",
            "--customer",
            "acme",
            "--limit",
            "5",
            "--since",
            str(ENQUEUED),
        ],
    )

    assert json.loads(bank.heard[0].body) == {
        "sortBy": ["-enqueuedTimestamp"],
        "state": ["done", "timeout"],
        "customer": ["acme"],
        "startTimestamp": ENQUEUED,
        "timeFieldStrategy": ["enqueuedTimestamp"],
        "limit": 5,
    }


def test_json_is_one_document_in_the_words_of_the_interface(program: Program, bank: Staged) -> None:
    ended = listed(program, bank, "--json")

    (job,) = json.loads(ended.out)["jobs"]
    assert job["analysedSample"] == {"id": SHA256, "size": 5}
    assert job["endTimestamp"] == ENQUEUED + 2000


def test_why_shows_each_worker_with_its_message_and_the_verdict(program: Program, bank: Staged) -> None:
    ended = listed(program, bank, "--why", JOB_ID)

    assert "yara    failed             The sample is encrypted." in ended.out
    assert "Verdict: malicious, score 90, family:emotet." in ended.out


@pytest.mark.parametrize("shortened", ["3F2A91", "000000000001"])
def test_why_takes_a_shortened_id(program: Program, bank: Staged, shortened: str) -> None:
    ended = listed(program, bank, "--why", shortened, "--json")

    explained = json.loads(ended.out)
    assert (explained["job"]["id"], explained["verdict"]["score"], len(explained["tasks"])) == (JOB_ID, 90, 2)


def test_an_id_shortened_too_far_is_refused(program: Program, bank: Staged) -> None:
    bank.at[f"{API}/job/search"] = Said(200, envelope([JOB, {**JOB, "id": OTHER_ID}]))

    ended = listed(program, bank, "--why", "3f2a91")

    assert ended.status == 1
    assert ended.complaints == [
        "samplebank: 2 jobs have an id that starts or ends with 3f2a91; give more of it."
    ]


def test_an_id_that_nothing_has_is_refused(program: Program, bank: Staged) -> None:
    ended = listed(program, bank, "--why", "ffff")

    assert ended.status == 1
    assert "None of the newest 1000 jobs has an id that starts or ends with ffff." in ended.complaints[0]


def test_following_tells_changes_until_it_is_interrupted(program: Program, bank: Staged) -> None:
    following = program.start("jobs", "--url", bank.url, "--key", "k", "--follow", "--json")
    assert following.stdout is not None
    first = following.stdout.readline()
    bank.at[f"{API}/job/search"] = Said(200, envelope([{**JOB, "state": "timeout"}]))
    second = following.stdout.readline()
    following.send_signal(signal.SIGINT)
    _, complaints = following.communicate(timeout=30)

    assert [json.loads(line)["state"] for line in (first, second)] == ["done", "timeout"]
    assert (following.returncode, complaints) == (0, "")


def test_following_ends_when_its_reader_is_gone(program: Program, bank: Staged) -> None:
    following = program.start("jobs", "--url", bank.url, "--key", "k", "--follow")
    assert following.stdout is not None
    following.stdout.readline()
    following.stdout.close()
    bank.at[f"{API}/job/search"] = Said(200, envelope([{**JOB, "state": "timeout"}]))

    assert following.wait(timeout=30) == 1
    assert following.stderr is not None
    assert following.stderr.read() == ""
    following.stderr.close()
