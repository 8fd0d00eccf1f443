"""Similar samples: near by TLSH, or with a value in common, and nothing that the caller may not see."""

import asyncio
import secrets
from functools import partial
from typing import Any

import pytest
import requests
from bench.databases import connected

from kit.bank import AGENT, ROBOT, Bank, Sample, eventually, fields_of, together
from kit.claimed import Claimed
from kit.locks import session_behind
from kit.service import Service
from kit.similar import fact, near_to, some_tlsh, tell, told
from samplebank.database import Database

LOCK = "SELECT id FROM sample WHERE sha256 = $1 FOR NO KEY UPDATE"
#: another job that tells a fact first
TAKE = """
    INSERT INTO derived_fact (sample_id, kind, said, digests, agent_name, agent_version, created_time)
    VALUES ($1, 'imphash', '{first}', ARRAY[gen_random_uuid()], 'tests', '1.0', 1)
"""


def end(bank: Bank, claim: dict[str, Any], *facts: dict[str, str]) -> requests.Response:
    analysis = {
        "analysisResult": {},
        "analysisScore": -1,
        "customer": claim["job"]["customer"]["shortName"],
        "tlp": "amber",
        "userAgent": {"name": claim["task"]["worker"], "version": "1.0"},
        "facts": list(facts),
    }
    path = f"/samplebank/v1/job/{claim['job']['id']}/task/{claim['task']['id']}/result"
    return bank.post(path, {"leaseToken": claim["leaseToken"], "analysis": analysis}, ROBOT)


def similar(bank: Bank, sample: Sample, user: str = "mia", **parameters: Any) -> dict[str, Any]:
    path = f"/samplebank/v1/sample/{sample.sha256}/similar"
    found: dict[str, Any] = bank.data(bank.get(path, user, **parameters))
    return found


def near(bank: Bank, sample: Sample, user: str = "mia", **parameters: Any) -> list[tuple[int, str]]:
    found = similar(bank, sample, user, **parameters)["samples"]
    return [(one["distance"], one["sample"]["sha256"]) for one in found]


def shared(bank: Bank, sample: Sample, user: str = "mia") -> dict[tuple[str, str], list[str]]:
    """The newest samples with each value."""
    return {
        (one["kind"], one["value"]): [named["sample"]["sha256"] for named in one["newest"]]
        for one in similar(bank, sample, user)["facts"]
    }


def test_a_sample_that_no_worker_told_facts_of_is_like_no_other(bank: Bank) -> None:
    found = similar(bank, bank.submitted())

    assert (found["samples"], found["facts"], found.get("tlsh")) == ([], [], None)


def test_the_nearest_samples_come_first_with_their_distance(bank: Bank) -> None:
    tlsh = some_tlsh()
    sample = told(bank, fact("tlsh", tlsh), fileName="first.exe")
    far, same, close = (told(bank, fact("tlsh", near_to(tlsh, steps)), fileName="x") for steps in (31, 0, 5))

    assert near(bank, sample) == [(0, same.sha256), (5, close.sha256), (31, far.sha256)]
    assert near(bank, sample, distance=5) == [(0, same.sha256), (5, close.sha256)]
    assert similar(bank, same)["samples"][0]["fileName"] == "first.exe"


def test_a_limit_tells_that_more_are_as_near(bank: Bank) -> None:
    tlsh = some_tlsh()
    sample, *_ = [told(bank, fact("tlsh", tlsh)) for _ in range(3)]

    cut, whole = similar(bank, sample, limit=1), similar(bank, sample, limit=2)

    assert (len(cut["samples"]), cut.get("isMore")) == (1, True)
    assert (len(whole["samples"]), whole.get("isMore")) == (2, None)


def test_a_value_in_common_leads_to_the_newest_samples_with_the_value(bank: Bank) -> None:
    imphash, own = secrets.token_hex(16), secrets.token_hex(16)
    others = [told(bank, fact("imphash", imphash)) for _ in range(4)]

    sample = told(bank, fact("imphash", imphash), fact("rich-hash", own))

    assert shared(bank, sample) == {
        ("imphash", imphash): [one.sha256 for one in reversed(others[1:])],
        ("rich-hash", own): [],
    }
    assert [one["number"] for one in similar(bank, sample)["facts"]] == [4, 0]


def test_a_value_of_another_kind_is_another_value(bank: Bank) -> None:
    value = secrets.token_hex(16)
    told(bank, fact("imphash", value))

    sample = told(bank, fact("rich-hash", value))

    assert shared(bank, sample) == {("rich-hash", value): []}


def test_the_imports_of_every_dot_net_program_are_common(bank: Bank) -> None:
    sample = told(bank, fact("imphash", "f34d5f2d4577ed6d9ceec516c1f5a744"))

    (found,) = similar(bank, sample)["facts"]

    assert "common" in found["flags"]


def test_samples_that_the_caller_may_not_see_are_neither_named_nor_counted(bank: Bank) -> None:
    tlsh, section = some_tlsh(), secrets.token_hex(32)
    facts = [fact("tlsh", tlsh), fact("section", section)]
    sample = told(bank, *facts, tlp="clear")
    secret = told(bank, *facts, user="hana")

    (mine,), (theirs,) = (similar(bank, sample, user)["facts"] for user in ("mia", "hana"))

    assert (near(bank, sample), mine["number"], mine["newest"]) == ([], 0, [])
    assert (near(bank, sample, "hana"), theirs["number"]) == ([(0, secret.sha256)], 1)


def test_an_invisible_sample_is_like_a_missing_sample(bank: Bank) -> None:
    secret = told(bank, fact("tlsh", some_tlsh()), user="hana")

    hidden, missing = (
        bank.get(f"/samplebank/v1/sample/{sha256}/similar", "mia")
        for sha256 in (secret.sha256, Sample().sha256)
    )

    assert (hidden.status_code, hidden.json()["messages"]) == (404, missing.json()["messages"])


def test_facts_come_with_the_end_of_a_task_and_once(bank: Bank) -> None:
    claimed, imphash = Claimed(bank), secrets.token_hex(16)
    facts = [fact("tlsh", some_tlsh()), fact("imphash", imphash), fact("imphash", imphash)]
    refused = claimed.end(facts=facts)
    facts.pop()

    ended, again = claimed.end(facts=facts), claimed.end(facts=facts)

    assert (refused.status_code, fields_of(refused)) == (412, {"analysis.facts"})
    assert (ended.status_code, again.status_code) == (200, 200)
    assert shared(bank, claimed.sample, "chief") == {("imphash", imphash): []}
    assert similar(bank, claimed.sample, "chief")["tlsh"] == facts[0]["value"]


def test_facts_come_with_a_task_that_is_not_the_last_of_its_job(bank: Bank) -> None:
    claimed, imphash = Claimed(bank, alone=False), secrets.token_hex(16)

    assert claimed.end(facts=[fact("imphash", imphash)]).status_code == 200

    assert list(shared(bank, claimed.sample, "chief")) == [("imphash", imphash)]


def test_what_was_said_first_of_a_kind_stays(bank: Bank) -> None:
    worker, (first, second, pdb) = bank.workers(1)[0], (secrets.token_hex(16) for _ in range(3))
    sample = told(bank, fact("imphash", first))

    assert tell(bank, sample, worker, fact("imphash", second), fact("pdb", pdb)).status_code == 201

    assert set(shared(bank, sample)) == {("imphash", first), ("pdb", pdb)}


def test_facts_that_come_at_once_from_two_jobs_are_stored_once(bank: Bank) -> None:
    """One of the tasks is the last of its job, and locks in another order where nobody takes care."""
    worker, other = bank.workers(2)
    for _ in range(5):
        sample, first = Sample(), secrets.token_hex(16)
        bank.submit(sample, metaData=bank.plan(worker, other))
        bank.submit(sample, "hana", metaData=bank.plan(worker))
        claims = bank.claim(worker, most=2)

        ended = together([partial(end, bank, claim, fact("imphash", first)) for claim in claims])

        assert [answer.status_code for answer in ended] == [200, 200]
        assert list(shared(bank, sample, "chief")) == [("imphash", first)]


def test_of_two_values_that_come_at_once_one_stays(bank: Bank) -> None:
    worker, sample = bank.workers(1)[0], bank.submitted()
    values = [secrets.token_hex(16) for _ in range(4)]

    told_at_once = together([partial(tell, bank, sample, worker, fact("imphash", one)) for one in values])

    assert [answer.status_code for answer in told_at_once] == [201] * 4
    ((kind, value),) = shared(bank, sample)
    assert (kind, value in values) == ("imphash", True)


def test_facts_take_more_than_the_right_to_add_analyses(bank: Bank) -> None:
    sample = bank.submitted()
    worker = bank.workers(1)[0]

    refused = tell(bank, sample, worker, fact("imphash", secrets.token_hex(16)), user=ROBOT)

    assert refused.status_code == 403
    assert similar(bank, sample)["facts"] == []


WRONG = {
    "an unknown kind": (fact("smell", "sweet"), "facts[0].kind"),
    "a value of another form": (fact("imphash", "xyz"), "facts[0].value"),
    "a TLSH in small letters": (fact("tlsh", "T1" + "a" * 70), "facts[0].value"),
    "a line break at the end": (fact("imphash", "0" * 32 + "\n"), "facts[0].value"),
    "control characters": (fact("pdb", "a\x00b"), "facts[0].value"),
    "a text without an end": (fact("pdb", "a" * 261), "facts[0].value"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_fact_is_refused_by_name(bank: Bank, what: str) -> None:
    wrong, field = WRONG[what]

    refused = tell(bank, bank.submitted(), bank.workers(1)[0], wrong)

    assert (refused.status_code, fields_of(refused)) == (412, {field})


@pytest.mark.parametrize(
    "parameters", [{"distance": 64}, {"distance": -1}, {"limit": 0}, {"limit": 101}, {"distance": "far"}]
)
def test_a_search_out_of_bounds_is_refused(bank: Bank, parameters: dict[str, Any]) -> None:
    sample = bank.submitted()

    refused = bank.get(f"/samplebank/v1/sample/{sample.sha256}/similar", "mia", **parameters)

    assert (refused.status_code, fields_of(refused)) == (412, set(parameters))


def test_facts_go_with_their_sample_and_come_back_with_a_new_analysis(bank: Bank) -> None:
    tlsh, section = some_tlsh(), secrets.token_hex(32)
    facts = [fact("tlsh", tlsh), fact("section", section)]
    sample, other = told(bank, *facts), told(bank, *facts)

    bank.data(bank.delete(other.path))

    assert eventually(lambda: near(bank, sample) == [])
    assert eventually(lambda: bank.get(other.path, "mia").status_code == 404)
    assert shared(bank, sample) == {("section", section): []}
    bank.submit(other)
    assert similar(bank, other)["facts"] == []


def queried(bank: Bank, query: str, user: str = "mia") -> list[str]:
    found = bank.data(bank.get("/samplebank/v1/query/samples", user, q=query))
    return [one["sha256"] for one in found]


def test_a_query_finds_the_samples_with_a_value(bank: Bank) -> None:
    imphash, pdb = secrets.token_hex(16), f"C:\\{secrets.token_hex(4)} a.pdb"
    first, second = (told(bank, fact("imphash", imphash), fact("pdb", pdb)) for _ in range(2))
    told(bank, fact("imphash", imphash), user="hana")
    written = pdb.replace("\\", "\\\\")

    assert queried(bank, f"imphash:{imphash}") == [second.sha256, first.sha256]
    assert queried(bank, f'fact.pdb:"{written}"') == [second.sha256, first.sha256]
    assert queried(bank, f"imphash:{imphash} -sha256:{first.sha256}") == [second.sha256]
    assert queried(bank, f"sha256:{first.sha256} -fact.imphash:{imphash}") == []


def test_a_query_finds_what_people_and_workers_say(bank: Bank) -> None:
    imphash = secrets.token_hex(16)
    by_hand, by_worker = bank.submitted(), told(bank, fact("imphash", imphash))
    said = {"key": "imphash", "value": imphash, "userAgent": AGENT}
    assert bank.post(f"{by_hand.path}/fact", said).status_code == 201

    assert set(queried(bank, f"fact.imphash:{imphash}")) == {by_hand.sha256, by_worker.sha256}


async def test_the_end_of_a_task_waits_for_the_sample_before_it_tells_facts(
    bank: Bank, service: Service, database: Database
) -> None:
    """Else two jobs of a sample wait for each other: one has the sample, and the other has the facts."""
    claimed = Claimed(bank, alone=False)
    async with connected(service.database_url) as holder, holder.transaction():
        id_ = await holder.fetchval(LOCK, bytes.fromhex(claimed.sample.sha256))
        ending = asyncio.create_task(
            asyncio.to_thread(claimed.end, facts=[fact("imphash", secrets.token_hex(16))])
        )
        await session_behind(database, holder.get_server_pid())

        await holder.execute("SET LOCAL lock_timeout = '1s'")
        await holder.execute(TAKE, id_)

    assert (await ending).status_code == 200
    assert list(shared(bank, claimed.sample, "chief")) == [("imphash", "first")]
