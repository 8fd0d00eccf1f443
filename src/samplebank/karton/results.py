"""Turns findings into analyses: one for each sample and each service, and one of the bridge with what happened."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from samplebank.karton.findings import ChildFound, Finding
from samplebank.nesting import written_out
from samplebank.worker import wire
from samplebank.worker.contract import NO_FINDINGS, Detection, Result, Tag, TagType

#: the worker of the policy, under whose name the bridge tells what happened
WORKER: Final = "karton"
YARA: Final = "yara:"
#: entries of a list of the result
MOST: Final = 1000


class Crash(msgspec.Struct, frozen=True):
    """A task that crashed. `reason` is the last line of the trace."""

    service: str
    reason: str


class Account(msgspec.Struct, frozen=True):
    """What happened in an analysis: its tasks that crashed, the number of tasks, and of tasks that were sent anew."""

    root: str
    version: str
    crashes: Sequence[Crash]
    tasks: int
    restarted: int


class Terms(msgspec.Struct, frozen=True):
    """What every analysis of a job is stored with. `config_score` is the score of a configuration that was found."""

    customer: str
    tlp: str
    most: int | None = None
    config_score: int = NO_FINDINGS


class Request(msgspec.Struct, frozen=True):
    """An analysis to be stored: the sample, the service, and the body of the request."""

    sample: str
    service: str
    body: dict[str, Any]


def requests_of(
    findings: Iterable[Finding], known: set[str], sample: str, account: Account, terms: Terms
) -> list[Request]:
    """The analyses of all samples that came out of a sample. `known` are the samples that the service has."""
    told = list(findings)
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in told:
        if finding.problem is None and finding.sample in known:
            groups[finding.sample, finding.service].append(finding)
        if finding.child is not None:
            groups[finding.child.parent, finding.child.service].append(finding)
    requests = [
        _request(about, service, some, account.root, terms)
        for (about, service), some in sorted(groups.items())
        if about in known
    ]
    return [*requests, Request(sample, WORKER, _summary(told, known, account, terms))]


def _request(about: str, service: str, findings: list[Finding], root: str, terms: Terms) -> Request:
    own = [finding for finding in findings if finding.sample == about and finding.service == service]
    children = [
        (finding.sample, finding.child)
        for finding in findings
        if finding.child and (finding.child.parent, finding.child.service) == (about, service)
    ]
    families = sorted({finding.family for finding in own if finding.family})
    # families first: an analysis has a bound of tags
    tags = families + sorted({tag for finding in own for tag in finding.tags} - set(families))
    result = {
        "root": root,
        "recognized": _distinct(finding.recognized for finding in own),
        "attributes": _attributes(own),
        "comments": sorted({comment for finding in own for comment in finding.comments})[:MOST],
        "configs": _distinct({"family": f.family, "config": f.config} for f in own if f.family),
        "blobs": _distinct(finding.blob for finding in own),
        "children": _distinct(_child(sha256, child) for sha256, child in children),
    }
    versions = {finding.version for finding in own} | {child.version for _, child in children}
    body = _body(
        Result(
            score=terms.config_score if families else NO_FINDINGS,
            result={name: value for name, value in result.items() if value},
            tags=[_tag(tag, families) for tag in tags],
            detections=[Detection(family, "malicious") for family in families],
        ),
        terms,
        service,
        max(versions, default="unknown"),
    )
    return Request(about, service, body)


def _summary(findings: list[Finding], known: set[str], account: Account, terms: Terms) -> dict[str, Any]:
    strangers = [f for f in findings if f.problem is None and f.sample not in known and f.child is None]
    problems = [finding.problem for finding in findings if finding.problem]
    problems += [
        f"A task of {f.service} is not taken: {f.sample} did not come out of the sample of this job."
        for f in strangers
    ]
    services = {f.service: f.version for f in findings}
    services |= {f.child.service: f.child.version for f in findings if f.child}
    result = {
        "root": account.root,
        "services": dict(sorted(services.items())),
        "tasks": account.tasks,
        "restarted": account.restarted,
        "crashed": _distinct(msgspec.to_builtins(crash) for crash in account.crashes),
        "problems": sorted(set(problems))[:MOST],
    }
    return _body(Result(result=result), terms, WORKER, account.version)


def _body(result: Result, terms: Terms, service: str, version: str) -> dict[str, Any]:
    name = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_:-.") else "_" for letter in service
    )
    agent = {"name": name[:255] or "unknown", "version": wire.text(version) or "unknown"}
    body = wire.analysis_request(result, customer=terms.customer, tlp=terms.tlp, agent=agent)
    size = written_out(msgspec.json.encode(body["analysisResult"]))
    if terms.most is not None and size > terms.most:
        body["analysisResult"] = {
            "tooLarge": f"The result has {size} bytes; the service takes {terms.most} at most."
        }
    return body


def _tag(tag: str, families: list[str]) -> Tag:
    kind: TagType = "yara" if tag.startswith(YARA) else "family" if tag in families else "behaviour"
    return Tag(kind, tag.removeprefix(YARA))


def _child(sha256: str, child: ChildFound) -> dict[str, Any]:
    told = {"path": child.path, "size": child.size, "sha256": sha256, "outcome": child.outcome}
    return {**told, "reason": child.reason} if child.reason else told


def _attributes(findings: list[Finding]) -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = defaultdict(list)
    for finding in findings:
        for name, values in finding.attributes.items():
            told[name] += values
    return {name: _distinct(values) for name, values in sorted(told.items())}


def _distinct(values: Iterable[Any]) -> list[Any]:
    """The values without repeats and empty ones, in an order of their own: so the same findings make the same request."""
    encoded = {msgspec.json.encode(value, order="sorted") for value in values if value}
    return [msgspec.json.decode(one) for one in sorted(encoded)][:MOST]
