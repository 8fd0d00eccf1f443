"""`samplebank show`: what is known of a sample, and what speaks for its verdict."""

import json
from typing import Any

from cli.program import Program
from kit.bank import AGENT, ROBOT, Bank, Sample, name_of
from kit.children import Parent, some_bytes


def weighed(bank: Bank) -> tuple[Sample, dict[str, str]]:
    """A sample with a verdict of two analyses; the names of the strong and the weak worker."""
    strong, weak = bank.workers(2)
    sample, job, tasks = bank.planned(strong, weak, fileName="invoice\u202eexe.pdf")
    for worker, score in ((strong, 99), (weak, 40)):
        analysis = bank.analyse(sample, worker, score, tags=[{"type": "family", "value": "Emotet"}])
        bank.data(bank.update(job, tasks[worker], "success", analyses=[analysis]))
    return sample, {"strong": strong, "weak": weak}


def shown(program: Program, sample: Sample) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(program.run("show", sample.sha256, "--json").out)
    return document


def test_the_verdict_is_told_with_the_weight_of_each_analysis(local: Program, bank: Bank) -> None:
    sample, by = weighed(bank)

    lines = local.run("show", sample.sha256).out.splitlines()

    (sentence,) = [line for line in lines if line.startswith("VERDICT")]
    assert sentence.startswith(
        f"VERDICT malicious, score 97: {by['strong']} 99 (97 %), {by['weak']} 40 (3 %)."
    )
    weights = [line.split()[:4] for line in lines if " % " in line and not line.startswith("VERDICT")]
    assert sorted(weights) == sorted([["97", "%", "99", by["strong"]], ["3", "%", "40", by["weak"]]])


def test_the_verdict_names_the_finding_that_decided(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    found = [{"name": "odd", "assessment": "unknown"}, {"name": "loader", "assessment": "malicious"}]
    analysis = bank.analyse(sample, worker, 99, triggeredDetections=found)
    bank.data(bank.update(job, tasks[worker], "success", analyses=[analysis]))

    lines = local.run("show", sample.sha256).out.splitlines()

    assert f"VERDICT malicious, score 99: {worker} 99 (100 %) found loader." in lines


def test_hostile_names_are_made_visible(local: Program, bank: Bank) -> None:
    sample, _ = weighed(bank)

    out = local.run("show", sample.sha256).out

    assert "\u202e" not in out
    assert "invoice\N{REPLACEMENT CHARACTER}exe.pdf" in out


def test_hostile_names_in_json_are_escaped(local: Program, bank: Bank) -> None:
    name = "\u202eexe\x9b31m\x7f\U000e0041 über"
    sample = bank.submitted(fileName=name)

    out = local.run("show", sample.sha256, "--json").out

    assert json.loads(out)["submissions"][0]["fileName"] == name
    assert all(letter.isprintable() or letter == "\n" for letter in out)
    assert "über" in out


def test_links_and_submissions_are_listed(local: Program, bank: Bank) -> None:
    sample, child = bank.submitted(fileName="parent.zip"), bank.submitted()
    body = {"reference": child.sha256, "type": "child", "tlp": "amber", "userAgent": AGENT}
    bank.data(bank.post(f"{sample.path}/link", body, ROBOT))

    lines = local.run("show", sample.sha256).out.splitlines()

    assert any(line.split()[:2] == ["child", child.sha256] for line in lines)
    assert any("parent.zip" in line and "mill" in line for line in lines)


def test_json_has_all_that_the_service_tells(local: Program, bank: Bank) -> None:
    sample, by = weighed(bank)

    document = shown(local, sample)

    assert document["sample"]["sha256"] == sample.sha256
    assert len(document["analyses"]) == 2
    assert {one["userAgent"]["name"] for one in document["verdicts"][0]["analysis"]} == set(by.values())
    assert document["submissions"][0]["fileName"] == "invoice\u202eexe.pdf"
    assert document["links"] == []


def test_a_verdict_by_hand_is_told_with_its_reason(local: Program, bank: Bank) -> None:
    sample = bank.submitted()

    judged = local.run("verdict", "set", sample.sha256, "malicious", "--reason", "same lure as before")

    assert judged.out.splitlines() == [f"{sample.sha256} is malicious now, by hand."]
    assert "VERDICT malicious, score 100: set by hand by" in local.run("show", sample.sha256).out
    assert "same lure as before" in local.run("show", sample.sha256).out


def test_a_verdict_by_hand_is_taken_back(local: Program, bank: Bank) -> None:
    sample = bank.submitted()
    local.run("verdict", "set", sample.sha256, "malicious", "--reason", "same lure as before")

    back = local.run("verdict", "withdraw", sample.sha256, "--reason", "wrong window")
    again = local.run("verdict", "withdraw", sample.sha256, "--reason", "wrong window")

    assert back.out.splitlines() == [f"{sample.sha256} is unknown now, by its analyses."]
    assert "The verdict by hand was taken back by" in local.run("show", sample.sha256).out
    assert again.status == 1
    assert "nothing to take back" in again.complaints[0]


def test_a_verdict_needs_a_word_and_a_reason(local: Program, bank: Bank) -> None:
    sample = bank.submitted()

    by_score = local.run("verdict", "set", sample.sha256, "70", "--reason", "x")
    without = local.run("verdict", "set", sample.sha256, "benign", "--reason", " ")

    assert [by_score.status, without.status] == [2, 2]
    assert bank.verdicts_of(sample) == []


def test_links_are_added_to_each_of_the_others(local: Program, bank: Bank) -> None:
    sample, one, two = bank.submitted(), bank.submitted(), Sample()

    ended = local.run(
        "link", "add", "--type", "executes", "--customer", "mill", sample.sha256, one.sha256, two.sha256
    )

    assert ended.status == 0
    found = {
        (link["type"], link.get("referencedSample", {}).get("sha256"))
        for link in shown(local, sample)["links"]
    }
    assert found == {("executes", one.sha256), ("executes", None)}


def test_a_sample_is_not_linked_to_itself(local: Program, bank: Bank) -> None:
    sample = bank.submitted()

    assert local.run("link", "add", sample.sha256, sample.sha256).status == 2


def test_what_is_no_sha256_is_wrong_usage(local: Program) -> None:
    ended = local.run("show", "d" * 32)

    assert ended.status == 2
    assert "samplebank search" in ended.complaints[0]


def test_a_sample_that_is_not_there_is_told(local: Program) -> None:
    ended = local.run("show", Sample(data=name_of("none").encode()).sha256)

    assert ended.status == 1
    assert "There is no sample" in ended.complaints[0]


def test_indicators_are_shown_in_a_form_that_no_program_takes_for_an_address(
    local: Program, bank: Bank
) -> None:
    sample, (worker,) = bank.submitted(), bank.workers(1)
    found = {"value": "http://evil.example/x", "defanged": "hxxp://evil[.]example/x", "layer": 2, "where": 7}
    for result in ({"iocs": {"urls": [found]}}, {"iocs": "of another shape"}, {"iocs": {"urls": [found]}}):
        bank.analyse(sample, worker, -1, analysisResult=result)

    lines = local.run("show", sample.sha256).out.splitlines()

    assert [line.split() for line in lines if "evil" in line] == [
        ["urls", "hxxp://evil[.]example/x", "2", worker]
    ]


def test_a_sample_without_indicators_has_no_table_of_them(local: Program, bank: Bank) -> None:
    sample, _ = weighed(bank)

    out = local.run("show", sample.sha256).out

    assert "INDICATOR" not in out


def test_what_came_out_of_a_sample_is_drawn_as_a_tree(local: Program, bank: Bank) -> None:
    parent = Parent(bank, fileName="outer.zip")
    inner = parent.found(some_bytes())
    inner.add(some_bytes(), fileName="evil\u202e.exe")

    lines = local.run("show", parent.sample.sha256).out.splitlines()

    begin = next(number for number, line in enumerate(lines) if line.startswith("TREE"))
    assert [line.split("  ")[0] for line in lines[begin + 1 : begin + 4]] == [
        "outer.zip",
        "├ file.bin",
        "│ ├ evil\N{REPLACEMENT CHARACTER}.exe",
    ]
    assert len(shown(local, parent.sample)["tree"]["nodes"]) == 3
