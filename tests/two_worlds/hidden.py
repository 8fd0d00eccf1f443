"""What only one of the worlds has: everything that customers of others do, and that the mill may not see."""

from hunts.hunting import begun, rules_for
from kit.bank import AGENT, CHIEF, V2, Bank, Sample
from kit.policy_rules import RULES
from kit.service import Service
from kit.similar import near_to
from kit.visitor import Visitor
from two_worlds.names import Names
from two_worlds.visible import (
    INVOICE,
    KEY,
    TLSH,
    VALUE,
    WORD,
    analysed,
    await_types,
    ended_sample,
    now,
    waiting_samples,
)

#: more than a page of a list has
MANY = 30
TENANTS = """
[[customer]]
shortName = "lagoon"
name = "The Lagoon"
domain = "there"

[[user]]
shortName = "lars"
customer = "lagoon"
key = true

[[grant]]
subject = "lars"
role = "SAMPLEDB-USER"
customer = "lagoon"
"""


def hide(service: Service, bank: Bank, names: Names) -> None:
    visible = list(dict.fromkeys(row["sha256"] for row in names.rows if "analysisID" in row))
    newcomers(service)
    names.add(shortName="lars", user="lars", role="SAMPLEDB-USER", customer="lagoon")
    names.add(shortName="lagoon")
    names.words += ["harbour", "hana", "hank", "quarry", "quinn", "lagoon", "secret.exe"]
    worker, plan = "scanner", names.plan
    for user, customer in (("hana", "harbour"), ("quinn", "quarry"), ("lars", "lagoon")):
        ended_sample(bank, names, worker, plan, user, customer)
    for tlp in ("amber", "green"):
        ended_sample(bank, names, worker, plan, "hana", "harbour", tlp=tlp)
    ended_sample(bank, names, worker, plan, "quinn", "quarry", acl=["gus"])
    for _ in range(3):
        waiting_samples(bank, names, worker, plan, "hana", "hank")
    names.times.append(now())
    crowd(bank, names, {KEY: VALUE})
    on_visible(bank, names, worker, visible)
    by_others(bank, names)
    rules(bank, names, worker)
    await_types(bank)
    names.times.append(now())


def newcomers(service: Service) -> None:
    tenants = service.folder / "newcomers.toml"
    tenants.write_text(TENANTS)
    service.apply(tenants)


def crowd(bank: Bank, names: Names, plan: dict[str, str]) -> None:
    """So many samples and jobs that pages and counts of lists would move."""
    for number in range(MANY):
        user = ("hana", "quinn")[number % 2]
        sample = bank.submitted(user, fileName=f"secret.exe {INVOICE} {number}", metaData=plan)
        if number % 10 == 0:
            (job,) = bank.jobs_of(sample)
            names.add(sha256=sample.sha256, jobID=job["id"])


def on_visible(bank: Bank, names: Names, worker: str, visible: list[str]) -> None:
    """What others add to samples of the mill, for themselves."""
    for sha256 in visible[:3]:
        sample = Sample(0)
        sample.sha256 = sha256
        analysed(bank, names, sample, worker, "harbour", "red", 100)
        link = {"reference": Sample(10).sha256, "tlp": "red", "type": "loads", "userAgent": AGENT}
        made = bank.post(f"{sample.path}/link", {**link, "customer": "harbour"}, CHIEF)
        names.add(sha256=sha256, linkID=bank.data(made)["id"])
        note = {"text": f"a secret of the harbour: {WORD}", "customer": "harbour", "tlp": "red"}
        noted = bank.data(bank.post(f"/samplebank/v1/sample/{sha256}/notes", note, "chief"))
        names.add(sha256=sha256, noteID=noted["id"])
    for user, path in (("hana", names.rows[-1]["sha256"]), ("quinn", visible[0])):
        bank.get(f"/sampledb/v2/sample/{path}/raw", user)
    for user, sha256 in (("hana", visible[0]), ("quinn", visible[1]), ("quinn", visible[2])):
        again(bank, names, user, sha256)
    other = bank.submitted("quinn")
    names.add(sha256=other.sha256)
    link = {"reference": visible[0], "tlp": "amber", "type": "parent", "userAgent": AGENT}
    bank.data(bank.post(f"{other.path}/link", {**link, "customer": "quarry"}, CHIEF))
    facts = [{"kind": "tlsh", "value": near_to(TLSH, 5)}]
    bank.analyse(other, worker, 40, CHIEF, customer="quarry", facts=facts)


def again(bank: Bank, names: Names, user: str, sha256: str) -> None:
    """The bytes of a visible sample are submitted by others, too. The job does not end: a verdict would be told to all."""
    sample = Sample(data=names.stored[sha256])
    submission = bank.submit(sample, user, fileName="secret.exe", metaData={**names.plan, KEY: VALUE})
    names.add(sha256=sha256, submissionID=submission["id"])
    names.shared.add(sha256)
    job = next(one for one in bank.jobs_of(sample) if one["state"] == "enqueued")
    names.add(sha256=sha256, jobID=job["id"])


def by_others(bank: Bank, names: Names) -> None:
    """Hunts, tasks, sessions and saved queries of others."""
    for user in ("hana", "quinn"):
        hunt = begun(bank, rules_for(WORD), user)
        names.add(huntID=hunt["id"], number="0")
        visitor = Visitor(bank.url).sign_in(bank.keys[user])
        assert visitor.post("/queries", {"kind": "jobs", "name": "Mine", "q": "state:done"}).status == 200
        asked = bank.post("/samplebank/v1/sample/reanalyse", {"keywords": [INVOICE]}, user)
        correlation = bank.data(asked)["correlationID"]
        (task,) = bank.data(bank.post(f"{V2}/servicetask/search", {"correlationID": [correlation]}, user))
        names.add(serviceTaskID=task["id"])


def rules(bank: Bank, names: Names, worker: str) -> None:
    """A rule for customers of others."""
    body = {
        "name": "secret rule",
        "description": WORD,
        "match": {"customer": {"customerOrGroup": ["quarry", "harbour"]}},
        "action": {"workers": {"add": [worker]}},
    }
    names.add(id=bank.data(bank.post(RULES, body))["id"])
