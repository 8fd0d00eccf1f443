"""Findings on pages: results drawn by their schemas, evidence, and the results as files."""

import json
from typing import Any

import pytest

from kit.bank import ROBOT, Bank, Sample, name_of
from kit.visitor import Visitor
from samplebank.web.pages.findings import MOST_FILES
from samplebank.web.pages.sample import MOST_NAMED
from samplebank.worker.analysers.strings import schema as strings
from web.conftest import Visitors

SCHEMA = {
    "type": "object",
    "properties": {
        "packer": {"title": "Packed by"},
        "parts": {"title": "Parts", "items": {"properties": {"size": {"title": "Size", "unit": "bytes"}}}},
    },
}


@pytest.fixture
def known(bank: Bank) -> str:
    """A worker whose results have a schema."""
    return str(bank.worker(schema=SCHEMA)["shortName"])


@pytest.fixture
def sample(bank: Bank) -> Sample:
    return bank.submitted(user="mia")


def findings(visitor: Visitor, sample: Sample, query: str = "") -> Any:
    shown = visitor.get(f"/sample/{sample.sha256}/findings{query}")
    assert shown.status == 200, shown.text()
    return shown


def test_a_result_is_drawn_by_the_schema_of_its_worker(
    bank: Bank, visitor: Visitors, sample: Sample, known: str
) -> None:
    bank.analyse(sample, known, analysisResult={"packer": "UPX", "parts": [{"size": 7}]})

    shown = findings(visitor("mia"), sample)

    assert "Packed by UPX" in shown.text(".fields")
    assert (shown.text(".wide th"), shown.text(".wide td span")) == ("Size", "7 bytes")


def test_a_value_leads_to_the_samples_with_the_value(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    value, mia = name_of("campaign"), visitor("mia")
    other = bank.submitted(user="mia")
    for one in (sample, other):
        bank.analyse(one, name_of("w"), analysisResult={"config": {"campaign": [value, "http://x/"]}})

    link = findings(mia, sample).all("a.same")[0].attributes["href"]

    found = mia.get(f"/sample/{sample.sha256}/{link}").all("input[name=sha256]")
    assert {node.attributes["value"] for node in found} == {sample.sha256, other.sha256}


def test_only_the_newest_result_of_each_worker_is_shown(
    bank: Bank, visitor: Visitors, sample: Sample
) -> None:
    one, two = name_of("w"), name_of("w")
    for worker, result in ((one, "old"), (two, "other"), (one, "new")):
        bank.analyse(sample, worker, analysisResult={"told": result})

    told = [node.text() for node in findings(visitor("mia"), sample).all(".fields dd span")]

    assert told == ["new", "other"]


def test_the_worker_that_found_most_comes_first(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    for score in (40, 99, -1):
        bank.analyse(sample, name_of("w"), score, analysisResult={"told": str(score)})

    told = [node.text() for node in findings(visitor("mia"), sample).all(".fields dd span")]

    assert told == ["99", "40", "-1"]


def test_results_go_on_behind_a_page(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    for _ in range(10):
        bank.analyse(sample, name_of("w"))
    mia = visitor("mia")

    counts = [len(findings(mia, sample, query).all("section.result")) for query in ("", "?offset=8")]

    assert counts == [8, 2]


def test_a_result_of_another_customer_is_not_shown(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    bank.submit(sample, "quinn")
    bank.analyse(sample, name_of("w"), analysisResult={"told": "to the mill"})

    assert "to the mill" not in findings(visitor("quinn"), sample).html


def test_a_large_result_makes_a_page_with_a_bound(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    values = {f"v{number}": "<\u202e>" * 20 for number in range(6000)}
    id_ = bank.analyse(sample, name_of("w"), analysisResult=values)

    shown = findings(visitor("mia"), sample)

    assert len(shown.html) < 1_000_000
    assert "more values are not shown here" in shown.text("p.hint")
    assert any(link.endswith(f"{id_}/result") for link in shown.links())


@pytest.mark.parametrize(
    ("result", "shown", "word"),
    [
        ({"parts": [{"size": 7}] * 5000}, ".wide tbody tr", "rows"),
        ({"packer": ["UPX"] * 5000}, ".series li", "values"),
    ],
)
def test_a_cut_list_says_in_its_place_how_much_is_left_out(
    bank: Bank, visitor: Visitors, sample: Sample, known: str, result: Any, shown: str, word: str
) -> None:
    bank.analyse(sample, known, analysisResult=result)

    page = findings(visitor("mia"), sample)

    left_out = 5000 - len(page.all(shown))
    assert page.text("dd p.none") == f"{left_out:,} more {word} are not shown here"


def test_the_page_of_a_sample_names_some_tags_and_leads_to_all(
    bank: Bank, visitor: Visitors, sample: Sample
) -> None:
    """Else hundreds of tags push the notes and the form for a verdict screens down."""
    tags = [{"type": "family", "value": f"family-{place}"} for place in range(MOST_NAMED + 7)]
    found = [{"name": f"Rule.{place}", "assessment": "malicious"} for place in range(MOST_NAMED + 1)]
    bank.analyse(sample, name_of("w"), 99, tags=tags, triggeredDetections=found)
    mia = visitor("mia")

    shown = mia.get(f"/sample/{sample.sha256}")

    assert len(shown.all("span.tag")) == 2 * MOST_NAMED
    assert "and 7 more" in shown.text()
    assert "and 1 more" in shown.text()
    assert f"family-{MOST_NAMED + 6}" in findings(mia, sample).text()


def test_the_whole_result_is_saved_as_json(bank: Bank, visitor: Visitors, sample: Sample) -> None:
    result = {"told": ["<script>", 1, None]}
    id_ = bank.analyse(sample, name_of("w"), analysisResult=result)

    saved = visitor("mia").get(f"/sample/{sample.sha256}/analysis/{id_}/result").response

    assert json.loads(saved.text) == result
    assert saved.headers["Content-Disposition"] == f'attachment; filename="{id_}.json"'


@pytest.fixture
def backed(bank: Bank, sample: Sample) -> Sample:
    """A sample with an analysis that has evidence, some of it internal."""
    id_ = bank.analyse(sample, name_of("w"))
    for name in ("screen.png", "trace.log?internal=true"):
        path = f"{sample.path}/analysis/{id_}/evidence/{name}"
        bank.data(bank.call("POST", path, ROBOT, data=name.encode()))
    return sample


def test_evidence_is_saved_from_the_page(visitor: Visitors, backed: Sample) -> None:
    mia = visitor("mia")
    link = next(link for link in findings(mia, backed).links() if "/evidence/" in link)

    saved = mia.get(f"/sample/{backed.sha256}/{link}").response

    assert saved.content == b"screen.png"
    assert saved.headers["Content-Disposition"] == 'attachment; filename="screen.png"'


def test_evidence_that_is_left_out_is_told_and_hides_none_of_another_worker(
    bank: Bank, visitor: Visitors, sample: Sample
) -> None:
    first, second = (bank.analyse(sample, name_of("w")) for _ in range(2))
    for id_, number in ((first, MOST_FILES + 1), (second, 1)):
        for place in range(number):
            path = f"{sample.path}/analysis/{id_}/evidence/{place}.png"
            bank.data(bank.call("POST", path, ROBOT, data=f"{id_} {place}".encode()))

    shown = findings(visitor("mia"), sample)

    numbers = [sum(f"/analysis/{id_}/evidence/" in link for link in shown.links()) for id_ in (first, second)]
    assert numbers == [MOST_FILES, 1]
    assert "1 more file is not shown here" in shown.text(f"#a{first}")
    assert "not shown here" not in shown.text(f"#a{second}")


def test_evidence_is_neither_script_nor_style_of_a_page(
    bank: Bank, visitor: Visitors, sample: Sample
) -> None:
    path = f"{sample.path}/analysis/{bank.analyse(sample, name_of('w'))}/evidence/a.js"
    bank.data(bank.call("POST", path, ROBOT, data=b"alert(1)", headers={"Content-Type": "text/javascript"}))
    link = next(link for link in findings(visitor("mia"), sample).links() if "/evidence/" in link)

    saved = visitor("mia").get(f"/sample/{sample.sha256}/{link}").response

    assert saved.headers["Content-Type"] == "application/octet-stream"
    assert saved.headers["X-Content-Type-Options"] == "nosniff"


def test_internal_evidence_is_for_who_works_on_analyses(visitor: Visitors, backed: Sample) -> None:
    links = {
        user: [link for link in findings(visitor(user), backed).links() if "/evidence/" in link]
        for user in ("mia", "chief")
    }

    assert {user: len(found) for user, found in links.items()} == {"mia": 1, "chief": 2}
    internal = next(link for link in links["chief"] if link not in links["mia"])
    assert visitor("mia").get(f"/sample/{backed.sha256}/{internal}").status == 404


def test_indicators_of_the_worker_strings_are_drawn_in_a_form_that_no_program_takes_for_an_address(
    bank: Bank, visitor: Visitors, sample: Sample
) -> None:
    worker = str(bank.worker(schema=strings.SCHEMA)["shortName"])
    found = {"value": "evil.ru", "defanged": "evil[.]ru", "layer": 1, "where": 7}
    lists: dict[str, list[str]] = {name: [] for name in ("layers", "rules", "attack", "limits")}
    counts = {"ascii": 0, "wide": 0, "isText": True, "isCut": False}
    result = {"iocs": {"domains": [found]}, "iocTotals": {"domains": 1}, "strings": counts, **lists}
    bank.analyse(sample, worker, analysisResult=result)

    shown = findings(visitor("mia"), sample)

    assert "evil[.]ru" in shown.text(".wide")
    assert "evil.ru" not in shown.text(".wide")
    assert {node.text() for node in shown.all(".wide th")} == {"Domain", "Layer", "Offset in the layer"}
