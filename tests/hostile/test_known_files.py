"""Where a site says so, nobody is told that others have brought a file: the file is answered as a file that nobody has."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import requests

from kit.bank import V2, Bank, Sample
from kit.service import Service, running

SIZE = 5000
BUDGET = 40 * SIZE
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "1",
    "SAMPLEBANK_KNOWN_FILES": "own",
    "SAMPLEBANK_STORED_BYTES_PER_CUSTOMER": str(BUDGET),
}
Ask = Callable[[Bank, Sample], requests.Response]


@pytest.fixture(scope="module")
def discreet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("discreet"), SETTINGS) as service:
        yield service


@pytest.fixture
def quiet(discreet: Service) -> Bank:
    return Bank(discreet.url, discreet.keys)


def challenge(bank: Bank, sample: Sample, user: str = "quinn") -> requests.Response:
    return bank.post(f"{sample.path}/challenge", user=user)


def token(sample: Sample) -> dict[str, str]:
    return {"id": str(uuid4()), "sha256": sample.sha256}


def submission(bank: Bank, sample: Sample) -> requests.Response:
    return bank.post(f"{sample.path}/submission", bank.submission_body(token(sample)), "quinn")


def mistaken_submission(bank: Bank, sample: Sample) -> requests.Response:
    body = bank.submission_body(token(sample), retention="now - 1 day", tlp="pink")
    return bank.post(f"{sample.path}/submission", body, "quinn")


def told(answer: requests.Response) -> tuple[int, list[str]]:
    return answer.status_code, [message["message"] for message in answer.json()["messages"]]


@pytest.mark.parametrize("ask", [challenge, submission, mistaken_submission])
def test_a_file_of_others_is_answered_as_a_file_of_nobody(quiet: Bank, ask: Ask) -> None:
    theirs = quiet.submitted("mia")

    assert told(ask(quiet, theirs)) == told(ask(quiet, Sample()))


@pytest.mark.parametrize("ask", [challenge, submission, mistaken_submission])
def test_by_default_whoever_asks_is_told_that_somebody_has_the_file(bank: Bank, ask: Ask) -> None:
    theirs = bank.submitted("mia")

    assert told(ask(bank, theirs)) != told(ask(bank, Sample()))


def test_the_first_upload_of_a_customer_is_new_to_the_customer_and_the_second_is_not(quiet: Bank) -> None:
    theirs = quiet.submitted("mia")

    answers = [quiet.upload(theirs, "quinn") for _ in range(2)]

    assert [(one.status_code, one.json()["data"]["exists"]) for one in answers] == [(201, False), (200, True)]


def test_a_file_that_is_new_to_the_customer_is_stored_once_and_opens_as_ever(quiet: Bank) -> None:
    theirs = quiet.submitted("mia")

    quiet.submit(theirs, "quinn")

    seen = quiet.data(quiet.get(f"{V2}/sample/{theirs.sha256}/submission", "quinn"))
    assert len(seen) == 1
    assert quiet.get(f"{theirs.path}/raw", "mia").content == theirs.data


def test_who_brought_a_file_or_sees_the_file_is_told(quiet: Bank) -> None:
    brought, shared, for_all = Sample(), quiet.submitted("mia"), quiet.submitted("mia", tlp="clear")
    quiet.upload(brought, "quinn")

    answers = [challenge(quiet, brought), challenge(quiet, shared, "mia"), challenge(quiet, for_all)]

    assert [one.status_code in {200, 422} for one in answers] == [True] * 3


def test_a_used_up_budget_refuses_a_file_of_others_as_any_new_file(quiet: Bank) -> None:
    theirs = quiet.submitted("mia")
    quiet.upload(Sample(BUDGET), "hana")

    refused = [quiet.upload(one, "hana").status_code for one in (theirs, Sample(SIZE))]

    assert refused == [429, 429]
