"""Which hashes, ids and file names of a pasted text are known."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.bank import Bank, Sample, eventually, name_of
from kit.visitor import Shown, Visitor
from samplebank.web.pasting import MOST, read_pasted
from web.conftest import Visitors
from web.hostile import HOSTILE
from web.walking import obeyed

DIGEST = "0123456789abcdef" * 4


def find(visitor: Visitor, text: str) -> Shown:
    shown = visitor.post("/find", {"text": text})
    assert shown.status == 200, shown.text()
    return shown


def rows(shown: Shown, part: str) -> list[str]:
    return [" ".join(row.text(separator=" ").split()) for row in shown.all(f"#{part} tbody tr")]


def test_the_hashes_of_a_mail_are_looked_up(bank: Bank, visitor: Visitors) -> None:
    name = f"{name_of('invoice')}.exe"
    sample, missing = bank.submitted("mia", fileName=name), Sample()
    md5 = bank.data(bank.get(sample.path))["md5"]
    mail = f"Dear all,\n(SHA-256: {sample.sha256.upper()}), MD5={md5};\nand <{missing.sha256}>."

    shown = find(visitor("mia"), mail)

    assert "2 of 3 known" in shown.text("#hashes h2")
    assert [name in row for row in rows(shown, "hashes")] == [True, True, False]
    assert "not known" in rows(shown, "hashes")[2]
    assert shown.links().count(f"./sample/{sample.sha256}") == 2


def test_ids_lead_to_what_has_the_ids(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    analysis = bank.analyse(sample, worker)
    (submission,) = bank.data(bank.get(f"{sample.path}/submission"))
    text = f"job {job}, task {tasks[worker]}; {submission['id']} {analysis} {uuid4()}"

    shown = find(visitor("mia"), text)

    kinds = [[kind for kind in ("job", "task", "submission", "analysis", "not known") if kind in row]
             for row in rows(shown, "ids")]  # fmt: skip
    assert kinds == [["job"], ["task"], ["submission"], ["analysis"], ["not known"]]
    assert [node.attributes["href"] for node in shown.all("#ids a")] == [
        f"./job/{job}",
        f"./job/{job}",
        f"./sample/{sample.sha256}/sightings",
        f"./sample/{sample.sha256}/findings",
    ]


def test_known_file_names_are_told_with_the_number_of_their_samples(bank: Bank, visitor: Visitors) -> None:
    name, other = f"{name_of('lure')} (1).doc", f"{name_of('lure')}.doc"
    samples = [bank.submitted("mia", fileName=name) for _ in range(2)]
    bank.submitted("mia", fileName=other)
    mia = visitor("mia")

    shown = find(mia, f'They sent "{name}" and {other.replace(".", "[.]")}. Not {name_of("nothing")}.doc!')

    assert "2 of 3 known" in shown.text("#names h2")
    assert [row.split()[-2] for row in rows(shown, "names")] == ["2", "1"]
    assert f"./sample/{samples[1].sha256}" in shown.links()
    query = next(link for link in shown.links() if link.startswith("./samples?q=name"))
    assert "2 found" in mia.get(query.removeprefix(".")).text("h1")


def test_what_others_own_looks_like_what_is_missing(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    name = f"{name_of('secret')}.exe"
    sample, job, tasks = bank.planned(worker, user="quinn", fileName=name)
    analysis = bank.analyse(sample, worker, user="chief")
    (submission,) = bank.data(bank.get(f"{sample.path}/submission"))
    foreign = [sample.sha256, name, job, tasks[worker], submission["id"], analysis]
    missing = [Sample().sha256, f"{name_of('secret')}.exe", *(str(uuid4()) for _ in range(4))]

    shown = [find(visitor("mia"), " ".join(each)) for each in (foreign, missing)]

    assert ["0 of 1 known" in one.text("#hashes h2") for one in shown] == [True, True]
    assert ["0 of 4 known" in one.text("#ids h2") for one in shown] == [True, True]
    assert ["0 of 1 known" in one.text("#names h2") for one in shown] == [True, True]
    assert not [link for link in shown[0].links() if any(one in link for one in foreign)]


def test_an_analysis_of_others_is_not_told_of_a_sample_that_is_ones_own(
    bank: Bank, visitor: Visitors
) -> None:
    (worker,) = bank.workers(1)
    sample = bank.submitted("mia")
    bank.submit(sample, "quinn")
    analysis = bank.analyse(sample, worker, customer="quarry", tlp="red")

    shown = find(visitor("mia"), analysis)

    assert "0 of 1 known" in shown.text("#ids h2")


def test_a_text_is_answered_by_four_statements(bank: Bank, visitor: Visitors) -> None:
    names = [f"{name_of('many')}.exe" for _ in range(3)]
    samples = [bank.submitted("mia", fileName=name) for name in names]

    text = " ".join([*names, *(one.sha256 for one in samples), str(uuid4())])

    assert eventually(lambda: find(visitor("mia"), text).statements <= 4)


def test_hostile_text_is_shown_and_not_obeyed(bank: Bank, visitor: Visitors) -> None:
    name = f"{HOSTILE.splitlines()[0].replace('/', '')}{name_of('x')}.exe".replace('"', "")
    bank.submitted("mia", fileName=name)

    shown = find(visitor("mia"), f'"{name}" {HOSTILE}')

    assert rows(shown, "names")
    assert obeyed(shown) == []


@pytest.mark.parametrize(
    ("text", "remedy"), [("", "paste a text"), ("x" * 200_001, "paste a part")], ids=["empty", "long"]
)
def test_a_text_that_cannot_be_taken_says_what_to_do(visitor: Visitors, text: str, remedy: str) -> None:
    shown = visitor("mia").post("/find", {"text": text})

    assert shown.status == 400
    assert remedy in shown.text()


def test_who_may_not_look_at_samples_finds_nothing(visitor: Visitors) -> None:
    assert visitor("uploader").post("/find", {"text": DIGEST}).status == 403


def test_a_text_without_anything_to_find_says_so(visitor: Visitors) -> None:
    assert "no hash, no id and no file name" in find(visitor("mia"), "Dear all, what now?").text()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("C:\\Users\\eve\\invoice.exe", ["invoice.exe"]),
        ("/usr/.hidden/run.sh.", ["run.sh"]),
        ('"two words.pdf", "no ending"', ["two words.pdf"]),
        ("<a href='evil[.]js'>", ["evil.js"]),
        ("a.exe A.exe a.exe", ["a.exe", "A.exe"]),
        ("It ends. .exe e.g", ["e.g"]),
    ],
)
def test_names_are_taken_from_a_text(text: str, names: list[str]) -> None:
    assert read_pasted(text).names == names


def test_a_longer_run_of_digits_is_no_hash() -> None:
    assert read_pasted(f"{DIGEST}0 x{DIGEST} {DIGEST}").hashes == [DIGEST]


def test_a_text_with_very_much_is_cut_and_says_so() -> None:
    found = read_pasted(" ".join(f"{number:032x}" for number in range(MOST + 1)))

    assert (len(found.hashes), found.is_cut) == (MOST, True)


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_-]{0,20}\.[a-z]{1,4}", fullmatch=True)))
def test_every_name_of_a_list_is_taken_once(names: list[str]) -> None:
    assert read_pasted("\n".join(names)).names == list(dict.fromkeys(names))[:MOST]
