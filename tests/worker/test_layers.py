"""The layers of disguised scripts, peeled by the analyser in its sandbox; and clean scripts, which stay clean."""

import base64
import sysconfig
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from samplebank.worker.analysers.rule_variables import variables_of, variables_of_layer
from samplebank.worker.analysers.strings import StringsAnalyser
from samplebank.worker.analysers.testing import sample_file
from samplebank.worker.contract import NO_FINDINGS, Result, SampleFile
from worker import made_files
from worker.made_scripts import ADDRESS, CRADLE, SCRIPTS, encoded_script
from worker.rule_files import RULE

Analyse = Callable[[bytes], Awaitable[Result]]

MALICIOUS = 70


def tags(result: Result) -> set[str]:
    return {tag.value for tag in result.tags}


def encoded_command(script: str) -> str:
    return f"powershell -enc {base64.b64encode(script.encode('utf-16-le')).decode()}"


def test_the_path_of_a_child_is_that_inside_of_its_container() -> None:
    about = {"fileName": "b.exe", "metaData": {"extractionPath": "docs/a.zip/b.exe"}}

    found = variables_of(SampleFile(path=Path("x"), sha256="", size=1, submission=about))

    assert (found["filename"], found["filepath"]) == ("b.exe", "docs/a.zip/")


@pytest.mark.parametrize("name", SCRIPTS)
async def test_the_address_in_a_disguised_script_is_found_in_a_layer(strings: Analyse, name: str) -> None:
    script = SCRIPTS[name]()

    result = await strings(script.encode())

    assert ADDRESS not in script
    found = [one for one in result.result["iocs"]["urls"] if one["value"].startswith(ADDRESS)]
    assert found
    assert found[0]["layer"] > 0
    assert found[0]["defanged"].startswith("hxxp://203[.]0[.]113[.]7")


async def test_a_mark_of_utf16_before_a_batch_file_hides_no_layer(strings: Analyse) -> None:
    script = SCRIPTS["batch variables"]().encode()

    result, marked = await strings(script), await strings(b"\xff\xfe" + script)

    (found,), (told,) = (one.result["iocs"]["urls"] for one in (result, marked))
    assert told == found


async def test_the_rule_with_the_highest_score_is_told_first(strings: Analyse) -> None:
    """The page of the verdict names what is told first."""
    scores: dict[str, int] = {}
    result = await strings("\n".join(SCRIPTS[name]() for name in SCRIPTS).encode())

    for rule in result.result["rules"]:
        scores[rule["rule"]] = max(rule["score"], scores.get(rule["rule"], 0))
    told = [scores[one.name] for one in result.detections]
    assert told == sorted(told, reverse=True)
    assert len({*told}) > 1


async def test_a_layer_is_evidence_with_what_peeled_it(strings: Analyse) -> None:
    result = await strings(encoded_command(CRADLE).encode())

    (layer,) = result.result["layers"]
    (evidence,) = result.evidence
    assert layer["how"] == ["base64", "utf-16"]
    assert (layer["number"], layer["parent"], layer["depth"], layer["where"]) == (1, 0, 1, 16)
    assert (evidence.file_name, evidence.data.decode()) == ("layer1.txt", CRADLE)
    assert evidence.potentially_malicious


async def test_the_rules_that_match_a_layer_make_the_score(strings: Analyse) -> None:
    result = await strings(encoded_command(CRADLE).encode())

    assert result.score >= MALICIOUS
    assert result.result["layers"][0]["rules"] == ["PowerShell_Download_Cradle"]
    assert "PowerShell_Download_Cradle" in tags(result)
    (rule,) = result.result["rules"]
    (pattern,) = rule["patterns"]
    (place,) = pattern["offsets"]
    assert CRADLE[place:].startswith(pattern["text"])


def test_the_variables_of_a_layer_have_the_name_of_the_sample_and_the_type_of_the_layer() -> None:
    sample = SampleFile(
        path=Path("x"),
        sha256="",
        size=1,
        submission={"fileName": "a.PS1"},
        classification={"type": "powershell"},
    )

    found = variables_of_layer(sample, made_files.launcher())

    assert (found["filename"], found["extension"], found["filetype"]) == ("a.PS1", ".ps1", "EXE")
    assert variables_of_layer(sample, b"plain words")["filetype"] == ""


async def test_a_rule_that_matches_the_file_itself_is_left_to_yara(strings: Analyse) -> None:
    result = await strings(f"{CRADLE}; $x = 'cmd' + '.exe'".encode())

    assert result.result["layers"]
    assert (result.score, result.result["rules"]) == (NO_FINDINGS, [])


def test_the_best_rules_of_layers_keep_their_families_where_there_are_few_tags(tmp_path: Path) -> None:
    rules, script = tmp_path / "rules", tmp_path / "script.ps1"
    rules.mkdir()
    (rules / "many.yar").write_text("\n".join(RULE % (f"Rule_{number}", number) for number in range(101)))
    script.write_text(encoded_command(f"{CRADLE} # needle"))

    result = StringsAnalyser({"yara_rules": str(rules)}).analyse(sample_file(script))

    of_rules = [(tag.type, tag.value) for tag in result.tags if tag.type != "behaviour"]
    assert of_rules[:2] == [("yara", "Rule_100"), ("family", "Staged")]


async def test_hidden_words_are_techniques_of_attack(strings: Analyse) -> None:
    result = await strings(encoded_command(CRADLE).encode())

    told = {one["technique"]: one["name"] for one in result.result["attack"]}
    assert told["T1059.001"] == "PowerShell"
    assert told.keys() >= {"T1027", "T1027.013", "T1105"}
    assert tags(result) >= {"obfuscated", "attack.t1027", "attack.t1059.001", "attack.t1105"}


async def test_layers_in_layers_tell_their_parents(strings: Analyse) -> None:
    script = encoded_command(encoded_command(CRADLE))

    result = await strings(script.encode())

    assert [(one["number"], one["parent"], one["depth"]) for one in result.result["layers"]] == [
        (1, 0, 1),
        (2, 1, 2),
    ]


async def test_layers_end_at_a_depth(strings: Analyse) -> None:
    script = CRADLE
    for _ in range(10):
        script = f"x = '{base64.b64encode(script.encode()).decode()}'"

    result = await strings(script.encode())

    assert max(one["depth"] for one in result.result["layers"]) == 8
    assert "Layers deeper than 8 are not peeled." in result.result["limits"]


async def test_layers_end_at_a_number(strings: Analyse) -> None:
    words = "\n".join(
        f"x = '{base64.b64encode(b'this is the text %05d' % number).decode()}'" for number in range(80)
    )

    result = await strings(words.encode())

    assert len(result.result["layers"]) == 50
    assert "More than 50 layers are not kept." in result.result["limits"]


async def test_a_command_inside_a_program_is_a_layer(strings: Analyse) -> None:
    program = bytes(300) + encoded_command(CRADLE).encode() + bytes(300)

    result = await strings(program)

    assert result.result["layers"][0]["how"] == ["base64", "utf-16"]
    assert result.score >= MALICIOUS


async def test_encoded_text_inside_a_program_says_nothing(strings: Analyse) -> None:
    harmless = base64.b64encode(b"a sentence that nobody would hide from anybody")

    result = await strings(bytes(300) + harmless + bytes(300))

    assert result.result["layers"] == []


async def test_a_program_inside_a_script_is_a_layer_of_bytes(strings: Analyse) -> None:
    program = b"MZ" + bytes(200)

    result = await strings(b"$x = '" + base64.b64encode(program) + b"'")

    assert (result.evidence[0].file_name, result.evidence[0].data) == ("layer1.bin", program)


async def test_text_that_was_encoded_by_the_script_encoder_comes_back(strings: Analyse) -> None:
    script = "".join(map(chr, range(32, 127))) * 2 + "\r\n\t'<>@ CreateObject"

    result = await strings(encoded_script(script).encode())

    assert result.evidence[0].data.decode() == script


def test_clean_scripts_stay_clean() -> None:
    """The modules of the Python standard library: none scores, none is tagged. `docs/workers.md` has larger counts."""
    analyser = StringsAnalyser({})
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))

    results = [analyser.analyse(sample_file(module)) for module in modules]

    assert len(modules) > 150
    assert [result.score for result in results if result.score != NO_FINDINGS] == []
    assert [tags(result) for result in results if result.tags] == []
