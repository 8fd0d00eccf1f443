"""Proof of possession: a client without the bytes gets nothing, however often the client asks."""

import hashlib
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from kit.bank import Bank, Sample
from kit.service import running
from samplebank.cli.client import Client
from samplebank.cli.connection import Connection
from samplebank.submissions.challenge import LEFT_OUT, PART, SMALL, draw_range

SIZES = [4096, 5000, 1 << 20, SMALL]


@pytest.mark.parametrize("size", SIZES)
def test_a_range_leaves_out_a_few_bytes_at_the_ends_and_never_none(size: int) -> None:
    drawn = [draw_range(size, 4096) for _ in range(300)]

    left_out = {size - asked.length for asked in drawn}

    assert left_out <= set(range(1, LEFT_OUT + 1))
    assert all(0 <= asked.offset <= size - asked.length for asked in drawn)
    assert len({(asked.offset, asked.length) for asked in drawn}) > 50


def test_of_a_large_file_a_part_is_asked_for_that_lies_anywhere() -> None:
    size = 3 * SMALL

    drawn = [draw_range(size, 4096) for _ in range(300)]

    assert {asked.length for asked in drawn} == {PART}
    assert min(asked.offset for asked in drawn) < size // 4
    assert max(asked.offset + asked.length for asked in drawn) > 3 * size // 4


def ask(bank: Bank, sample: Sample, user: str = "quinn") -> dict[str, Any]:
    challenge: dict[str, Any] = bank.data(bank.post(f"{sample.path}/challenge", user=user))
    return challenge


def answer(bank: Bank, sample: Sample, id_: str, digest: str, user: str = "quinn") -> Any:
    return bank.post(f"{sample.path}/submission", bank.submission_body({"id": id_, "sha256": digest}), user)


def solved(sample: Sample, asked: dict[str, Any]) -> str:
    part = sample.data[asked["offset"] : asked["offset"] + asked["length"]]
    return hashlib.sha256(part).hexdigest()


def test_asking_again_gives_another_challenge_about_the_same_range(bank: Bank) -> None:
    sample = bank.submitted()

    asked = [ask(bank, sample) for _ in range(20)]

    assert len({(one["offset"], one["length"]) for one in asked}) == 1
    assert len({one["id"] for one in asked}) == len(asked)


def test_users_and_samples_have_ranges_of_their_own(bank: Bank) -> None:
    samples = [bank.submitted() for _ in range(12)]

    ranges = {(ask(bank, one)["offset"], ask(bank, one)["length"]) for one in samples}
    others = [(ask(bank, one, "hana")["offset"], ask(bank, one, "hana")["length"]) for one in samples]

    assert len(ranges) > 1
    assert len({*ranges, *others}) > len(ranges)


def test_who_holds_the_bytes_answers_it(bank: Bank) -> None:
    sample = bank.submitted()
    asked = ask(bank, sample)

    assert answer(bank, sample, asked["id"], solved(sample, asked)).status_code == 201


def test_the_hash_of_the_file_answers_no_challenge(bank: Bank) -> None:
    sample = bank.submitted()
    asked = ask(bank, sample)

    refused = answer(bank, sample, asked["id"], sample.sha256)

    assert refused.status_code == 412
    assert bank.get(sample.path, "quinn").status_code == 404


def test_nobody_answers_the_challenge_of_another_user(bank: Bank) -> None:
    sample = bank.submitted()
    asked = ask(bank, sample, "quinn")

    refused = answer(bank, sample, asked["id"], solved(sample, asked), "hana")

    assert (refused.status_code, bank.get(sample.path, "hana").status_code) == (412, 404)
    assert answer(bank, sample, asked["id"], solved(sample, asked), "quinn").status_code == 201


def test_the_challenge_of_a_sample_opens_no_other_sample(bank: Bank) -> None:
    held, wanted = bank.submitted(), bank.submitted()
    asked = ask(bank, held)

    refused = answer(bank, wanted, asked["id"], solved(held, asked))

    assert (refused.status_code, bank.get(wanted.path, "quinn").status_code) == (412, 404)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """A service that takes few wrong answers, for a short while."""
    settings = {
        "SAMPLEBANK_CHALLENGE_ATTEMPTS": "3",
        "SAMPLEBANK_CHALLENGE_PERIOD": "86400",
        "SAMPLEBANK_PROCESSES": "1",
    }
    with running(tmp_path_factory.mktemp("strict"), settings) as service:
        yield Bank(service.url, service.keys)


@pytest.fixture(scope="module")
def barred(strict: Bank) -> Sample:
    """A sample whose challenges quinn has answered wrongly three times."""
    sample = strict.submitted()
    asked = [ask(strict, sample, "quinn")["id"] for _ in range(3)]
    for id_ in asked:
        answer(strict, sample, id_, secrets.token_hex(32))
    return sample


def test_after_too_many_wrong_answers_there_is_no_challenge_for_a_while(strict: Bank, barred: Sample) -> None:
    refused = strict.post(f"{barred.path}/challenge", user="quinn")

    assert refused.status_code == 429
    assert 86000 < int(refused.headers["Retry-After"]) <= 86400


def test_the_command_line_sends_the_bytes_then(strict: Bank, barred: Sample) -> None:
    with Client(Connection(strict.url, strict.keys["quinn"])) as client:
        asked = client.challenge(barred.sha256)

    assert asked is None


def test_a_right_answer_comes_too_late_then(strict: Bank) -> None:
    sample = strict.submitted()
    kept = ask(strict, sample, "hana")
    for _ in range(3):
        answer(strict, sample, ask(strict, sample, "hana")["id"], secrets.token_hex(32), "hana")

    refused = answer(strict, sample, kept["id"], solved(sample, kept), "hana")

    assert refused.status_code == 429
    assert strict.get(sample.path, "hana").status_code == 404


def test_a_wrong_answer_that_is_repeated_counts_once(strict: Bank) -> None:
    sample = strict.submitted()
    asked = ask(strict, sample, "mia")["id"]
    for _ in range(5):
        answer(strict, sample, asked, "0" * 64, "mia")

    assert strict.post(f"{sample.path}/challenge", user="mia").status_code == 200


def test_whoever_uploads_the_file_need_not_wait(strict: Bank, barred: Sample) -> None:
    stored = strict.submit(barred, "quinn")

    assert stored["sampleSha256"] == barred.sha256


def test_others_are_not_kept_from_asking(strict: Bank, barred: Sample) -> None:
    assert strict.post(f"{barred.path}/challenge", user="nora").status_code == 200
