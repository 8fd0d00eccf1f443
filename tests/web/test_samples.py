"""The list of samples: queries, mistakes, what the matches are like, files of hashes, and several samples at once."""

import csv
import io
import json

import pytest

from kit.bank import Bank, Sample, eventually, name_of
from kit.visitor import Visitor
from samplebank.cells import harmless
from samplebank.errors import Unavailable
from samplebank.http.streaming import Pieces
from samplebank.web.pages.export import BROKEN_OFF, marked
from samplebank.web.rendering import ENVIRONMENT
from web.conftest import Visitors


@pytest.fixture
def named(bank: Bank) -> tuple[str, list[Sample]]:
    """Three samples of the mill with a name in common."""
    name = name_of("invoice")
    return name, [bank.submitted(user="mia", fileName=f"{name}.exe") for _ in range(3)]


def found(visitor: Visitor, query: str) -> set[str]:
    shown = visitor.get(f"/samples?q={query}")
    assert shown.status == 200, shown.text()
    return {str(node.attributes["value"]) for node in shown.all("input[name=sha256]")}


def test_a_query_finds_samples(visitor: Visitors, named: tuple[str, list[Sample]]) -> None:
    name, samples = named

    assert found(visitor("mia"), f"name:{name}.exe -sha256:{samples[0].sha256}") == {
        sample.sha256 for sample in samples[1:]
    }


def test_a_query_finds_nothing_of_others(visitor: Visitors, named: tuple[str, list[Sample]]) -> None:
    assert found(visitor("quinn"), f"name:{named[0]}.exe") == set()


@pytest.mark.parametrize("query", ["sha256:{}", "name:{}"])
def test_a_query_is_answered_by_three_statements(
    visitor: Visitors, named: tuple[str, list[Sample]], query: str
) -> None:
    name, samples = named
    value = samples[0].sha256 if "sha256" in query else f"{name}.exe"

    assert eventually(lambda: visitor("mia").get(f"/samples?q={query.format(value)}").statements <= 3)


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(("who", "most"), [("chief", 1), ("mia", 2)])
def test_all_samples_are_found_by_one_statement_and_counted_by_another_where_some_are_shared(
    visitor: Visitors, who: str, most: int
) -> None:
    assert eventually(lambda: visitor(who).get("/samples").statements <= most)


def test_a_mistake_is_shown_at_its_spot_with_the_nearest_name(visitor: Visitors) -> None:
    shown = visitor("mia").get("/samples?q=tpye:pebin score:70..")

    assert shown.status == 400
    assert shown.text("mark") == "tpye"
    assert 'Do you mean "type:"?' in shown.text("[role=alert]")
    assert shown.all("input[name=q]")[0].attributes["value"] == "tpye:pebin score:70.."


def test_a_mistake_in_a_query_for_jobs_is_shown_at_its_spot(visitor: Visitors) -> None:
    shown = visitor("mia").get("/jobs?q=state:lost")

    assert shown.status == 400
    assert shown.text("mark") == "lost"


def test_jobs_are_found_by_a_query(bank: Bank, visitor: Visitors) -> None:
    sample, job, _ = bank.planned(*bank.workers(1))

    shown = visitor("mia").get(f"/jobs?q=sample:{sample.sha256}")

    assert [link for link in shown.links() if "job/" in link] == [f"./job/{job}"]


def test_jobs_of_a_worker_are_listed_by_two_statements(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)

    mia, path = visitor("mia"), f"/jobs?q=worker:{worker}"

    assert len(mia.get(path).all("tr[data-row]")) == 1
    assert eventually(lambda: mia.get(path).statements <= 2)


def test_the_matches_are_counted_by_kind(
    bank: Bank, visitor: Visitors, named: tuple[str, list[Sample]]
) -> None:
    bank.submit(named[1][0], "quinn", fileName=f"{named[0]}.exe")

    shown = visitor("mia").get(f"/samples/facets?q=name:{named[0]}.exe")

    assert "of the newest 3" in shown.text("h2")
    assert "mill 3" in shown.text(".facet")
    assert "quarry" not in shown.text()
    assert len(shown.all("svg.bars a rect")) == 1


@pytest.mark.parametrize("judged", [0, 1], ids=["oldest", "newest"])
def test_values_of_equal_frequency_stand_in_the_same_order_whichever_came_first(
    bank: Bank, visitor: Visitors, judged: int
) -> None:
    name = f"{name_of('equal')}.exe"
    (worker,) = bank.workers(1)
    sample, job, tasks = [bank.planned(worker, fileName=name) for _ in range(2)][judged]
    analysis = bank.analyse(sample, worker, 90)
    bank.update(job, tasks[worker], "success", analyses=[analysis])

    shown = visitor("mia").get(f"/samples/facets?q=name:{name}")

    values = [str(node.attributes.get("data-value")) for node in shown.all(".facet a")]
    assert [value for value in values if value in {"malicious", "unknown"}] == ["malicious", "unknown"]


def test_a_customer_that_shares_a_submission_is_no_value_for_others(bank: Bank, visitor: Visitors) -> None:
    name = f"{name_of('shared')}.exe"
    bank.submitted("quinn", tlp="clear", fileName=name)

    shown = visitor("mia").get(f"/samples/facets?q=name:{name}")

    assert "of the newest 1" in shown.text("h2")
    assert [link for link in shown.links() if "customer" in link] == []


def test_a_sample_of_several_customers_counts_for_each(bank: Bank, visitor: Visitors) -> None:
    name = f"{name_of('several')}.exe"
    sample = bank.submitted("mia", fileName=name)
    bank.submit(sample, "nora", fileName=name)
    bank.submit(sample, "quinn", tlp="clear", fileName=name)
    mia = visitor("mia")

    shown = mia.get(f"/samples/facets?q=name:{name}")

    found = {
        str(link.attributes["data-value"]): mia.get(f"/samples/{link.attributes['href']}").text("h1")
        for link in shown.all(".facet a")
        if "customer" in str(link.attributes["href"])
    }
    assert found == {"mill": "Samples 1 found", "mill-north": "Samples 1 found"}
    assert "mill 1 mill-north 1" in shown.text(".facet")


def test_a_value_of_the_matches_leads_to_a_narrower_query(
    visitor: Visitors, named: tuple[str, list[Sample]]
) -> None:
    mia = visitor("mia")
    shown = mia.get(f"/samples/facets?q=name:{named[0]}.exe")

    link = next(link for link in shown.links() if "customer" in link)

    assert mia.get(f"/samples/{link}").text("h1").endswith("3 found")


def test_the_matches_are_saved_as_hashes(visitor: Visitors, named: tuple[str, list[Sample]]) -> None:
    name, samples = named

    saved = visitor("mia").get(f"/samples/export?format=hashes&q=name:{name}.exe")

    assert saved.response.headers["Content-Disposition"] == 'attachment; filename="samples.txt"'
    assert saved.response.text.split() == [sample.sha256 for sample in reversed(samples)]


def test_the_matches_are_saved_as_csv(visitor: Visitors, named: tuple[str, list[Sample]]) -> None:
    saved = visitor("mia").get(f"/samples/export?format=csv&q=name:{named[0]}.exe")

    rows = list(csv.DictReader(io.StringIO(saved.response.text)))
    assert [(row["sha256"], row["size"]) for row in rows] == [
        (sample.sha256, "5000") for sample in reversed(named[1])
    ]


def test_the_matches_are_saved_as_json(visitor: Visitors, named: tuple[str, list[Sample]]) -> None:
    saved = visitor("mia").get(f"/samples/export?format=json&q=name:{named[0]}.exe")

    rows = json.loads(saved.response.text)
    assert [row["sha256"] for row in rows] == [sample.sha256 for sample in reversed(named[1])]


def test_an_empty_answer_is_still_json(visitor: Visitors) -> None:
    saved = visitor("mia").get(f"/samples/export?format=json&q=name:{name_of('nothing')}")

    assert json.loads(saved.response.text) == []


async def test_a_list_of_lines_that_breaks_off_says_so_in_its_last_line() -> None:
    async def lines() -> Pieces:
        yield b"a line\n"
        raise Unavailable("The database cannot be reached.")

    told = marked(lines())

    assert [await anext(told), await anext(told)] == [b"a line\n", BROKEN_OFF]
    with pytest.raises(Unavailable):
        await anext(told)


async def test_a_list_of_lines_that_cannot_be_read_at_all_has_no_line() -> None:
    async def lines() -> Pieces:
        for line in refused():
            yield line

    def refused() -> list[bytes]:
        raise Unavailable("The database cannot be reached.")

    with pytest.raises(Unavailable):
        await anext(marked(lines()))


def test_selected_samples_are_saved_alone(visitor: Visitors, named: tuple[str, list[Sample]]) -> None:
    chosen = named[1][1].sha256

    saved = visitor("mia").get(f"/samples/export?format=hashes&sha256={chosen}")

    assert saved.response.text.split() == [chosen]


def test_no_selection_is_not_every_sample(visitor: Visitors) -> None:
    shown = visitor("mia").get("/samples/export?format=csv")

    assert (shown.status, "No sample is selected" in shown.text()) == (400, True)


def test_an_empty_query_is_every_sample(visitor: Visitors, named: tuple[str, list[Sample]]) -> None:
    saved = visitor("mia").get("/samples/export?format=hashes&q=")

    assert {sample.sha256 for sample in named[1]} <= set(saved.response.text.split())


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"


def test_several_samples_are_analysed_again(
    bank: Bank, visitor: Visitors, named: tuple[str, list[Sample]]
) -> None:
    chosen = [sample.sha256 for sample in named[1][:2]]
    foreign = bank.submitted(user="quinn").sha256

    shown = visitor("mia").post("/samples/reanalyse", {"sha256": [*chosen, foreign]})

    assert len([link for link in shown.links() if "job/" in link]) == 2
    assert "There is no sample" in shown.text("tbody")


@pytest.mark.parametrize(("number", "told"), [(1, "1 sample"), (2, "2 samples")])
def test_the_samples_that_are_analysed_again_are_counted(
    visitor: Visitors, named: tuple[str, list[Sample]], number: int, told: str
) -> None:
    chosen = [sample.sha256 for sample in named[1][:number]]

    shown = visitor("mia").post("/samples/reanalyse", {"sha256": chosen})

    assert shown.text("h1 .none") == told


def test_all_matches_are_analysed_again_by_one_task(
    visitor: Visitors, named: tuple[str, list[Sample]]
) -> None:
    analyst, query = visitor("analyzer"), f"name:{named[0]}.exe"
    key = str(analyst.get(f"/samples?q={query}").all("input[name=key]")[0].attributes["value"])

    pages = [analyst.post("/samples/reanalyse-all", {"q": query, "key": key}) for _ in range(2)]

    assert len({page.response.url for page in pages}) == 1
    assert pages[0].text("dl").startswith("Samples 3 ")


def test_the_number_of_all_matches_stands_beside_what_is_done_with_them(
    visitor: Visitors, named: tuple[str, list[Sample]]
) -> None:
    shown = visitor("mia").get(f"/samples?q=name:{named[0]}.exe")

    assert "All 3 that match hashes CSV JSON" in shown.text(".actions")


@pytest.mark.parametrize(
    ("count", "told"), [(1234, "All 1,234 that match"), (-1, "All that match, more than 10,000")]
)
def test_a_number_that_is_a_lower_bound_says_so(count: int, told: str) -> None:
    page = '{% from "parts.html" import all_that_match with context %}{{ all_that_match(count, 10000) }}'

    assert ENVIRONMENT.from_string(page).render(count=count).strip() == told


def test_without_a_query_not_everything_is_analysed_again(visitor: Visitors) -> None:
    shown = visitor("mia").post("/samples/reanalyse-all", {"q": " ", "key": "0" * 32})

    assert shown.status == 400
    assert "search first" in shown.text()


def test_none_selected_is_refused_with_a_remedy(visitor: Visitors) -> None:
    shown = visitor("mia").post("/samples/reanalyse", {})

    assert shown.status == 400
    assert "mark the samples" in shown.text()


def test_a_field_is_completed(visitor: Visitors) -> None:
    start, end, choices = visitor("mia").get("/complete?q=verd&at=4").response.json()

    assert (start, end, choices[0][0]) == (0, 4, "verdict:")


def test_only_customers_that_the_visitor_may_know_are_offered(visitor: Visitors) -> None:
    def offered(user: str) -> set[str]:
        answer = visitor(user).get("/complete?q=customer:&at=9").response.json()
        return {text for text, _ in answer[2]}

    assert offered("quinn") == {"quarry"}
    assert "mill-north" in offered("mia")
    assert "quarry" not in offered("mia")
