"""Every role walks all pages: links lead somewhere, and a page offers what its visitor may do."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from urllib.parse import urljoin, urlsplit

import pytest
from selectolax.lexbor import LexborNode

from kit.users import USERS
from kit.visitor import Shown
from samplebank.accounts.model import ROLES, Permission
from samplebank.http.operation import Operation
from web.conftest import Visitors
from web.walking import CHANGED, READ, Walked, obeyed, walk

#: what forms lead to, by the pattern of the path
FORMS = [
    (re.compile(re.sub(r"{.*?}", "[^/]+", path)), operation)
    for path, operation in [*CHANGED, *READ]
    if "{" not in path or operation in [one for _, one in CHANGED]
]


def sees_samples(role: str | None) -> bool:
    return Permission.VIEW_SAMPLES in ROLES.get(role or "", frozenset())


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


@pytest.mark.parametrize("user", USERS)
def test_buttons_that_do_different_things_have_different_names(
    walked: Callable[[str], Walked], user: str
) -> None:
    """Who hears the buttons of a page, one after the other, knows what each is about."""
    shared = {
        (path, name)
        for path, shown in walked(user).pages.items()
        for name, sent in sent_by_buttons(shown).items()
        if len(sent) > 1
    }

    assert shared == set()


def sent_by_buttons(shown: Shown) -> dict[str, set[str]]:
    """What buttons of forms send without a visitor's doing, by the names of the buttons."""
    sent: dict[str, set[str]] = {}
    for form in shown.all("form[method=post]"):
        hidden = [one.attributes.get("value") for one in form.css("input[type=hidden]")]
        for button in form.css("button:not([formaction])"):
            name = button.attributes.get("aria-label") or button.text(strip=True)
            sent.setdefault(name, set()).add(f"{form.attributes['action']} {hidden}")
    return sent


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
