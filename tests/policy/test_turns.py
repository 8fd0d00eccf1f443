"""Those who change workers and rules at the same time do not get in each other's way."""

from functools import partial

import requests

from kit.bank import V2, Bank, name_of, together


def described(bank: Bank, worker: str) -> requests.Response:
    return bank.put(f"{V2}/worker/{worker}", {"localizedDescriptions": {"english": name_of("text")}})


def test_a_worker_that_several_delete_and_change_at_once_is_deleted_once_and_changed_no_more(
    bank: Bank,
) -> None:
    for _ in range(3):
        worker = bank.worker()["id"]
        deletions = [partial(bank.delete, f"{V2}/worker/{worker}")] * 4
        changes = [partial(described, bank, worker)] * 4

        answers = together([call for pair in zip(changes, deletions, strict=True) for call in pair])

        assert {answer.status_code for answer in answers[1::2]} == {200}
        assert {answer.status_code for answer in answers[::2]} <= {200, 404}
        left = bank.data(bank.get(f"{V2}/worker/{worker}"))
        assert [answer.json()["data"] for answer in answers[1::2]] == [left] * 4
