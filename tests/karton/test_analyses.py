"""Samples go through Karton, and what its services find comes back."""

import io
import zipfile

import pytest

from kit.bank import Sample
from kit.karton import WORKER, Kartons, program, staged

#: the services that tell something about an archive, and about a program
OF_ARCHIVE = {WORKER, "karton.classifier", "karton.archive-extractor"}
OF_PROGRAM = {"karton.classifier", "karton.yaramatcher"}
#: the names under which there is an analysis of a text, whatever else is told
USUAL = {WORKER, "karton.classifier"}


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class Nested:
    """An archive with a program and another archive, which has a program, too. The analysis has ended."""

    def __init__(self, kartons: Kartons) -> None:
        self.first, self.second = Sample(data=program()), Sample(data=program())
        self.inner = Sample(data=packed({"second": self.second.data}))
        data = packed({"first": self.first.data, "inner.zip": self.inner.data})
        self.outer = kartons.submit(data, tlp="green")
        self.task = kartons.ended(self.outer)


@pytest.fixture(scope="module")
def nested(kartons: Kartons) -> Nested:
    return Nested(kartons)


def test_each_service_has_an_analysis_under_its_own_name_and_version(
    kartons: Kartons, nested: Nested
) -> None:
    analyses = kartons.analyses(nested.outer)

    assert set(analyses) == OF_ARCHIVE
    assert analyses["karton.archive-extractor"]["userAgent"]["version"] == "1.5.1"
    assert {"type": "behaviour", "value": "archive:zip"} in analyses["karton.classifier"]["tags"]
    assert {one["userAgent"]["name"] for one in nested.task["analyses"]} == OF_ARCHIVE
    assert nested.task["state"] == "success"


def test_rules_that_match_a_child_are_tags_of_the_child(kartons: Kartons, nested: Nested) -> None:
    for child in (nested.first, nested.second):
        analyses = kartons.analyses(child)

        assert set(analyses) == OF_PROGRAM
        assert analyses["karton.yaramatcher"]["tags"] == [{"type": "yara", "value": "elf_program"}]


def test_children_belong_to_the_customer_of_the_job_and_lead_to_their_own_parent(
    kartons: Kartons, nested: Nested
) -> None:
    (submission,) = kartons.bank.data(kartons.bank.get(f"{nested.second.path}/submission"))

    assert (submission["tlp"], submission["customer"]["shortName"]) == ("green", "mill")
    assert submission["metaData"]["extractionHow"] == "karton.archive-extractor"
    assert submission["metaData"]["extractionParent"] == nested.inner.sha256
    children = sorted(("child", one.sha256) for one in (nested.first, nested.inner))
    assert kartons.links(nested.outer) == children
    inner = [("child", nested.second.sha256), ("parent", nested.outer.sha256)]
    assert kartons.links(nested.inner) == inner


def test_children_do_not_go_round_again(kartons: Kartons, nested: Nested) -> None:
    task = kartons.ended(nested.inner)

    assert {one["userAgent"]["name"] for one in task["analyses"]} == OF_ARCHIVE - {WORKER}
    assert "in the analysis of the sample" in task["message"]
    assert WORKER not in kartons.analyses(nested.inner)


def test_a_configuration_is_an_analysis_with_its_family(kartons: Kartons) -> None:
    sample = kartons.submit(staged("family"))

    kartons.ended(sample)
    analysis = kartons.analyses(sample)["karton.staged"]

    assert analysis["userAgent"]["version"] == "7.1"
    assert {"type": "family", "value": "ember"} in analysis["tags"]
    assert analysis["triggeredDetections"] == [{"name": "ember", "assessment": "malicious"}]
    (config,) = analysis["analysisResult"]["configs"]
    assert config == {"family": "ember", "config": {"type": "ember", "c2": ["203.0.113.7"]}}
    assert analysis["analysisResult"]["attributes"] == {"campaign": ["north"]}
    assert analysis["analysisResult"]["comments"] == ["Seen in a mail."]


def test_names_that_are_no_utf_8_do_not_hide_what_a_service_tells(kartons: Kartons) -> None:
    sample = kartons.submit(staged("odd"))

    kartons.ended(sample)

    told = kartons.analyses(sample)["karton.staged"]["analysisResult"]
    assert told["attributes"] == {"caf\ufffd": ["caf\ufffd"]}
    assert [child["path"] for child in told["children"]] == ["caf\ufffd"]


def test_a_service_has_its_analysis_whatever_its_name_is(kartons: Kartons) -> None:
    sample = kartons.submit(staged("named"))

    assert kartons.ended(sample)["state"] == "success"

    told = {name: one["tags"] for name, one in kartons.analyses(sample).items() if name not in USUAL}
    tags = [{"type": "behaviour", "value": "named"}]
    assert told == {"karton." + 100 * "x": tags, "karton.two_lines": tags, "karton.pr_fer": tags}


def test_a_crash_is_told_by_the_last_line_of_its_trace(kartons: Kartons) -> None:
    sample = kartons.submit(staged("crash"))

    kartons.ended(sample)

    crash = {"service": "karton.staged", "reason": "ValueError: the header has no end"}
    assert kartons.account(sample)["crashed"] == [crash]


def test_the_name_of_the_bridge_in_a_submission_does_not_keep_a_sample_out_of_karton(
    kartons: Kartons,
) -> None:
    sample = kartons.submit(program(), userAgent={"name": WORKER, "version": "1"})

    kartons.ended(sample)

    assert set(kartons.analyses(sample)) == OF_PROGRAM | {WORKER}
