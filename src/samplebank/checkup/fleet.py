"""Hosts and workers beside each other: settings that differ, and versions of workers and rules."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from samplebank.assembly import Bank
from samplebank.checkup.model import Finding, advice, good
from samplebank.database import Columns, Connection, Statement
from samplebank.installation import services
from samplebank.policy.presence import GIVEN_UP
from samplebank.settings import PREFIX
from samplebank.timespec import Millis

#: milliseconds in which a service at work was seen
LATELY: Millis = 5 * 60_000
#: analyses that are looked at where not all are, in blocks by chance
SOME = 20_000
#: a share of analyses by other versions from which on old analyses prevail, and the fewest analyses that tell
MOST_OLD, FEWEST = 0.5, 20
PROCESSES = Statement("""
    SELECT w.short_name, p.agent_version, count(*) FROM worker_process p JOIN worker w ON w.id = p.worker_id
     WHERE w.deleted_time IS NULL AND p.due_time >= :since GROUP BY w.short_name, p.agent_version
""")
# The version of an analysis begins as the version of the process does; libraries stand behind a blank.
ANALYSES = """
    SELECT agent_name, split_part(agent_version, ' ', 1) AS version, count(*) AS number FROM analysis {sample}
     GROUP BY agent_name, split_part(agent_version, ' ', 1)
"""
SHARE = "SELECT least(100, 100.0 * $1::float / greatest(reltuples, 1)) FROM pg_class WHERE oid = 'analysis'::regclass"
POLICY = "SELECT version, (SELECT count(*) FROM policy_rule WHERE deleted_time IS NULL) AS rules FROM policy"
#: what to do about processes of a worker that differ
NEWER = "Bring the processes of the older release to the newer, and start them again."
SAME_RULES = "Give all processes the same folder of rules."


class Analyses(NamedTuple):
    """How many analyses a worker made in a version."""

    agent_name: str
    version: str
    number: int


ANALYSED = Columns(Analyses, agent_name="agent_name", version="version", number="number")


async def examine_fleet(bank: Bank, *, is_full: bool) -> list[Finding]:
    now = bank.clock()
    async with bank.database.transaction(read_only=True) as db:
        known = await services.others(db, "", since=now - LATELY)
        processes = await PROCESSES.rows(db, since=now - GIVEN_UP)
        versions, remarks = _by_worker(processes)
        analyses = await _analyses(db, is_full=is_full)
        policy = await db.fetchrow(POLICY)
    assert policy is not None  # noqa: S101 for the type checker: the row is there from the first migration on
    rules = f"The policy has version {policy[0]} and {policy[1]} rules."
    found = [
        *_settings(known),
        *_unequal(versions, "run different versions", NEWER),
        *_unequal(remarks, "have different rules", SAME_RULES),
        *_old(versions, analyses),
    ]
    return [*found, good("versions", f"{_in_use(versions)} {rules}")]


def _by_worker(
    rows: Iterable[tuple[str, str | None, int]],
) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    """The live processes of each worker by version, and by what they remark on their rules."""
    versions: dict[str, Counter[str]] = defaultdict(Counter)
    remarks: dict[str, Counter[str]] = defaultdict(Counter)
    for worker, agent_version, number in rows:
        version, _, remark = (agent_version or "unknown").partition(" ")
        versions[worker][version] += number
        remarks[worker][remark] += number
    return dict(versions), dict(remarks)


async def _analyses(db: Connection, *, is_full: bool) -> list[Analyses]:
    share = 100.0 if is_full else await db.fetchval(SHARE, SOME)
    sample = "" if share >= 100.0 else f"TABLESAMPLE SYSTEM ({share:f})"  # noqa: PLR2004 percent
    return [ANALYSED.read(row) for row in await db.fetch(ANALYSES.format(sample=sample))]


def _settings(known: Mapping[str, Mapping[str, str]]) -> list[Finding]:
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for host, settings in known.items():
        for name, value in settings.items():
            values[name][value].append(host)
    differ = [f"{PREFIX}{name.upper()}" for name, hosts in sorted(values.items()) if len(hosts) > 1]
    if not differ:
        return [good("settings", "The hosts at work share all settings that hosts have to share.")]
    said = f"The hosts {', '.join(sorted(known))} do not share {', '.join(differ)}."
    return [
        advice("settings", said, "Give all hosts the same value: the log of each host has `settings.differ`.")
    ]


def _unequal(values: Mapping[str, Counter[str]], what: str, remedy: str) -> list[Finding]:
    """Advice for each worker whose processes differ in what was counted."""
    return [
        advice("versions", f"Processes of the worker {worker} {what}: {_told(numbers)}.", remedy)
        for worker, numbers in sorted(values.items())
        if len(numbers) > 1
    ]


def _old(versions: Mapping[str, Counter[str]], analyses: Iterable[Analyses]) -> list[Finding]:
    """Advice where most of a worker's analyses are of versions that no live process has."""
    total, old = Counter[str](), Counter[str]()
    for one in analyses:
        if one.agent_name in versions:
            total[one.agent_name] += one.number
            old[one.agent_name] += 0 if one.version in versions[one.agent_name] else one.number
    return [
        advice(
            "versions",
            f"{old[worker]} of {number} analyses by {worker} that were looked at are of other versions than those at work.",
            "Where the newer version finds more, have samples analysed again: *Analyse again* on the page of a search.",
        )
        for worker, number in sorted(total.items())
        if number >= FEWEST and old[worker] > MOST_OLD * number
    ]


def _in_use(versions: Mapping[str, Counter[str]]) -> str:
    if not versions:
        return "No process of a worker was heard of lately."
    told = ", ".join(f"{worker} {', '.join(sorted(numbers))}" for worker, numbers in sorted(versions.items()))
    return f"At work are {told}."


def _told(numbers: Counter[str]) -> str:
    return ", ".join(f"{name or 'no remark'} ({number})" for name, number in sorted(numbers.items()))
