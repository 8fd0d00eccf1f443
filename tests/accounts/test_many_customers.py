"""A caller with very many customers sees exactly what one with few would see of each."""

from pathlib import Path

import pytest

from kit.bank import V2, Bank, Sample, name_of
from kit.service import Service
from samplebank.accounts.access import MANY


@pytest.fixture(scope="module")
def group_of_companies(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Short name of a user with more customers than are compared one by one; its companies are name-0, name-1, …"""
    name = name_of("group")
    entries = [f'[[customer]]\nshortName = "{name}"\nname = "Group"\ndomain = "here"']
    entries += [
        f'[[customer]]\nshortName = "{name}-{number}"\nname = "Company"\ndomain = "here"\nparent = "{name}"'
        for number in range(MANY + 10)
    ]
    entries.append(f'[[user]]\nshortName = "{name}"\ncustomer = "{name}"\nkey = true')
    entries.append(f'[[grant]]\nsubject = "{name}"\nrole = "SAMPLEDB-ANALYZER"\ncustomer = "{name}"')
    path: Path = tmp_path_factory.mktemp("many") / "tenants.toml"
    path.write_text("\n".join(entries), "utf-8")
    service.apply(path)
    return name


def test_it_sees_the_sample_submission_analysis_and_job_of_each(bank: Bank, group_of_companies: str) -> None:
    user, company = group_of_companies, f"{group_of_companies}-{MANY + 3}"
    sample = Sample()
    submission = bank.submit(sample, user, customer=company)
    analysis = bank.analyse(sample, "scanner", user=user, customer=company)

    seen = [
        bank.get(path, user).status_code
        for path in (
            sample.path,
            f"{sample.path}/submission/{submission['id']}",
            f"{sample.path}/analysis/{analysis}",
        )
    ]

    assert seen == [200, 200, 200]
    assert [job["customer"]["shortName"] for job in bank.jobs_of(sample, user)] == [company]


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
