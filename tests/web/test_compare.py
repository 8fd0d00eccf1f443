"""Two samples side by side."""

import secrets
from urllib.parse import urljoin

from hypothesis import given
from hypothesis import strategies as st

from kit.bank import Bank, Sample, eventually, name_of
from kit.similar import fact, told
from kit.visitor import Shown, Visitor
from samplebank.contents.counting import counted
from samplebank.web.comparison import MOST_SHOWN, compare
from web.conftest import Visitors
from web.contents import static_result

FACTS = st.dictionaries(st.sampled_from("xyz"), st.lists(st.sampled_from("abcdef")))


def between(visitor: Visitor, a: Sample, b: Sample) -> Shown:
    return visitor.get(f"/compare/{a.sha256}/{b.sha256}")


def row(shown: Shown, name: str) -> list[str]:
    cells = next(one for one in shown.all("main tbody tr") if one.css("th")[0].text() == name).css("td")
    return [" ".join(cell.text(separator=" ").split()) for cell in cells]


def pair(bank: Bank) -> tuple[Sample, Sample]:
    """Two samples with a worker in common, which says some things of both."""
    worker = name_of("w")
    a, b = bank.submitted(user="mia", fileName="a.exe"), bank.submitted(user="mia", fileName="b.exe")
    for sample, own in ((a, "one"), (b, "two")):
        bank.analyse(
            sample,
            worker,
            tags=[{"type": "family", "value": "Emotet"}, {"type": "family", "value": own}],
            triggeredDetections=[{"name": f"rule {own}", "assessment": "malicious"}],
            analysisResult={"config": {"key": own, "shared": [1, 2]}},
        )
    return a, b


def test_what_only_one_has_stands_apart(bank: Bank, visitor: Visitors) -> None:
    shown = between(visitor("mia"), *pair(bank))

    assert row(shown, "Names") == ["a.exe", "", "b.exe"]
    assert row(shown, "Size") == ["", "5,000 bytes", ""]
    assert row(shown, "Tags") == ["family: one", "family: Emotet", "family: two"]
    assert "rule one" in row(shown, "Detections")[0]
    only_a, both, only_b = row(shown, "Findings")
    assert "config.key one" in only_a
    assert "config.shared 1 , 2" in both
    assert "config.key two" in only_b


def test_what_both_have_leads_to_the_samples_with_the_same(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    family, pair = name_of("family"), []
    for _ in range(2):
        sample, job, tasks = bank.planned(worker, user="mia")
        tags = [{"type": "family", "value": family}, {"type": "family", "value": sample.sha256[:8]}]
        analysis = bank.analyse(sample, worker, 99, tags=tags)
        assert bank.update(job, tasks[worker], "success", analyses=[analysis]).ok
        pair.append(sample)
    mia = visitor("mia")

    link = next(node for node in between(mia, *pair).all("main a") if "in common" in node.text())

    found = mia.get(urljoin("/compare/a/b", str(link.attributes["href"])))
    listed = {node.attributes["value"] for node in found.all("tbody input")}
    assert listed == {sample.sha256 for sample in pair}


def test_facts_of_both_tell_how_many_others_have_the_same(bank: Bank, visitor: Visitors) -> None:
    rare, frequent = (fact("section", secrets.token_hex(32)) for _ in range(2))
    imports = fact("imphash", secrets.token_hex(16))
    a, b = told(bank, frequent, rare, imports), told(bank, frequent, rare)
    told(bank, frequent)
    told(bank, frequent, rare, user="quinn")
    mia = visitor("mia")

    shown = between(mia, a, b)

    assert row(shown, "Facts") == [
        f"imphash: {imports['value']}",
        f"section: {rare['value']} 0 others section: {frequent['value']} 1 other",
        "",
    ]
    links = [urljoin("/compare/a/b", str(node.attributes["href"])) for node in shown.all("a.rarity")]
    assert ["2 found" in mia.get(links[0]).text("h1"), "3 found" in mia.get(links[1]).text("h1")] == [
        True,
        True,
    ]


def test_names_that_others_gave_are_not_compared(bank: Bank, visitor: Visitors) -> None:
    a, b = bank.submitted(user="mia", fileName="a.exe"), bank.submitted(user="mia", fileName="b.exe")
    bank.submit(a, "quinn", fileName="secret.exe")

    assert row(between(visitor("mia"), a, b), "Names") == ["a.exe", "", "b.exe"]


def test_bytes_stand_beside_each_other(bank: Bank, visitor: Visitors) -> None:
    mark = name_of("x").encode()
    flat, even = Sample(data=b"A" * 5000 + mark), Sample(data=bytes(range(256)) * 20 + mark)
    for sample in (flat, even):
        bank.submit(sample, "mia")
    sections = [{"name": ".text", "offset": 0, "size": 4096, "entropy": 7.5}]
    bank.analyse(even, "static", analysisResult=static_result(pe={"sections": sections}))

    shown = between(visitor("mia"), flat, even)

    low, high = (float(cell.split()[0]) for cell in row(shown, "Entropy"))
    assert (low < 0.2, high > 7.9) == (True, True)
    assert "most often 41" in row(shown, "Entropy")[0]
    paths = [str(node.attributes["d"]).count("M") for node in shown.all("#bytes path")]
    assert (paths[0] < 20, paths[1]) == (True, 256)
    assert ["svg" in str(cell.html) for cell in shown.all("#bytes tr:last-child td")] == [False, True]
    assert any(link.endswith(f"sample/{even.sha256}/bytes?at=0x0") for link in shown.links())


def test_a_deleted_sample_has_no_bytes_to_compare(bank: Bank, visitor: Visitors) -> None:
    left, gone = (bank.submitted(user="mia") for _ in range(2))
    assert bank.delete(gone.path).ok
    chief = visitor("chief")
    assert eventually(lambda: "has been deleted" in chief.get(f"/sample/{gone.sha256}").text())

    shown = between(chief, left, gone)

    assert ["of 8 bits" in cell for cell in row(shown, "Entropy")] == [True, False]
    assert "You may not look at the bytes" in row(shown, "Entropy")[1]


def test_a_sample_compared_with_itself_has_everything_in_common(bank: Bank, visitor: Visitors) -> None:
    sample = told(bank, fact("imphash", secrets.token_hex(16)))

    only_a, both, only_b = row(between(visitor("mia"), sample, sample), "Facts")

    assert ("0 others" in both, only_a, only_b) == (True, "", "")


def test_empty_lists_of_results_are_not_compared(bank: Bank, visitor: Visitors) -> None:
    a, b = pair(bank)
    bank.analyse(a, name_of("w"), analysisResult={"empty": [], "full": [1]})

    (only_a, _, _) = row(between(visitor("mia"), a, b), "Findings")

    assert ("full 1" in only_a, "empty" in only_a) == (True, False)


def test_a_sample_of_others_looks_like_a_missing_sample(bank: Bank, visitor: Visitors) -> None:
    own, foreign, missing = bank.submitted(user="mia"), bank.submitted(user="quinn"), Sample()
    mia = visitor("mia")

    refused = [between(mia, own, other) for other in (foreign, missing)]

    assert [shown.status for shown in refused] == [404, 404]
    assert refused[0].text() == refused[1].text()


def test_two_selected_samples_are_compared(bank: Bank, visitor: Visitors) -> None:
    a, b = (bank.submitted(user="mia") for _ in range(2))

    shown = visitor("mia").get(f"/compare?sha256={a.sha256.upper()}&sha256=%20{b.sha256}")

    assert shown.response.url.endswith(f"/compare/{a.sha256}/{b.sha256}")


def test_one_selected_sample_asks_for_the_other(visitor: Visitors) -> None:
    shown = visitor("mia").get("/compare?sha256=abc&sha256=")

    assert [node.attributes["value"] for node in shown.all("main input[value]")] == ["abc"]


def test_three_selected_samples_are_refused(visitor: Visitors) -> None:
    shown = visitor("mia").get("/compare?sha256=a&sha256=b&sha256=c")

    assert shown.status == 400
    assert "select two" in shown.text()


@given(FACTS, FACTS)
def test_every_value_stands_in_one_column(a: dict[str, list[str]], b: dict[str, list[str]]) -> None:
    for difference in compare(a, b):
        columns = (difference.only_a.shown, difference.both.shown, difference.only_b.shown)
        shown = [value for column in columns for value in column]

        assert len(shown) == len(set(shown))
        assert set(shown) == set(a.get(difference.name, [])) | set(b.get(difference.name, []))


def test_a_long_column_is_cut_and_says_so() -> None:
    (difference,) = compare({"x": [str(number) for number in range(150)]}, {})

    assert (len(difference.only_a.shown), difference.only_a.more) == (MOST_SHOWN, 50)


@given(st.binary(max_size=2000))
def test_the_entropy_is_that_of_the_bytes(data: bytes) -> None:
    found = counted(data)

    assert sum(found.counts) == found.length == len(data)
    assert 0 <= found.entropy <= 8
    assert (found.entropy == 0) == (len(set(data)) < 2)
