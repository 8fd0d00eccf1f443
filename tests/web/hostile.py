"""Hostile text wherever text goes: a sample, a job, a hunt and everything else that pages show."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from hunts.hunting import begun, claimed, end, rules_for
from kit.bank import AGENT, CHIEF, ROBOT, Bank, Sample, name_of
from kit.policy_rules import RULES
from kit.service import Service
from kit.visitor import Visitor

#: names and values chosen by attackers
HOSTILE = (
    "<svg onload=alert(1)>\u202e\u200b\x1b[31m'\"><script>alert(1)</script> http://evil.example/ {{ 1234 * 4321 }} "
    "\u2066\u2028&lt; javascript:alert(1)"
)


#: the same without control characters
HOSTILE_LINE = HOSTILE.replace("\x1b", "")


#: as hostile as the pattern of the interface allows
TAME = 'javascript:alert(1) \'"" http://evil.example/ {{ 1234 * 4321 }}'


@pytest.fixture(scope="module")
def hostile(service: Service, bank: Bank) -> Iterator[dict[str, str]]:
    """Hostile text wherever text goes: names for the paths of pages."""
    names = hostile_sample(bank)
    hostile_desk(service)
    rule = hostile_rule(bank, names["worker"])
    yield names
    assert bank.delete(rule, CHIEF).ok


def hostile_sample(bank: Bank) -> dict[str, str]:
    """A sample and a job with hostile text wherever text goes."""
    worker = bank.worker(
        shortName=f"{name_of('w')}{'w' * 80}", localizedDescriptions={"english": "without_a_blank_" * 15}
    )["shortName"]
    sample, names = hostile_job(bank, worker)
    other = Sample()
    bank.submit(other, "mia", fileName=HOSTILE)
    hostile_remarks(bank, sample, other)
    hostile_worker(bank, worker)
    created = {"sha256": [sample.sha256]}
    task = bank.data(bank.post("/samplebank/v1/sample/reanalyse", created))["correlationID"]
    batch = str(uuid4())
    bank.submit(sample, fileName=HOSTILE + " again", metaData={"batch": batch, HOSTILE_LINE: HOSTILE_LINE})
    for one in (sample, other):
        facts = [{"kind": "tlsh", "value": f"T1{'0' * 70}"}, {"kind": "pdb", "value": HOSTILE_LINE}]
        bank.analyse(one, worker, user=CHIEF, facts=facts)
    return names | {
        "sha256": sample.sha256,
        "a": sample.sha256,
        "b": other.sha256,
        "batch_id": batch,
        "worker": worker,
        "task_id": task,
        "hunt_id": hostile_hunt(bank, sample),
        "short_name": hostile_account(bank),
    }


def hostile_account(bank: Bank) -> str:
    """A user with a hostile name, and a key with a hostile label."""
    name = name_of("hostile")
    bank.data(bank.put(f"/samplebank/v1/users/{name}", {"customer": "mill", "name": HOSTILE_LINE[:200]}))
    key = {"user": name, "label": HOSTILE_LINE[:200]}
    bank.data(bank.put(f"/samplebank/v1/keys/{uuid4()}", key))
    return name


def hostile_job(bank: Bank, worker: str) -> tuple[Sample, dict[str, str]]:
    """A sample, and the names of a job with a hostile analysis, hostile evidence and a hostile end."""
    sample, job, tasks = bank.planned(worker, fileName=HOSTILE)
    analysis = bank.analyse(
        sample,
        worker,
        99,
        tags=[{"type": "family", "value": TAME}],
        triggeredDetections=[{"name": TAME, "assessment": "malicious"}],
        analysisResult={HOSTILE: [HOSTILE], "told": [{"by": HOSTILE}, {"by": ["one", 2, None, True]}]},
    )
    backed = f"{sample.path}/analysis/{analysis}/evidence/screen.png?internal=true"
    evidence = bank.data(bank.call("POST", backed, ROBOT, data=HOSTILE.encode()))
    done = bank.update(job, tasks[worker], "failed", user=ROBOT, message=HOSTILE, analyses=[analysis])
    assert done.status_code < 300, done.text
    return sample, {"job_id": job, "analysis_id": analysis, "evidence_id": evidence["id"]}


def hostile_remarks(bank: Bank, sample: Sample, other: Sample) -> None:
    """A link between two samples, a verdict by hand and a note."""
    link = {
        "reference": other.sha256,
        "tlp": "amber",
        "type": "child",
        "userAgent": AGENT,
        "customer": "mill",
    }
    assert bank.post(f"{sample.path}/link", link, ROBOT).status_code == 201
    judged = bank.post(f"{sample.path}/verdict", {"statusOverride": "benign", "comment": TAME})
    assert judged.status_code == 201
    note = {"text": f"{HOSTILE}\n{HOSTILE}"}
    assert bank.post(f"/samplebank/v1/sample/{sample.sha256}/notes", note).status_code == 201


def hostile_desk(service: Service) -> None:
    """A saved query and a session of the chief."""
    chief = Visitor(service.url)
    form = {"key": service.keys["chief"]}
    chief.post(
        "/login", form, headers={"Sec-Fetch-Site": "same-origin", "User-Agent": f"<script>/<b> {TAME}"}
    )
    saved = chief.post(
        "/queries", {"kind": "samples", "name": HOSTILE_LINE[:60], "q": '"<svg onload=alert(1)>"'}
    )
    assert saved.status == 200, saved.text()


def hostile_rule(bank: Bank, worker: str) -> str:
    """A rule of the policy that no submission meets. Returns the path of the rule."""
    body = {
        "name": HOSTILE_LINE,
        "description": HOSTILE_LINE,
        "match": {"submission": {"metaDataKey": ["no such key"], "metaDataValue": [HOSTILE_LINE]}},
        "action": {"workers": {"add": [worker]}},
    }
    return f"{RULES}/{bank.data(bank.post(RULES, body, CHIEF))['id']}"


def hostile_worker(bank: Bank, worker: str) -> None:
    """A claim by a worker with hostile words about itself."""
    bank.planned(worker, user="mia")
    asked = bank.call(
        "POST",
        f"/samplebank/v1/worker/{worker}/claim",
        ROBOT,
        json={"leaseSeconds": 60},
        headers={"User-Agent": "<script>/<b>", "Samplebank-Process": TAME, "Samplebank-Remark": "<script>"},
    )
    assert asked.ok, asked.text


def hostile_hunt(bank: Bank, sample: Sample) -> str:
    """A hunt with hostile rules and a hostile hit."""
    rules = f"// {HOSTILE}\n{rules_for('any')}"
    pattern = {"name": HOSTILE, "count": 1, "offsets": [2**50], "text": HOSTILE}
    hit = {"sample": sample.sha256, "matches": [{"rule": HOSTILE, "tags": [HOSTILE], "patterns": [pattern]}]}
    hunt = begun(bank, rules, CHIEF, query=f"sha256:{sample.sha256}")
    ended = end(bank, claimed(bank, hunt), hits=[hit], reason=HOSTILE)
    assert ended.status_code == 200, ended.text
    return str(hunt["id"])
