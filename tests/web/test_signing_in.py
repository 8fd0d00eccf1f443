"""Signing in and out: a key or a link becomes a session, and nothing else does."""

import json
from urllib.parse import quote

import pytest

from kit.bank import Bank, eventually
from kit.service import Service
from kit.visitor import SAME_ORIGIN, Visitor


def link_for(service: Service, user: str) -> str:
    done = service.run("login", user, "--json")
    assert done.returncode == 0, done.stderr
    url: str = json.loads(done.stdout)["url"]
    return url


def sign_in_by(link: str, stranger: Visitor) -> int:
    return stranger.post("/login", {"link": link.partition("?link=")[2]}).status


def test_a_page_leads_a_stranger_to_the_sign_in_page_once(stranger: Visitor) -> None:
    first = stranger.get("/jobs?q=state:done", follow=False)
    second = stranger.get("/" + first.response.headers["Location"], follow=False)

    assert first.status == 303
    assert second.status == 200
    assert second.all("input[name=next]")[0].attributes["value"] == "/jobs?q=state:done"


def test_a_key_signs_in_and_leads_to_the_page_asked_for(service: Service, stranger: Visitor) -> None:
    shown = stranger.post("/login", {"key": service.keys["mia"], "next": "/jobs?q=state:done"})

    assert shown.status == 200
    assert shown.response.url == f"{service.url}/jobs?q=state:done"


def test_a_pasted_key_may_have_blanks_around(service: Service, stranger: Visitor) -> None:
    assert stranger.post("/login", {"key": f" {service.keys['mia']}\r\n"}).status == 200


@pytest.mark.parametrize("key", ["", "sb_unknown", "sb_" + "a" * 43, "ü" * 50])
def test_a_bad_key_is_refused_on_the_page(stranger: Visitor, key: str) -> None:
    shown = stranger.post("/login", {"key": key})

    assert shown.status == 401
    assert "key" in shown.text("[role=alert]").lower()
    assert stranger.cookies == {}


def test_a_link_signs_in_without_a_key(service: Service, stranger: Visitor) -> None:
    link = link_for(service, "mia")

    offered = stranger.get(link.removeprefix(service.url))
    signed_in = sign_in_by(link, stranger)

    assert (offered.status, len(offered.all("input[name=link]"))) == (200, 1)
    assert signed_in == 200


def test_looking_at_a_link_does_not_use_the_link_up(service: Service, stranger: Visitor) -> None:
    link = link_for(service, "mia")
    stranger.get(link.removeprefix(service.url))
    stranger.get(link.removeprefix(service.url))

    assert sign_in_by(link, stranger) == 200


def test_a_link_works_once(service: Service) -> None:
    link = link_for(service, "mia")
    sign_in_by(link, Visitor(service.url))

    assert sign_in_by(link, Visitor(service.url)) == 401


def test_a_link_is_for_known_users_only(service: Service) -> None:
    done = service.run("login", "nobody-of-that-name")

    assert done.returncode == 1
    assert "nobody-of-that-name" in done.stderr


def test_a_session_has_the_rights_of_its_key(service: Service, bank: Bank) -> None:
    done = service.run("key", "create", "chief", "--customer", "quarry", "--json")
    narrowed = Visitor(service.url).sign_in(json.loads(done.stdout)["key"])
    of_mill, of_quarry = bank.submitted(user="mia"), bank.submitted(user="quinn")

    assert narrowed.get(f"/sample/{of_mill.sha256}").status == 404
    assert narrowed.get(f"/sample/{of_quarry.sha256}").status == 200


def test_a_session_ends_with_its_key(service: Service) -> None:
    key = json.loads(service.run("key", "create", "mia", "--json").stdout)
    visitor = Visitor(service.url).sign_in(key["key"])

    service.run("key", "revoke", key["id"])

    assert eventually(lambda: visitor.get("/jobs", follow=False).status == 303)


def test_signing_out_ends_the_session(service: Service) -> None:
    visitor = Visitor(service.url).sign_in(service.keys["mia"])
    kept = visitor.cookies

    answer = visitor.post("/logout", follow=False)

    thief = Visitor(service.url)
    header = {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
    assert answer.response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert eventually(lambda: thief.get("/jobs", follow=False, headers=header).status == 303)


def test_signing_out_takes_the_cookies_of_the_service_and_of_nothing_else(service: Service) -> None:
    plain = Visitor(service.url).sign_in(service.keys["mia"]).cookies["samplebank"]
    tls = {"X-Forwarded-Proto": "https", **SAME_ORIGIN}

    answer = Visitor(service.url).post(
        "/logout", follow=False, headers={"Cookie": f"__Host-samplebank={plain}", **tls}
    )

    assert "cookies" not in answer.response.headers["Clear-Site-Data"]
    taken = answer.response.raw.headers.getlist("Set-Cookie")
    assert sorted(one.partition("=")[0] for one in taken) == ["__Host-samplebank", "samplebank"]
    assert all("Max-Age=0" in one for one in taken)


def test_a_cookie_that_does_not_come_back_is_explained(stranger: Visitor) -> None:
    shown = stranger.get("/login?tried=1&next=%2Fjobs", follow=False)

    assert shown.status == 200
    assert "cookie did not come back" in shown.text("[role=alert]")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "/a\r\nX: y",
        "evil",
        "",
        "/" + "a" * 3000,
    ],
)
def test_signing_in_leads_nowhere_else(service: Service, stranger: Visitor, elsewhere: str) -> None:
    shown = stranger.post("/login", {"key": service.keys["mia"], "next": elsewhere})

    assert shown.response.url == f"{service.url}/"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(service: Service, stranger: Visitor) -> None:
    answer = stranger.post("/login", {"key": service.keys["mia"]}, follow=False)

    cookie = answer.response.headers["Set-Cookie"]
    assert cookie.startswith("samplebank=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")


def test_behind_tls_the_cookie_is_for_tls_only(service: Service, stranger: Visitor) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-Proto": "https"}

    answer = stranger.post("/login", {"key": service.keys["mia"]}, follow=False, headers=headers)

    cookie = answer.response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-samplebank=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


def test_behind_tls_a_cookie_that_neighbours_can_set_is_no_session(
    service: Service, stranger: Visitor
) -> None:
    own = Visitor(service.url).sign_in(service.keys["mia"]).cookies["samplebank"]
    cookies = {name: f"{name}={own}" for name in ("samplebank", "__Host-samplebank")}
    tls = {"X-Forwarded-Proto": "https"}

    statuses = {
        name: stranger.get("/jobs", follow=False, headers={"Cookie": cookie, **tls}).status
        for name, cookie in cookies.items()
    }

    assert statuses == {"samplebank": 303, "__Host-samplebank": 200}


def test_a_stranger_sends_small_forms_only(stranger: Visitor) -> None:
    assert stranger.post("/login", {"key": "a" * 20_000}).status == 413


@pytest.mark.parametrize("cookie", ["", "a", "x" * 43, "ü", "a" * 5000, '"', "samplebank"])
def test_a_forged_cookie_is_no_session(stranger: Visitor, cookie: str) -> None:
    header = {"Cookie": f"samplebank={cookie}".encode().decode("latin-1")}

    assert stranger.get("/jobs", follow=False, headers=header).status == 303


@pytest.mark.parametrize("other", ['prefs={"a": 1}', "accepted", "x=\u00fc", "list[]=1", "=", 'q="'])
@pytest.mark.parametrize("order", [1, -1], ids=["before", "behind"])
def test_cookies_of_other_programs_at_the_host_end_no_session(
    service: Service, stranger: Visitor, other: str, order: int
) -> None:
    (own,) = Visitor(service.url).sign_in(service.keys["mia"]).cookies.items()
    cookies = "; ".join([other, "=".join(own)][::order])

    shown = stranger.get("/jobs", follow=False, headers={"Cookie": cookies.encode().decode("latin-1")})

    assert shown.status == 200


def test_the_interface_knows_no_cookie(service: Service) -> None:
    visitor = Visitor(service.url).sign_in(service.keys["chief"])

    assert visitor.get("/sampledb/v2/job").status == 401


def test_pages_know_no_key(service: Service, stranger: Visitor) -> None:
    header = {"Argus-API-Key": service.keys["chief"]}

    assert stranger.get("/jobs", follow=False, headers=header).status == 303


def test_one_of_several_sessions_can_be_ended(service: Service) -> None:
    key = service.keys["nora"]
    here, there = Visitor(service.url).sign_in(key), Visitor(service.url).sign_in(key)
    others = [
        form.attributes["action"]
        for row in here.get("/me").all("section:first-of-type tbody tr")
        if "(this one)" not in row.text()
        for form in row.css("form")
    ]

    for action in others:
        here.post(f"/{action}".replace("/./", "/"))

    assert eventually(lambda: there.get("/me", follow=False).status == 303)
    assert here.get("/me", follow=False).status == 200


def test_a_session_of_somebody_else_cannot_be_ended(service: Service) -> None:
    mia = Visitor(service.url).sign_in(service.keys["mia"])
    nora = Visitor(service.url).sign_in(service.keys["nora"])
    action = str(nora.get("/me").all("section:first-of-type form")[0].attributes["action"])

    refused = mia.post(f"/{action}".replace("/./", "/"))

    assert refused.status == 404
    assert nora.get("/me", follow=False).status == 200


def test_a_service_without_a_provider_says_so(stranger: Visitor) -> None:
    offered = stranger.get("/login")

    assert [link for link in offered.links() if "oidc" in link] == []
    assert stranger.get("/login/oidc").status == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (f"/sample/{'0' * 64}/notes", f"/sample/{'0' * 64}"),
        ("/accounts/mia/grants", "/accounts/mia"),
        ("/customers/mill/remove", "/accounts"),
        ("/hunts", "/hunts"),
        ("/queries", "/me"),
    ],
)
def test_a_form_that_is_sent_without_a_session_leads_back_by_the_sign_in_page(
    stranger: Visitor, path: str, form: str
) -> None:
    refused = stranger.post(path)

    (link,) = [one for one in refused.links() if "login" in one]
    assert (refused.status, link.partition("login?next=")[2]) == (401, quote(form, safe=""))
