"""The page of the ledger: what it tells whom, and by what it looks."""

from kit.bank import Bank, Sample
from web.conftest import Visitors


def fetched(bank: Bank, user: str, **fields: str) -> Sample:
    sample = bank.submitted("mia", **fields)
    assert bank.get(f"{sample.path}/raw", user).ok
    return sample


def test_a_download_is_a_line_with_who_and_from_where(bank: Bank, visitor: Visitors) -> None:
    sample = fetched(bank, "mia")

    shown = visitor("chief").get(f"/audit?kind=download&sample={sample.sha256}")

    assert "1 found" in shown.text("h1")
    line = shown.text("tr[data-row]")
    assert "downloadRawSample" in line
    assert "mia 127.0.0.1" in line
    assert f"../sample/{sample.sha256}" in "".join(shown.links()) or sample.sha256 in "".join(shown.links())


def test_a_manager_is_told_of_somebody_else_and_not_of_whom(bank: Bank, visitor: Visitors) -> None:
    sample = fetched(bank, "quinn", tlp="green")

    line = visitor("boss").get(f"/audit?kind=download&sample={sample.sha256}").text("tr[data-row]")

    assert "another customer" in line
    assert "quinn" not in line


def test_a_mistake_in_the_form_is_told_beside_the_form(visitor: Visitors) -> None:
    shown = visitor("chief").get("/audit?sample=abc&since=nonsense&user=mia")

    assert shown.status == 400
    assert "'abc' is not a SHA-256." in shown.text(".mistake")
    assert [node.attributes["value"] for node in shown.all("input[name=user]")] == ["mia"]


def test_older_acts_are_a_page_away(bank: Bank, visitor: Visitors) -> None:
    sample = bank.submitted("mia")
    for _ in range(51):
        bank.get(f"{sample.path}/raw", "mia")
    visit = visitor("chief")

    first = visit.get(f"/audit?kind=download&sample={sample.sha256}")
    (older,) = [href for href in first.links() if "after=" in href]
    second = visit.get("/" + older.lstrip("./"))

    assert (len(first.all("tr[data-row]")), len(second.all("tr[data-row]"))) == (50, 1)


def test_the_ledger_is_in_the_navigation_of_managers_alone(visitor: Visitors) -> None:
    assert "Ledger" in visitor("boss").get("/").text("footer")
    assert "Ledger" not in visitor("mia").get("/").text("footer")
