"""A caller with very many customers sees of each customer exactly what a caller with few customers would see."""

from pathlib import Path

import pytest

from kit.bank import V2, Bank, Sample, name_of
from kit.service import Service
from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.many_customers import MANY
from samplebank.accounts.model import Customer, Domain, Permission, Subject
from samplebank.database import Connection
from samplebank.errors import NotFound
from samplebank.jobs.listing import JobFilter, jobs_matching
from samplebank.samples.catalogue import get_visible
from samplebank.search.submissions import SubmissionSearch, submissions_matching
from samplebank.search.window import IndexWindow

READING = (Permission.VIEW_SAMPLES, Permission.VIEW_SUBMISSION, Permission.VIEW_JOBS)
OWNER = """
    SELECT c.id, c.domain_id FROM customer c JOIN submission u ON u.customer_id = c.id JOIN sample s ON s.id = u.sample_id
     WHERE s.sha256 = $1
"""


def company(group: str) -> str:
    return f"{group}-{MANY + 3}"


def entries(group: str) -> list[str]:
    """A group of more customers than the service compares one by one, with a user who holds all customers of the group."""
    return [
        f'[[customer]]\nshortName = "{group}"\nname = "Group"\ndomain = "here"',
        *(
            f'[[customer]]\nshortName = "{group}-{number}"\nname = "Company"\ndomain = "here"\nparent = "{group}"'
            for number in range(MANY + 10)
        ),
        f'[[user]]\nshortName = "{group}"\ncustomer = "{group}"\nkey = true',
        grant(group, group),
    ]


def grant(user: str, group: str) -> str:
    return f'[[grant]]\nsubject = "{user}"\nrole = "SAMPLEDB-ANALYZER"\ncustomer = "{group}"'


@pytest.fixture(scope="module")
def groups(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two users: `part` holds one group and lacks as many customers; `most` holds both groups and lacks only a few customers."""
    names = {"part": name_of("part"), "most": name_of("most")}
    tenants = [*entries(names["part"]), *entries(names["most"]), grant(names["most"], names["part"])]
    path: Path = tmp_path_factory.mktemp("many") / "tenants.toml"
    path.write_text("\n".join(tenants), "utf-8")
    service.apply(path)
    return names


@pytest.fixture(params=["part", "most"])
def group_of_companies(groups: dict[str, str], request: pytest.FixtureRequest) -> str:
    """Short name of a user with very many customers. The companies of the user are name-0, name-1, …"""
    return groups[request.param]


def test_it_sees_the_sample_submission_analysis_and_job_of_each(bank: Bank, group_of_companies: str) -> None:
    user, owner = group_of_companies, company(group_of_companies)
    sample = Sample()
    submission = bank.submit(sample, user, customer=owner)
    analysis = bank.analyse(sample, "scanner", user=user, customer=owner)

    seen = [
        bank.get(path, user).status_code
        for path in (
            sample.path,
            f"{sample.path}/submission/{submission['id']}",
            f"{sample.path}/analysis/{analysis}",
        )
    ]

    assert seen == [200, 200, 200]
    assert [job["customer"]["shortName"] for job in bank.jobs_of(sample, user)] == [owner]


def test_it_sees_nothing_of_others(bank: Bank, group_of_companies: str) -> None:
    sample = bank.submitted("mia")

    assert bank.get(sample.path, group_of_companies).status_code == 404
    assert bank.jobs_of(sample, group_of_companies) == []


@pytest.mark.parametrize(("fields", "status"), [({"tlp": "green"}, 200), ({"tlp": "clear"}, 200), ({}, 404)])
def test_it_sees_what_the_tlp_opens_to_it(
    bank: Bank, group_of_companies: str, fields: dict[str, str], status: int
) -> None:
    sample = bank.submitted("mia", **fields)

    assert bank.get(sample.path, group_of_companies).status_code == status


def test_it_finds_its_own_by_searching_and_nothing_else(bank: Bank, group_of_companies: str) -> None:
    name = name_of("found")
    mine, theirs = Sample(), Sample()
    bank.submit(mine, group_of_companies, customer=f"{group_of_companies}-1", fileName=name)
    bank.submit(theirs, "mia", fileName=name)

    answer = bank.post(f"{V2}/sample/search", {"keywords": [name]}, group_of_companies).json()

    assert ([row["sha256"] for row in answer["data"]], answer["count"]) == ([mine.sha256], 1)


def test_who_holds_most_sees_what_a_customer_that_it_lacks_shares_with_one_of_its_own(
    bank: Bank, groups: dict[str, str]
) -> None:
    sample = bank.submitted("mia")
    bank.submit(sample, groups["most"], customer=company(groups["part"]))

    submissions = bank.get(f"{sample.path}/submission", groups["most"]).json()

    assert (submissions["size"], submissions["count"]) == (1, 1)


def test_a_customer_added_later_is_not_among_those_of_who_holds_most(
    bank: Bank, groups: dict[str, str], service: Service, tmp_path: Path
) -> None:
    bank.jobs_of(bank.submitted("mia"), groups["most"])
    newcomer = name_of("newcomer")
    tenants = tmp_path / "tenants.toml"
    tenants.write_text(
        "\n".join(
            [
                f'[[customer]]\nshortName = "{newcomer}"\nname = "Newcomer"\ndomain = "here"',
                f'[[user]]\nshortName = "{newcomer}"\ncustomer = "{newcomer}"\nkey = true',
                grant(newcomer, newcomer),
            ]
        ),
        "utf-8",
    )

    service.apply(tenants)
    sample = bank.submitted(newcomer)

    assert bank.jobs_of(sample, newcomer)
    assert bank.jobs_of(sample, groups["most"]) == []
    assert bank.get(sample.path, groups["most"]).status_code == 404


async def test_who_was_looked_up_before_a_customer_was_added_sees_nothing_of_it(
    bank: Bank, db: Connection
) -> None:
    sample = bank.submitted("mia")
    sha256 = bytes.fromhex(sample.sha256)
    owner, domain = (await db.fetchrow(OWNER, sha256)) or (0, 0)
    earlier = frozenset(range(owner - 2 * MANY, owner))
    account = Subject(0, "user", "early", "Early", Customer(owner - 1, "", "", Domain(domain + 1, ""), None))
    caller = Caller(account, (), {permission: Scope(customers=earlier) for permission in READING}, earlier)

    jobs = jobs_matching(caller, JobFilter(samples=[sha256]), ["state"])
    submissions = submissions_matching(caller, SubmissionSearch(samples=[sha256]), IndexWindow(0))

    counts = [await jobs.count(db, 10_000), await submissions.count(db, 10_000)]
    assert [count.number for count in counts] == [0, 0]
    with pytest.raises(NotFound):
        await get_visible(db, caller, sha256, *READING)
