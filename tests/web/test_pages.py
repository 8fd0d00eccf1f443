"""Every page: for whom, with which headers, at which cost, and whether hostile text stays harmless."""

import re

import pytest

from kit.bank import eventually
from kit.users import EVERYWHERE, USERS
from kit.visitor import Shown, Visitor
from samplebank.accounts.model import ROLES
from samplebank.http.operation import Operation
from samplebank.http.turns import FREE
from samplebank.web import headers
from web.conftest import Visitors
from web.walking import CHANGED, NOTHING, READ, ids, is_page, obeyed, path_of

#: the forms that need a permission. Empty, and about nothing, a form changes nothing.
FORMS = [(path, operation) for path, operation in CHANGED if operation.needs]
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


def is_let_in(user: str, operation: Operation) -> bool:
    held = ROLES.get(USERS[user] or "", frozenset())
    if (operation.installation_wide or operation.everywhere) and user not in EVERYWHERE:
        return False
    return not operation.needs or bool(held & set(operation.needs))


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_a_page_is_for_who_holds_one_of_its_permissions(
    visitor: Visitors, path: str, operation: Operation, user: str
) -> None:
    shown = visitor(user).get(path_of(path, NOTHING))

    assert (shown.status != 403) is is_let_in(user, operation)
    assert shown.status < 500


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("path", "operation"), FORMS, ids=ids(FORMS))
def test_a_form_is_for_who_holds_one_of_its_permissions(
    visitor: Visitors, path: str, operation: Operation, user: str
) -> None:
    shown = visitor(user).post(path_of(path, NOTHING))

    assert (shown.status != 403) is is_let_in(user, operation)
    assert shown.status < 500


@pytest.mark.parametrize(("path", "operation"), CHANGED, ids=ids(CHANGED))
def test_a_change_needs_a_session(stranger: Visitor, path: str, operation: Operation) -> None:
    assert stranger.post(path_of(path, NOTHING)).status == 401, operation.id


@pytest.mark.parametrize(("path", "operation"), CHANGED, ids=ids(CHANGED))
def test_a_change_needs_a_page_of_the_service(visitor: Visitors, path: str, operation: Operation) -> None:
    refused = visitor("chief").post(path_of(path, NOTHING), headers={"Sec-Fetch-Site": "cross-site"})

    assert refused.status == 403, operation.id


@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_without_a_session_a_page_leads_to_the_sign_in_page_and_a_script_gets_no_content(
    stranger: Visitor, path: str, operation: Operation
) -> None:
    """Browsers call the sign-in page an error, where a script asks for a stream or for JSON."""
    shown = stranger.get(path_of(path, NOTHING), follow=False)

    is_led = "login?next=" in shown.response.headers.get("Location", "")
    assert (shown.status, is_led) == ((204, False) if operation.aside else (303, True)), operation.id


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


def test_a_page_runs_nothing_foreign_and_is_neither_framed_nor_guessed_nor_kept() -> None:
    policy = {part.strip() for part in headers.PAGE["Content-Security-Policy"].split(";")}

    assert policy >= {"default-src 'none'", "script-src 'self'", "form-action 'self'", "base-uri 'none'"}
    assert "frame-ancestors 'none'" in policy
    assert headers.PAGE["X-Content-Type-Options"] == "nosniff"
    assert headers.PAGE["Referrer-Policy"] == "no-referrer"
    assert headers.PAGE["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_hostile_text_is_shown_and_not_obeyed(
    visitor: Visitors, hostile: dict[str, str], path: str, operation: Operation
) -> None:
    shown = visitor("chief").get(path_of(path, hostile))

    if is_page(shown):
        assert obeyed(shown) == [], operation.id
        assert "5332114" not in shown.text("h1").replace(hostile["worker"], "")


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
    address = path_of(path, hostile)
    shown = visitor("chief").get(f"{address}{'&' if '?' in address else '?'}nonsense=1")

    assert shown.status == 400, operation.id
    assert "nonsense" in shown.text()


@pytest.mark.parametrize(("path", "operation"), READ, ids=ids(READ))
def test_a_page_asks_few_statements(
    visitor: Visitors, hostile: dict[str, str], path: str, operation: Operation
) -> None:
    chief, most = visitor("chief"), STATEMENTS.get(operation.id, USUAL)

    def few() -> bool:
        shown = chief.get(path_of(path, hostile))
        if not (is_page(shown) and shown.all("footer")):
            return True
        statements, milliseconds = map(int, re.findall(r"\d+", shown.text("footer span")))
        assert statements <= most or milliseconds >= 1000 * FREE, operation.id
        return statements <= most

    # a search that takes longer than `FREE` on a busy machine begins again, and asks twice
    assert eventually(few), operation.id
