"""`samplebank similar`: which samples are like a sample, and what the sample shares with them."""

import json
import secrets

from cli.program import Program
from kit.bank import Bank
from kit.similar import fact, near_to, some_tlsh, told


def test_near_samples_are_told_with_their_distance_and_name(local: Program, bank: Bank) -> None:
    tlsh = some_tlsh()
    sample = told(bank, fact("tlsh", tlsh))
    near = told(bank, fact("tlsh", near_to(tlsh, 7)), fileName="invoice\u202eexe.pdf")

    out = local.run("similar", sample.sha256).out

    (line,) = [line for line in out.splitlines() if near.sha256 in line]
    assert line.split()[:2] == ["7", "invoice\N{REPLACEMENT CHARACTER}exe.pdf"]
    assert near.sha256 not in local.run("similar", sample.sha256, "--distance", "6").out


def test_values_in_common_are_told_with_the_number_of_other_samples(local: Program, bank: Bank) -> None:
    section = secrets.token_hex(32)
    other, sample = (told(bank, fact("section", section), fact("pdb", "C:\\a.pdb")) for _ in range(2))

    lines = local.run("similar", sample.sha256).out.splitlines()

    (line,) = [line for line in lines if line.startswith("section")]
    assert line.split() == ["section", section, "1", other.sha256]


def test_a_sample_without_facts_says_how_facts_come(local: Program, bank: Bank) -> None:
    assert "next analysis" in local.run("similar", bank.submitted().sha256).out


def test_json_has_all_that_the_service_tells(local: Program, bank: Bank) -> None:
    tlsh = some_tlsh()
    sample = told(bank, fact("tlsh", tlsh))

    document = json.loads(local.run("similar", sample.sha256, "--json").out)

    assert document == {"distance": 47, "samples": [], "facts": [], "tlsh": tlsh}
