"""Queries of people over HTTP: what each condition finds, and what is told of mistakes."""

from typing import Any

import pytest

from kit.bank import AGENT, ROBOT, Bank, Sample, eventually, fields_of, name_of

SAMPLES = "/samplebank/v1/query/samples"


def find(bank: Bank, query: str, user: str = "mia") -> list[str]:
    """SHA-256 of the samples that a query finds, newest first."""
    rows = bank.data(bank.get(SAMPLES, user, q=query, limit=0))
    return [row["sha256"] for row in rows]


def judged(bank: Bank, score: int, tag: str, **fields: Any) -> Sample:
    """A sample with a verdict."""
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker, **fields)
    tags = [{"type": "family", "value": tag}]
    analysis = bank.analyse(sample, worker, score, tags=tags)
    bank.data(bank.update(job, tasks[worker], "success", analyses=[analysis]))
    return sample


class Case:
    """Two samples, of which nobody else knows the words."""

    def __init__(self, bank: Bank) -> None:
        self.word, self.tag = name_of("case"), name_of("tag")
        self.high = judged(bank, 95, self.tag, fileName=f"{self.word}-Invoice.exe")
        self.low = judged(bank, 40, name_of("tag"), fileName=f"{self.word}-note.txt")
        bank.submit(self.low, user="quinn", fileName=name_of("theirs"))
        body = {"reference": self.low.sha256, "type": "child", "tlp": "amber", "userAgent": AGENT}
        bank.data(bank.post(f"{self.high.path}/link", body, ROBOT))


@pytest.fixture(scope="module")
def case(bank: Bank) -> Case:
    return Case(bank)


BOTH, HIGH, LOW, NONE = {"high", "low"}, {"high"}, {"low"}, set[str]()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", BOTH),
        ("score:70..", HIGH),
        ("score:95", HIGH),
        ("score:>95", NONE),
        ("-score:70..", LOW),
        ("verdict:malicious", HIGH),
        ("verdict:suspicious", LOW),
        ("verdict:benign OR verdict:unknown", NONE),
        ("verdict:malicious OR verdict:suspicious", BOTH),
        ("family:{tag}", HIGH),
        ("tag:{tag}", HIGH),
        ("tag:yara:{tag}", NONE),
        ("-tag:family:{tag}", LOW),
        ("name:{word}-Invoice.exe", HIGH),
        ("name:{word}-invoice.exe", NONE),
        ("name:{word}-in*.EXE", HIGH),
        ("name:{word}*", BOTH),
        ("-name:*.exe", LOW),
        ("invoice", HIGH),
        ("-invoice", LOW),
        ("invoice OR note.txt", BOTH),
        ("size:5000", BOTH),
        ("size:>4K size:<1M", BOTH),
        ("size:>5K", NONE),
        ("seen:-1d", BOTH),
        ("seen:..2020", NONE),
        ("first:today..", BOTH),
        ("first:-1d last:-1d", BOTH),
        ("customer:mill", BOTH),
        ("{low}", LOW),
        ("SHA256: {low}", LOW),
        ("{low}\n{high}", BOTH),
        ("{low},{high};", BOTH),
        ("{low} {high} -{low}", HIGH),
        ("child:{low}", HIGH),
        ("link:child", HIGH),
        ("-link:child", LOW),
        ("(score:70.. invoice) OR (score:..69 note.txt)", BOTH),
        ("-(score:70.. invoice)", LOW),
        ("-(score:70.. note.txt)", BOTH),
        ("(score:70.. OR note.txt) (invoice OR link:child)", HIGH),
        ("score:..50 OR -invoice", LOW),
        ("worker:nobody", NONE),
        ('result.made:"by a test"', BOTH),
        ("result.made:*", BOTH),
        ("meta.never:*", NONE),
        ("is:manual", NONE),
        ("tlp:clear", NONE),
    ],
)
def test_a_query_finds_what_it_says(bank: Bank, case: Case, query: str, expected: set[str]) -> None:
    told = query.format(word=case.word, tag=case.tag, low=case.low.sha256, high=case.high.sha256)
    names = {case.high.sha256: "high", case.low.sha256: "low"}

    assert {names[sha256] for sha256 in find(bank, f"{told} name:{case.word}*")} == expected


def test_mistakes_are_told_all_at_once_with_their_places(bank: Bank) -> None:
    refused = bank.get(SAMPLES, q="tpye:pebin score:900 customer:acme")

    assert refused.status_code == 412
    assert fields_of(refused) == {"q[0:4]", "q[17:20]"}


def test_a_field_that_is_nearly_right_is_told(bank: Bank) -> None:
    refused = bank.get(SAMPLES, q="tpye:pebin")

    assert '"type:"' in refused.json()["messages"][0]["message"]


def test_a_customer_that_nobody_may_see_is_refused_at_its_place(bank: Bank) -> None:
    unknown = bank.get(SAMPLES, "mia", q="invoice OR customer:nobody")
    invisible = bank.get(SAMPLES, "mia", q="invoice OR customer:quarry")

    assert [(r.status_code, fields_of(r)) for r in (unknown, invisible)] == [(412, {"q[20:26]"})] * 2


JOBS = "/samplebank/v1/query/jobs"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state:enqueued", {"waiting"}),
        ("-state:done -state:timeout", {"waiting"}),
        ("state:done OR state:enqueued", {"waiting", "done"}),
        ("state:timeout", set()),
        ("worker:{worker}", {"waiting", "done"}),
        ("worker:nobody", set()),
        ("customer:mill", {"waiting"}),
        ("customer:mill OR customer:quarry", {"waiting", "done"}),
        ("seen:-1d", {"waiting", "done"}),
        ("ended:-1d", {"done"}),
        ("ended:..2020", set()),
        ("type:never", set()),
        ("", {"waiting", "done"}),
    ],
)
def test_a_query_finds_the_jobs_that_it_says(
    bank: Bank, two_jobs: dict[str, str], query: str, expected: set[str]
) -> None:
    samples = " ".join(two_jobs[name] for name in ("waiting_sample", "done_sample"))
    rows = bank.data(bank.get(JOBS, q=f"{query.format(**two_jobs)} {samples}", limit=0))

    assert {row["id"] for row in rows} == {two_jobs[name] for name in expected}


@pytest.fixture(scope="module")
def two_jobs(bank: Bank) -> dict[str, str]:
    (worker,) = bank.workers(1)
    waiting_sample, waiting, _ = bank.planned(worker)
    done_sample, done, tasks = bank.planned(worker, user="quinn")
    bank.data(bank.update(done, tasks[worker], "success"))
    return {
        "worker": worker,
        "waiting": waiting,
        "waiting_sample": waiting_sample.sha256,
        "done": done,
        "done_sample": done_sample.sha256,
    }


@pytest.mark.parametrize("query", ["{low}", "{word}", "score:40", "family:{tag} OR customer:quarry"])
def test_a_query_tells_nothing_of_what_a_caller_may_not_see(bank: Bank, case: Case, query: str) -> None:
    told = query.format(word=case.word, tag=case.tag, low=case.low.sha256)

    assert case.high.sha256 not in find(bank, told, "quinn")
    assert find(bank, f"{told} name:{case.word}*", "quinn") == []


def test_a_type_of_a_sample_that_a_caller_may_not_see_finds_no_job(bank: Bank) -> None:
    pdf = Sample(data=b"%PDF-1.4\n" + Sample().data)
    (worker,) = bank.workers(1)
    bank.submit(pdf, metaData=bank.plan(worker))
    assert eventually(lambda: "latestClassification" in bank.data(bank.get(pdf.path)))
    kind = bank.data(bank.get(pdf.path))["latestClassification"]["type"]

    by_user = {
        user: len(bank.data(bank.get(JOBS, user, q=f"worker:{worker} type:{kind}")))
        for user in ("mia", "quinn")
    }

    assert by_user == {"mia": 1, "quinn": 0}


@pytest.mark.parametrize("path", [SAMPLES, JOBS])
def test_pages_behind_one_another_are_the_whole_answer(
    bank: Bank, two_jobs: dict[str, str], path: str
) -> None:
    query = f"{two_jobs['waiting_sample']} {two_jobs['done_sample']}"
    whole = bank.data(bank.get(path, q=query, limit=0))

    first = bank.get(path, q=query, limit=1).json()
    second = bank.get(path, q=query, limit=1, after=first["metaData"]["next"]).json()

    assert (first["count"], first["data"] + second["data"]) == (2, whole)


@pytest.mark.parametrize("path", [SAMPLES, JOBS])
def test_a_cursor_is_for_its_own_query(bank: Bank, two_jobs: dict[str, str], path: str) -> None:
    query = f"{two_jobs['waiting_sample']} {two_jobs['done_sample']}"
    cursor = bank.get(path, q=query, limit=1).json()["metaData"]["next"]

    assert fields_of(bank.get(path, q=f"{query} seen:-1d", limit=1, after=cursor)) == {"after"}


@pytest.mark.parametrize("path", [SAMPLES, JOBS])
def test_a_query_that_no_address_holds_is_a_body(bank: Bank, two_jobs: dict[str, str], path: str) -> None:
    others = [f"{number:064x}" for number in range(5_000)]
    query = "\n".join([*others, two_jobs["waiting_sample"]])

    rows = bank.data(bank.post(path, {"q": query}))

    told = [row.get("sha256") or row["analysedSample"]["id"] for row in rows]
    assert told == [two_jobs["waiting_sample"]]


def test_as_many_terms_as_a_query_may_have_are_answered(bank: Bank, case: Case) -> None:
    choices = " OR ".join(f"(meta.k{number}:v -customer:mill)" for number in range(19))

    assert find(bank, f"{choices} OR {case.word}") == [case.low.sha256, case.high.sha256]


@pytest.mark.parametrize(
    ("part", "between"), [("-{0:064x}", " OR "), ("(-{0:064x})", " "), ("({0:032x} {0:064x})", " OR ")]
)
def test_a_query_of_more_parts_than_a_search_takes_is_refused_as_a_whole(
    bank: Bank, part: str, between: str
) -> None:
    query = between.join(part.format(number) for number in range(51))

    refused = bank.post(SAMPLES, {"q": query})

    assert (refused.status_code, fields_of(refused)) == (412, {f"q[0:{len(query)}]"})
    assert "more than 50 parts" in refused.text


def test_a_word_of_two_letters_with_accents_apart_is_too_short(bank: Bank) -> None:
    refused = bank.get(SAMPLES, q="e\u0301a\u0301")

    assert (refused.status_code, fields_of(refused)) == (412, {"q[0:4]"})
