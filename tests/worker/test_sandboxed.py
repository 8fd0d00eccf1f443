"""Analysers as the worker sees analysers, and the kit for authors to test analysers."""

import logging
import os
from pathlib import Path

import msgspec
import pytest

from samplebank.sandbox import NotStarted, SandboxError
from samplebank.worker.analysers import BUILT_IN, registrations
from samplebank.worker.analysers.testing import analysed, sample_file, violations
from samplebank.worker.contract import Rejected, Result
from samplebank.worker.inside import MOST_HEAD, Finished, Message, decoded_reply, encoded
from samplebank.worker.sandboxed import Failed, SandboxedAnalyser

HERE = Path(__file__).parent


def move(folder: Path, to: Path) -> None:
    folder.rename(to)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample"
    path.write_bytes(b"four")
    return path


async def test_an_analyser_is_described_without_being_imported() -> None:
    opened = await SandboxedAnalyser.open("staged_analysers:Measuring", import_from=(HERE,))

    async with opened as analyser:
        assert (analyser.description.short_name, analyser.description.version) == ("measuring", "1.2")


def children() -> set[str]:
    return set(Path("/proc/thread-self/children").read_text("ascii").split())


def command_line(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def test_an_analyser_without_special_needs_is_started_once(sample: Path) -> None:
    before = children()

    async with await SandboxedAnalyser.open("staged_analysers:Measuring", import_from=(HERE,)) as analyser:
        (asked,) = children() - before
        await analyser.analyse(sample_file(sample))

        assert children() - before == {asked}


async def test_the_settings_of_an_analyser_are_in_no_command_line() -> None:
    before = children()

    async with await SandboxedAnalyser.open(
        "staged_analysers:Measuring", settings={"password": "a-secret"}, import_from=(HERE,)
    ):
        lines = [command_line(pid) for pid in children() - before]

        assert lines
        assert all(b"samplebank.sandbox.child" in line and b"a-secret" not in line for line in lines)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
async def test_the_built_in_analysers_are_registered_with_what_they_say_of_themselves(name: str) -> None:
    kept = registrations()[name]

    async with await SandboxedAnalyser.open(BUILT_IN[name]) as analyser:
        told = analyser.description

    assert told.short_name == name
    assert (kept.names, kept.descriptions, kept.schema) == (told.names, told.descriptions, told.schema)


@pytest.mark.parametrize(
    ("import_path", "reason"),
    [
        ("no_such_module:Analyser", "No module named 'no_such_module'"),
        ("staged_analysers:Missing", "has no attribute 'Missing'"),
        ("staged_analysers:NoAnalyser", "staged_analysers:NoAnalyser is not an Analyser"),
    ],
)
async def test_a_wrong_import_path_is_explained(import_path: str, reason: str) -> None:
    with pytest.raises(SandboxError, match=reason):
        await SandboxedAnalyser.open(import_path, import_from=(HERE,))


async def test_an_import_that_fails_is_told_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "mistaken.py").write_text("import json\n\nimport no_such_module\n")

    with pytest.raises(SandboxError) as failed:
        await SandboxedAnalyser.open("mistaken:Mistaken", import_from=(tmp_path,))

    said = f"No module named 'no_such_module' ({tmp_path}/mistaken.py, line 3)"
    assert failed.value.reason == f"The sandbox did not start. ModuleNotFoundError: {said}"


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("number as version", "version of the analyser is wrong: Expected `str`, got `int`"),
        ("float as memory", "memory_bytes of the analyser is wrong: Expected `int`, got `float`"),
        ("no time", "seconds of the analyser is wrong: Expected `float` > 0"),
        ("endless", "seconds of the analyser is wrong: Expected `float` <= 604800"),
        ("text as names", "names of the analyser is wrong: Expected `object`, got `str`"),
        ("other language", "The analyser needs names in english"),
        ("text as settings", "known_settings of the analyser is wrong: Expected `array | null`, got `str`"),
        ("text as schema", r"schema of the analyser is wrong: Expected `object | null`, got `str`"),
        ("blank in name", "short_name of the analyser is wrong: Expected `str` matching"),
        ("text as folders", "folders of the analyser is wrong: Expected `array`, got `str`"),
        ("no folders", "folders of the analyser is wrong: Expected `array`, got `null`"),
        ("number as folder", "folders"),
    ],
)
async def test_a_class_that_says_something_wrong_of_itself_is_told_what(says: str, reason: str) -> None:
    with pytest.raises(SandboxError, match=reason.replace("|", r"\|")):
        await SandboxedAnalyser.open(
            "staged_analysers:Misdescribed", settings={"says": says}, import_from=(HERE,)
        )


async def test_a_class_that_lacks_a_name_is_told_so() -> None:
    with pytest.raises(SandboxError, match="The analyser has no short_name"):
        await SandboxedAnalyser.open("staged_analysers:Nameless", import_from=(HERE,))


async def test_an_analyser_whose_folder_was_replaced_is_made_anew(sample: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "list", tmp_path / "other"
    (folder / "one").mkdir(parents=True)
    (other / "two").mkdir(parents=True)
    opened = await SandboxedAnalyser.open(
        "staged_analysers:Remembering", settings={"folder": str(folder)}, import_from=(HERE,)
    )

    async with opened as analyser:
        before = await analyser.analyse(sample_file(sample))
        move(folder, tmp_path / "old")
        with pytest.raises(NotStarted, match="did not start"):
            await analyser.analyse(sample_file(sample))
        move(other, folder)
        after = await analyser.analyse(sample_file(sample))

    assert (before.result["held"], after.result["held"]) == (["one"], ["two"])


async def test_the_kit_runs_an_analyser_as_a_worker_would(sample: Path) -> None:
    result = await analysed("staged_analysers:Measuring", sample, options={"a": "b"}, import_from=(HERE,))

    assert (result.result["size"], result.result["options"]) == (4, {"a": "b"})


async def test_a_file_whose_name_is_no_text_is_analysed(sample: Path) -> None:
    odd = Path(os.fsdecode(bytes(sample) + b"\xff"))
    move(sample, odd)

    result = await analysed("staged_analysers:Measuring", odd, import_from=(HERE,))

    assert result.result["size"] == 4


async def test_the_kit_shows_why_a_file_is_rejected(sample: Path) -> None:
    with pytest.raises(Rejected, match=r"^There is nothing to find in 4 bytes\.$"):
        await analysed("staged_analysers:Refusing", sample, import_from=(HERE,))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("dict", r"answered a dict, but analyse\(\) must return a Result"),
        ("nothing", r"answered nothing, but analyse\(\) must return a Result"),
        ("score", "score of the Result is 500, but must be 0"),
        ("truth", "field score of the Result is wrong: Expected `int`, got `bool`"),
        ("tag", r"field tags\[0\]\.type of the Result is wrong: Invalid enum value 'colour'"),
        ("list", "field result of the Result is a list, but must be a dict"),
        ("text", r"field evidence\[0\]\.data of the Result is wrong: Expected `bytes`, got `str`"),
    ],
)
async def test_an_answer_that_breaks_the_contract_is_told_which_part(
    sample: Path, answer: str, reason: str
) -> None:
    with pytest.raises(Rejected, match=reason):
        await analysed("staged_analysers:Careless", sample, settings={"answer": answer}, import_from=(HERE,))


async def test_the_kit_notices_a_result_that_breaks_its_schema(sample: Path) -> None:
    with pytest.raises(AssertionError, match=r'sizes.*"two" is not of type "integer"'):
        await analysed("staged_analysers:Schemaless", sample, import_from=(HERE,))


async def test_the_kit_notices_a_fact_that_the_service_would_refuse(sample: Path) -> None:
    with pytest.raises(AssertionError, match=r"facts\[0\]\.value: This is no value of the kind imphash"):
        await analysed("staged_analysers:Careless", sample, settings={"answer": "fact"}, import_from=(HERE,))


def test_the_kit_notices_a_result_that_is_larger_as_json_than_the_service_takes() -> None:
    result = Result(result={"text": "\n" * 700_000})

    assert violations(result, None) == [
        "analysisResult: The result has 1400011 bytes as JSON, but the service takes 1048576 at most."
    ]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (
            "without children",
            "analysisResult: Additional properties are not allowed .'children' was unexpected",
        ),
        ("no schema", "schema: The schema is not a JSON Schema"),
        ("elsewhere", "schema: The schema is not a JSON Schema"),
    ],
)
async def test_the_kit_notices_a_schema_that_the_service_or_its_children_would_break(
    sample: Path, schema: str, reason: str
) -> None:
    with pytest.raises(AssertionError, match=reason):
        await analysed("staged_analysers:Bringing", sample, settings={"schema": schema}, import_from=(HERE,))


async def test_the_kit_counts_the_children_that_the_worker_will_tell(sample: Path) -> None:
    result = await analysed(
        "staged_analysers:Bringing", sample, settings={"schema": "needs children"}, import_from=(HERE,)
    )

    assert (result.result, [child.name for child in result.children]) == ({"size": 4}, ["a.exe"])


@pytest.mark.parametrize(
    ("analyser", "by", "told"),
    [
        ("Unprepared", "error", "prepare() stopped with OSError: no list of words"),
        ("Unprepared", "exit", "prepare() stopped with SystemExit: no list of words"),
        ("Worried", "error", "problems() stopped with OSError: no list of words"),
        ("Worried", "text", "The list is old."),
        ("Worried", "nothing", None),
    ],
)
async def test_what_is_wrong_beside_the_analysis_is_told_to_the_operator_and_costs_no_analysis(
    sample: Path, caplog: pytest.LogCaptureFixture, analyser: str, by: str, told: str | None
) -> None:
    with caplog.at_level(logging.WARNING, "samplebank.worker"):
        await analysed(f"staged_analysers:{analyser}", sample, settings={"by": by}, import_from=(HERE,))

    reasons = [vars(record)["fields"]["reason"] for record in caplog.records]
    assert reasons == ([told] if told else [])


async def test_a_file_that_is_rejected_without_a_word_is_told_as_rejected(sample: Path) -> None:
    with pytest.raises(Rejected, match="rejects the file, and gives no reason"):
        await analysed("staged_analysers:Silent", sample, import_from=(HERE,))


@pytest.mark.parametrize("analyser", ["Broken", "Slow"])
async def test_what_an_analysis_printed_before_its_end_is_kept_for_its_author(
    sample: Path, analyser: str
) -> None:
    with pytest.raises(Failed) as failed:
        await analysed(f"staged_analysers:{analyser}", sample, import_from=(HERE,))

    assert failed.value.printed.startswith("looking at 4\n")


async def test_an_analyser_that_ends_its_process_is_told_where(sample: Path) -> None:
    with pytest.raises(Failed, match=r"^The analysis stopped with SystemExit: Stopped at 4\.$") as failed:
        await analysed("staged_analysers:Broken", sample, import_from=(HERE,))

    assert 'sys.exit(f"Stopped at {sample.size}.")' in failed.value.trace


async def test_what_is_written_past_the_streams_of_python_is_told_after_a_crash(sample: Path) -> None:
    with pytest.raises(Failed, match=r"^The analysis crashed with exit status 3: looking at 4$"):
        await analysed("staged_analysers:Dumping", sample, import_from=(HERE,))


async def test_an_analyser_that_reads_the_standard_input_finds_the_end(sample: Path) -> None:
    with pytest.raises(Failed, match=r"^The analysis stopped with EOFError: "):
        await analysed("staged_analysers:Asking", sample, import_from=(HERE,))


async def test_an_analysis_over_its_time_blames_the_file(sample: Path) -> None:
    with pytest.raises(Rejected, match=r"took longer than 1 seconds"):
        await analysed("staged_analysers:Slow", sample, import_from=(HERE,))


async def test_an_analyser_reads_no_other_sample(sample: Path) -> None:
    sample.with_name("other").write_bytes(b"of somebody else")

    with pytest.raises(Rejected, match="PermissionError"):
        await analysed("staged_analysers:Prying", sample, import_from=(HERE,))


async def test_evidence_is_large_where_a_result_is_not(sample: Path) -> None:
    settings = {"length": str(MOST_HEAD // 2)}

    result = await analysed("staged_analysers:Talkative", sample, settings=settings, import_from=(HERE,))

    assert [evidence.data for evidence in result.evidence] == [bytes(4 * 2**20)]


async def test_a_result_without_end_is_rejected_with_its_size(sample: Path) -> None:
    settings = {"length": str(MOST_HEAD)}

    with pytest.raises(
        Rejected, match=r"besides the data of its evidence and children, more than the 1048576 allowed\.$"
    ):
        await analysed("staged_analysers:Talkative", sample, settings=settings, import_from=(HERE,))


EXTENSION, ODD_NAME = Result(result={"size": msgspec.msgpack.Ext(5, b"")}), Result(result={"size": {None: 1}})


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Message(b"\x90" * (MOST_HEAD + 1)), id="too large"),
        pytest.param(Message(b"\x91" * MOST_HEAD), id="nested"),
        pytest.param(Message(b"\x80"), id="another shape"),
        pytest.param(Message(encoded(Finished(Result(), sizes=(1,)))), id="sizes without evidence"),
        pytest.param(Message(encoded(Finished(Result())), b"more"), id="data without evidence"),
        pytest.param(Message(encoded(Finished(EXTENSION))), id="an extension"),
        pytest.param(Message(encoded(Finished(ODD_NAME))), id="a name that is no text"),
    ],
)
def test_an_answer_that_keeps_no_rules_is_not_taken_apart(message: Message) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decoded_reply(encoded(message))
