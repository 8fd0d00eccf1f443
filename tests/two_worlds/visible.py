"""What both worlds have: samples of the mill, with everything that can hang on a sample."""

import time
from typing import Any
from uuid import uuid4

from hunts.hunting import begun, claimed, end, rules_for
from kit.bank import AGENT, CHIEF, V2, Bank, Sample, eventually
from kit.children import Parent, some_bytes
from kit.policy_rules import RULES
from kit.similar import fact
from kit.visitor import Visitor
from two_worlds.names import Names

TLSH = "T1" + "0123456789ABCDEF" * 4 + "012345"
PDB = "C:\\build\\two-worlds.pdb"
#: texts by which the samples of both customers are found
INVOICE, FAMILY, DETECTION, KEY, VALUE, WORD = (
    "invoice.exe",
    "lokibot",
    "Trojan.Loki",
    "source",
    "mail",
    "lettuce",
)

#: what a sample has when no type is looked for any more
TYPED = {"latestClassification", "deletedTimestamp"}


def begin(bank: Bank, names: Names) -> None:
    names.words += [INVOICE, FAMILY, DETECTION, KEY, VALUE, WORD, PDB, TLSH, "mill", "mia", "robot"]
    names.times.append(now())
    worker = str(bank.worker(shortName="scanner")["shortName"])
    plan = names.plan = bank.plan(worker)
    names.add(idOrShortName=worker)
    names.add(shortName="mia", user="nora", role="SAMPLEDB-USER", customer="mill-north")
    names.add(id=bank.data(bank.get(RULES, limit=0))[-1]["id"])
    for user in ("mia", "mia", "nora", "chief"):
        ended_sample(bank, names, worker, plan, user, "mill")
    waiting_samples(bank, names, worker, plan, "mia", "analyzer")
    family(bank, names)
    searched(bank, names, worker)
    tasks_of_service(bank, names)
    desk(bank, names)
    alone = bank.submitted("mia", fileName="nothing-known.bin")
    names.add(sha256=alone.sha256)
    await_types(bank)
    names.times.append(now())


def now() -> int:
    return time.time_ns() // 1_000_000


def ended_sample(
    bank: Bank, names: Names, worker: str, plan: dict[str, str], user: str, customer: str, **fields: Any
) -> Sample:
    """A sample whose job has ended, with all that can hang on a sample."""
    sample = Sample(size=3000)
    names.stored[sample.sha256] = sample.data
    batch = str(uuid4())
    meta = {**plan, KEY: VALUE, "batch": batch}
    submission = bank.submit(sample, user, fileName=INVOICE, metaData=meta, **fields)
    names.add(sha256=sample.sha256, submissionID=submission["id"], batchID=batch)
    (job,) = bank.jobs_of(sample)
    task = bank.tasks_of(job["id"])[worker]
    names.add(sha256=sample.sha256, jobID=job["id"], taskID=task)
    analysis = analysed(bank, names, sample, worker, customer)
    done = bank.update(job["id"], task, "success", CHIEF, analyses=[analysis])
    assert done.ok, done.text
    remarked(bank, names, sample, customer, user)
    return sample


def analysed(
    bank: Bank, names: Names, sample: Sample, worker: str, customer: str, tlp: str = "amber", score: int = 80
) -> str:
    """An analysis with facts and with evidence of both kinds."""
    facts = [fact("tlsh", TLSH), fact("pdb", PDB)]
    analysis = bank.analyse(
        sample, worker, score, user=CHIEF, customer=customer, tlp=tlp, facts=facts,
        tags=[{"type": "family", "value": FAMILY}],
        triggeredDetections=[{"name": DETECTION, "assessment": "malicious"}],
        analysisResult={KEY: VALUE, "told": [{"by": WORD}]},
    )  # fmt: skip
    names.add(sha256=sample.sha256, analysisID=analysis)
    for name, flags in (("seen.txt", ""), ("internal.txt", "?internal=true")):
        place = f"{sample.path}/analysis/{analysis}/evidence/{name}{flags}"
        kept = bank.data(bank.call("POST", place, CHIEF, data=f"{name} {WORD}".encode()))
        names.add(sha256=sample.sha256, analysisID=analysis, evidenceID=kept["id"], fileName=name)
    return analysis


def remarked(bank: Bank, names: Names, sample: Sample, customer: str, user: str) -> None:
    """A link to a sample that is not there, and a note."""
    link = {"reference": Sample(10).sha256, "tlp": "amber", "type": "child", "userAgent": AGENT}
    made = bank.data(bank.post(f"{sample.path}/link", {**link, "customer": customer}, CHIEF))
    names.add(sha256=sample.sha256, linkID=made["id"])
    names.add(sha256=link["reference"])
    writer = "chief" if user == "chief" else user
    note = {"text": f"Looked at by {writer}: {WORD}", "customer": customer}
    noted = bank.post(f"/samplebank/v1/sample/{sample.sha256}/notes", note, "chief")
    names.add(sha256=sample.sha256, noteID=bank.data(noted)["id"])


def waiting_samples(
    bank: Bank, names: Names, worker: str, plan: dict[str, str], user: str, analyst: str
) -> None:
    """Jobs that wait, that a worker works on, and that have failed."""
    for state in ("enqueued", "executing", "failed"):
        sample = bank.submitted(user, fileName=f"{state}.exe", metaData=plan)
        (job,) = bank.jobs_of(sample)
        task = bank.tasks_of(job["id"])[worker]
        names.add(sha256=sample.sha256, jobID=job["id"], taskID=task, state=state)
        if state != "enqueued":
            moved = bank.update(job["id"], task, state, user=analyst, **_said(state))
            assert moved.ok, moved.text


def _said(state: str) -> dict[str, str]:
    return {"message": "no disk"} if state == "failed" else {}


def family(bank: Bank, names: Names) -> None:
    """A container with a child, and a verdict by hand that was withdrawn."""
    parent = Parent(bank, fileName="box.zip")
    child = some_bytes()
    receipt = parent.add(child, path="inner/a.exe", fileName="a.exe")
    names.add(sha256=parent.sample.sha256, jobID=parent.job, taskID=parent.task)
    names.add(idOrShortName=parent.worker)
    found = Sample(data=child)
    names.add(sha256=found.sha256, submissionID=receipt["submissionID"])
    judged = {"statusOverride": "malicious", "comment": "seen before"}
    assert bank.post(f"{found.path}/verdict", judged, "analyzer").status_code == 201


def searched(bank: Bank, names: Names, worker: str) -> None:
    """A hunt with a hit, and a hunt that waits."""
    (sample, *_) = names.all("sha256")
    for is_ended in (True, False):
        hunt = begun(bank, rules_for(WORD), "mia", query=f"sha256:{sample}")
        names.add(huntID=hunt["id"], number="0", idOrShortName=worker)
        if is_ended:
            pattern = {"name": "$a", "count": 1, "offsets": [7], "text": WORD}
            hit = {"sample": sample, "matches": [{"rule": "found", "patterns": [pattern]}]}
            assert end(bank, claimed(bank, hunt), hits=[hit]).ok


def tasks_of_service(bank: Bank, names: Names) -> None:
    """A reanalysis by one user, and a deletion by another. Both have ended."""
    (sha256, *_) = names.all("sha256")
    sample = Sample(0)
    sample.sha256 = sha256
    asked = [bank.post("/samplebank/v1/sample/reanalyse", {"sha256": [sha256]}, "mia")]
    assert eventually(lambda: len(bank.jobs_of(sample)) == 2)
    job = bank.jobs_of(sample, state=["enqueued"])[0]["id"]
    for task in bank.tasks_of(job).values():
        assert bank.update(job, task, "success", "chief").ok
    deleted = bank.submitted("mia", fileName="deleted.exe")
    asked.append(bank.delete(deleted.path, "boss"))
    names.add(sha256=deleted.sha256)
    correlations = [bank.data(one)["correlationID"] for one in asked]

    def ended() -> bool:
        tasks = bank.data(bank.post(f"{V2}/servicetask/search", {"correlationID": correlations, "limit": 0}))
        return len(tasks) >= 2 and all(task.get("finishedTimestamp") for task in tasks)

    assert eventually(ended), bank.get(f"{V2}/servicetask").text
    for task in bank.data(bank.get(f"{V2}/servicetask", limit=0)):
        names.add(serviceTaskID=task["id"])


def desk(bank: Bank, names: Names) -> None:
    """A saved query, and a retry."""
    mia = Visitor(bank.url).sign_in(bank.keys["mia"])
    failed = next(row["jobID"] for row in reversed(names.rows) if row.get("state") == "failed")
    key = str(mia.get("/jobs").all("input[name=key]")[0].attributes["value"])
    retried = mia.post("/jobs/retry", {"job": failed, "key": key})
    names.add(retryID=retried.response.url.rpartition("/")[2])
    shown = mia.post("/queries", {"kind": "samples", "name": "Invoices", "q": f"name:{INVOICE}"})
    assert shown.status == 200, shown.text()
    for form in shown.all("form[action*='/remove']"):
        names.add(queryID=str(form.attributes["action"]).split("/")[-2])


def await_types(bank: Bank) -> None:
    """Nothing happens by itself any more: each sample has its type, and each job that can end has ended."""
    everything = {"limit": 0, "indexStartTimestamp": 0}

    def typed() -> bool:
        samples = bank.data(bank.post(f"{V2}/sample/search", everything))
        return all(TYPED & sample.keys() for sample in samples)

    assert eventually(typed)
