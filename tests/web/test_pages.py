"""Every page: for whom, with which headers, and whether hostile text stays harmless."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import pytest
from selectolax.lexbor import LexborNode

from architecture.test_access import EVERYWHERE, USERS
from hunts.hunting import begun, claimed, end, rules_for
from kit.bank import AGENT, CHIEF, ROBOT, Bank, Sample, eventually, name_of
from kit.policy_rules import RULES
from kit.service import Service
from kit.visitor import Shown, Visitor
from samplebank.accounts.model import ROLES, Permission
from samplebank.http.operation import Operation
from samplebank.web import assets, headers
from samplebank.web.app import ROUTES
from web.conftest import Visitors

NO_ID = "00000000-0000-0000-0000-000000000000"
NOTHING = {
    "sha256": "0" * 64,
    "a": "0" * 64,
    "b": "0" * 64,
    "job_id": NO_ID,
    "analysis_id": NO_ID,
    "evidence_id": NO_ID,
    "batch_id": NO_ID,
    "worker": "nobody",
    "task_id": NO_ID,
    "hunt_id": NO_ID,
    "query_id": NO_ID,
}
#: the most statements of a page. A view of a sample takes one for the head: the sample with the newest visible name.
USUAL = 4
STATEMENTS = {
    # samples in need of eyes, arrivals, work under way, the newest jobs with names, and news to the visitor
    "showToday": 5,
    # without a query the rows come with names and the number of all
    "showSamples": 1,
    "showFacets": 1,
    # the rows with names, tasks and the number of all, and the numbers by state
    "showJobs": 2,
    # the job with the plan, the tasks with facts, the name. A job that is not done asks for rates, too.
    "showJob": 3,
    # the head, submissions, analyses, links by type, notes and jobs
    "showSample": 6,
    # the head, whether the bytes are for the visitor, and where the parts of the file lie
    "showBytes": 1,
    "showStrings": 1,
    "showRaw": 1,
    "showWorkers": 3,
    # the worker, the statements of all lines, and the history
    "showWorker": 5,
    "showFailures": 1,
    "showRetry": 1,
    # the head with the numbers of links by type, the links of others and the tree below; the links with target samples
    "showRelations": 2,
    # the head, the facts, near samples, samples with the same values, and what is known of all samples
    "showSimilar": 5,
    # the entries, and their number
    "showAudit": 2,
    # the sessions, the keys, and the saved queries
    "showAccount": 3,
    # of each the head and what analyses tell; of both the names, whose bytes may be read, and the facts with their rarity
    "compareTwo": 8,
}
#: names and values chosen by attackers
HOSTILE = (
    "<svg onload=alert(1)>\u202e\u200b\x1b[31m'\"><script>alert(1)</script> http://evil.example/ {{ 1234 * 4321 }} "
    "\u2066\u2028&lt; javascript:alert(1)"
)


#: the same without control characters
HOSTILE_LINE = HOSTILE.replace("\x1b", "")


#: as hostile as the pattern of the interface allows
TAME = 'javascript:alert(1) \'"" http://evil.example/ {{ 1234 * 4321 }}'


def path_of(path: str, names: dict[str, str]) -> str:
    parts = (
        names.get(part.strip("{}").split(":")[0], part) if "{" in part else part for part in path.split("/")
    )
    return "/".join("x" if "{" in part else part for part in parts)


def guarded(method: str) -> list[tuple[str, Operation]]:
    return [
        (path, route.opt["operation"])
        for route in ROUTES
        for path in sorted(route.paths)
        if "operation" in route.opt and method in route.http_methods
    ]


READ, CHANGED = guarded("GET"), guarded("POST")
#: what forms lead to, by the pattern of the path
FORMS = [
    (re.compile(re.sub(r"{.*?}", "[^/]+", path)), operation)
    for path, operation in [*CHANGED, *READ]
    if "{" not in path or operation in [one for _, one in CHANGED]
]
#: forbidden by the policy of pages, and needed by hostile text
OBEYED = "svg[onload], script:not([src]), [onload], [onerror], [style]"


def sees_samples(role: str | None) -> bool:
    return Permission.VIEW_SAMPLES in ROLES.get(role or "", frozenset())


def ids(pairs: list[tuple[str, Operation]]) -> list[str]:
    return [operation.id for _, operation in pairs]


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
    worker = bank.worker()["shortName"]
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


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_a_page_is_for_who_holds_one_of_its_permissions(
    visitor: Visitors, path: str, operation: Operation, user: str
) -> None:
    held = ROLES.get(USERS[user] or "", frozenset())
    expected = not operation.needs or bool(held & set(operation.needs))
    if operation.installation_wide or operation.everywhere:
        expected = expected and user in EVERYWHERE

    shown = visitor(user).get(path_of(path, NOTHING))

    assert (shown.status != 403) is expected
    assert shown.status < 500


@pytest.mark.parametrize(("path", "operation"), CHANGED, ids=ids(CHANGED))
def test_a_change_needs_a_session(stranger: Visitor, path: str, operation: Operation) -> None:
    assert stranger.post(path_of(path, NOTHING)).status == 401, operation.id


@pytest.mark.parametrize(("path", "operation"), CHANGED, ids=ids(CHANGED))
def test_a_change_needs_a_page_of_the_service(visitor: Visitors, path: str, operation: Operation) -> None:
    refused = visitor("chief").post(path_of(path, NOTHING), headers={"Sec-Fetch-Site": "cross-site"})

    assert refused.status == 403, operation.id


@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_a_page_without_a_session_leads_to_the_sign_in_page(
    stranger: Visitor, path: str, operation: Operation
) -> None:
    shown = stranger.get(path_of(path, NOTHING), follow=False)

    assert shown.status == 303, operation.id
    assert "login?next=" in shown.response.headers["Location"]


@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_a_page_has_the_headers_of_pages(
    visitor: Visitors, hostile: dict[str, str], path: str, operation: Operation
) -> None:
    shown = visitor("chief").get(path_of(path, hostile))

    assert shown.status == 200, operation.id
    if "Content-Disposition" not in shown.response.headers:
        assert {name: shown.response.headers.get(name) for name in headers.PAGE} == headers.PAGE
    else:
        assert shown.response.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in shown.response.headers["Content-Security-Policy"]


def is_page(shown: Shown) -> bool:
    return shown.response.headers["Content-Type"].startswith("text/html")


def obeyed(shown: Shown) -> list[str]:
    """Hostile text that a browser would obey, or a reader would not see."""
    found = [node.html or "" for node in shown.all(OBEYED)]
    unseen = {c for c in shown.html if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}}
    elsewhere = [link for link in shown.links() if urlsplit(link).scheme]
    return [
        *found,
        *map(ascii, unseen),
        *elsewhere,
        *(["http://evil"] if "http://evil" in shown.html else []),
    ]


@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_hostile_text_is_shown_and_not_obeyed(
    visitor: Visitors, hostile: dict[str, str], path: str, operation: Operation
) -> None:
    shown = visitor("chief").get(path_of(path, hostile))

    if is_page(shown):
        assert obeyed(shown) == [], operation.id
        assert "5332114" not in shown.text("h1").replace(hostile["worker"], "")


class Walked(NamedTuple):
    """The pages of a user by their paths, and where the links on the pages lead."""

    pages: dict[str, Shown]
    links: dict[str, int]


def walk(one: Visitor, names: dict[str, str]) -> Walked:
    """Walk all pages open to somebody, and each link on the pages once. No page fails."""
    seen = {path: one.get(path_of(path, names)) for path, _ in READ}
    assert {path: shown.status for path, shown in seen.items() if shown.status >= 500} == {}
    pages = {path: shown for path, shown in seen.items() if shown.status == 200 and is_page(shown)}
    links = {urljoin(shown.response.url, link) for shown in pages.values() for link in shown.links()}
    followed = {link for link in links if "#" not in link}
    return Walked(pages, {link: one.get(link.removeprefix(one.url)).status for link in followed})


@pytest.fixture(scope="module")
def walked(visitor: Visitors, hostile: dict[str, str]) -> Callable[[str], Walked]:
    """Walk the pages as a user, once."""
    return cache(lambda user: walk(visitor(user), hostile))


@pytest.mark.parametrize("user", USERS)
def test_every_link_of_a_page_leads_somewhere(walked: Callable[[str], Walked], user: str) -> None:
    """For each role: no page offers a link that the visitor may not open."""
    found = walked(user)

    assert {link: status for link, status in found.links.items() if status != 200} == {}
    assert len(found.pages) >= 3


@pytest.mark.parametrize("user", USERS)
def test_every_role_is_safe_from_hostile_text(walked: Callable[[str], Walked], user: str) -> None:
    assert {path: obeyed(shown) for path, shown in walked(user).pages.items() if obeyed(shown)} == {}


@pytest.mark.parametrize("user", USERS)
def test_a_page_offers_only_what_its_visitor_may_do(walked: Callable[[str], Walked], user: str) -> None:
    held = ROLES.get(USERS[user] or "", frozenset())
    offered = {
        (path, operation.id)
        for path, shown in walked(user).pages.items()
        for operation in offered_on(shown)
        if operation.needs and not held & set(operation.needs)
    }

    assert offered == set()


def offered_on(shown: Shown) -> list[Operation]:
    """The actions of the forms of a page, and of buttons that lead elsewhere."""
    places = [(node, "action") for node in shown.all("form[action]")]
    places += [(node, "formaction") for node in shown.all("button[formaction]")]
    paths = [urlsplit(urljoin(shown.response.url, str(node.attributes[name]))).path for node, name in places]
    return [operation for path in paths for pattern, operation in FORMS if pattern.fullmatch(path)]


@pytest.mark.parametrize("user", USERS)
def test_without_scripts_no_button_stands_idle(walked: Callable[[str], Walked], user: str) -> None:
    """A button that sends no form is hidden until a script shows the button."""
    idle = {
        (path, button.text())
        for path, shown in walked(user).pages.items()
        for button in shown.all("button[type=button]")
        if not any(
            "hidden" in one.attributes or "scripted" in classes_of(one) for one in [button, *above(button)]
        )
    }

    assert idle == set()


def above(node: LexborNode) -> Iterator[LexborNode]:
    while (parent := node.parent) is not None:
        yield parent
        node = parent


def classes_of(node: LexborNode) -> list[str]:
    return (node.attributes.get("class") or "").split()


@pytest.mark.parametrize("user", [user for user, role in USERS.items() if not sees_samples(role)])
def test_who_may_not_look_at_samples_finds_none(
    walked: Callable[[str], Walked], hostile: dict[str, str], user: str
) -> None:
    """For those who only send files, and for workers."""
    told = {path for path, shown in walked(user).pages.items() if hostile["b"] in shown.html}

    assert told == set()


@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_what_others_own_looks_like_what_is_missing(
    visitor: Visitors, hostile: dict[str, str], path: str, operation: Operation
) -> None:
    if "{" not in path:
        assert hostile["sha256"] not in visitor("quinn").get(path).html, operation.id
        return
    foreign = visitor("quinn").get(path_of(path, hostile))
    missing = visitor("quinn").get(path_of(path, NOTHING))

    def told(shown: Shown, names: dict[str, str]) -> str:
        text = shown.text()
        for name in names.values():
            text = text.replace(name, "")
        return text

    assert (foreign.status, told(foreign, hostile)) == (missing.status, told(missing, NOTHING))


@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_an_unknown_parameter_is_refused_on_a_page(
    visitor: Visitors, hostile: dict[str, str], path: str, operation: Operation
) -> None:
    shown = visitor("chief").get(f"{path_of(path, hostile)}?nonsense=1")

    assert shown.status == 400, operation.id
    assert "nonsense" in shown.text()


@pytest.mark.parametrize(
    "path", ["/nothing", "/sample/xyz", "/job/xyz", "/sample/" + "0" * 63, "/-/0/app.css"]
)
def test_an_unknown_page_says_so(visitor: Visitors, path: str) -> None:
    shown = visitor("chief").get(path)

    assert shown.status == 404
    assert shown.all("h1")


def test_a_malformed_digest_is_told_apart(visitor: Visitors) -> None:
    shown = visitor("chief").get(f"/sample/{'0' * 63}")

    assert (shown.status, "64 hexadecimal digits" in shown.text()) == (404, True)


def test_an_unknown_page_has_the_frame_of_the_visitor(visitor: Visitors) -> None:
    shown = visitor("chief").get("/nothing")

    assert "chief" in shown.text("nav")
    assert "Sign in" not in shown.text()


def test_an_unknown_page_offers_strangers_to_sign_in(stranger: Visitor) -> None:
    shown = stranger.get("/nothing")

    assert shown.status == 404
    assert "Sign in" in shown.text()


def test_an_asset_is_kept_for_ever(stranger: Visitor) -> None:
    shown = stranger.get(f"/{assets.path_of('app.css')}")

    assert shown.status == 200
    assert shown.response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_programs_still_get_json_at_unknown_paths(bank: Bank) -> None:
    answer: Any = bank.get("/nothing")

    assert (answer.status_code, answer.json()["responseCode"]) == (404, 404)


def test_a_pasted_digest_leads_to_the_sample(
    service: Service, visitor: Visitors, hostile: dict[str, str]
) -> None:
    shown = visitor("chief").get(f"/sample/%20SHA256:{hostile['sha256'].upper()}")

    assert shown.response.url == f"{service.url}/sample/{hostile['sha256']}"


@pytest.mark.parametrize("name", ["md5", "sha1", "sha512"])
def test_another_digest_leads_to_the_samples_with_the_digest(
    bank: Bank, visitor: Visitors, hostile: dict[str, str], name: str
) -> None:
    digest = bank.data(bank.get(f"/sampledb/v2/sample/{hostile['sha256']}"))[name]

    shown = visitor("chief").get(f"/sample/{digest}")

    assert [node.attributes["value"] for node in shown.all("input[name=sha256]")] == [hostile["sha256"]]


@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_a_page_asks_few_statements(
    visitor: Visitors, hostile: dict[str, str], path: str, operation: Operation
) -> None:
    chief, most = visitor("chief"), STATEMENTS.get(operation.id, USUAL)

    def few() -> bool:
        shown = chief.get(path_of(path, hostile))
        return not (is_page(shown) and shown.all("footer")) or statements_of(shown) <= most

    # a search that takes long on a busy machine begins again, and asks twice
    assert eventually(few), operation.id


def statements_of(shown: Shown) -> int:
    return int(shown.text("footer span").split()[0])
